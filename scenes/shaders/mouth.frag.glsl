#version 330
#include "common.glsl"
// What is inside the mouth: lit through the opening between the lips.
uniform vec3 viewer;
uniform mat3 unturn;
uniform vec3 lips;  // head space: y of the upper inner lip, y of the lower, z of both
uniform vec3 tint;
uniform vec3 teeth;  // 1 upper, -1 lower, 0 none; y of their edge on the average head; z of their back
uniform float gloss;
in vec3 where;
in vec3 facing;
in vec3 on_face;
in vec2 at;
out vec4 colour;

const float UPPER[6] = float[6](0.0, 8.3, 15.0, 22.4, 29.4, 36.4);  // mm along the arch to each gap
const float LOWER[6] = float[6](0.0, 5.4, 11.4, 18.2, 25.2, 32.2);

float to_gap(float s) {
    float nearest = 100.0;
    for (int k = 0; k < 6; k++) nearest = min(nearest, abs(s - (teeth.x > 0.0 ? UPPER[k] : LOWER[k])));
    return nearest;
}

void main() {
    vec3 n = normalize(facing);
    vec3 v = normalize(viewer - where);
    vec3 here = unturn * where;
    float gap = max(lips.x - lips.y, 0.0);
    float behind = max(lips.z - 6.0 - here.z, 0.0);
    float open = exp(-behind / (5.0 + 0.8 * gap));
    open *= 0.30 + 0.70 * smoothstep(-5.0, 4.0, lips.x - here.y);
    open *= 0.55 + 0.45 * smoothstep(-2.0, 4.0, here.y - lips.y);
    vec3 base = tint;
    if (teeth.x != 0.0) {
        float s = atan(abs(on_face.x), on_face.z - 50.0) * 42.0;
        float side = to_gap(s);
        float down = (on_face.y - teeth.y) * teeth.x - 0.0042 * on_face.x * on_face.x;  // from the edge
        if (down < 0.8 - 0.9 * side) discard;
        float gum = smoothstep(8.6, 9.6, down + 1.4 * smoothstep(2.2, 0.0, side));
        base *= mix(1.0, 0.62, smoothstep(0.55, 0.1, side));
        base *= mix(vec3(0.92, 0.95, 1.0), vec3(1.0), smoothstep(0.0, 3.0, down));
        base = mix(base, vec3(0.50, 0.19, 0.18), gum);
    }
    if (teeth.x == 0.0) open *= 0.35 + 0.65 * smoothstep(-0.2, 0.9, n.z) * smoothstep(-14.0, 2.0, here.z - lips.z + 22.0);
    float k = clamp(dot(n, normalize(vec3(-0.3, 0.35, 0.88))) * 0.75 + 0.25, 0.0, 1.0);
    vec3 light = (KEY_COLOUR * k * 0.62 + ambient(n)) * open;
    vec3 h = normalize(vec3(-0.3, 0.3, 0.9) + v);
    vec3 seen = base * light + gloss * highlight(n, h, 60.0) * open * KEY_COLOUR * 0.6;
    colour = vec4(film(seen), 1.0);
}
