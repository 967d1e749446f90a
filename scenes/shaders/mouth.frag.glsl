#version 330
#include "common.glsl"
// What is inside the mouth: lit through the opening between the lips.
uniform vec3 viewer;
uniform mat3 unturn;
uniform vec3 lips;  // head space: y of the upper inner lip, y of the lower, z of both
uniform vec3 tint;
uniform float teeth;  // 1 for teeth, 0 for tongue and cheeks
uniform float gloss;
in vec3 where;
in vec3 facing;
in vec3 on_face;
in vec2 at;
out vec4 colour;

void main() {
    vec3 n = normalize(facing);
    vec3 v = normalize(viewer - where);
    vec3 here = unturn * where;
    float gap = max(lips.x - lips.y, 0.0);
    float behind = max(lips.z - here.z, 0.0);
    float reach = 5.0 + 0.9 * gap;
    float open = exp(-behind / reach);
    open *= 0.25 + 0.75 * smoothstep(-3.0, 5.0, lips.x - here.y);
    open *= 0.6 + 0.4 * smoothstep(-2.0, 4.0, here.y - lips.y);
    vec3 base = tint;
    float k = clamp(dot(n, normalize(vec3(-0.3, 0.35, 0.88))) * 0.75 + 0.25, 0.0, 1.0);
    vec3 light = (KEY_COLOUR * k * 0.75 + ambient(n)) * open;
    vec3 h = normalize(vec3(-0.3, 0.3, 0.9) + v);
    vec3 seen = base * light + gloss * highlight(n, h, 60.0) * open * KEY_COLOUR;
    colour = vec4(film(seen), 1.0);
}
