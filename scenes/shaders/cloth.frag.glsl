#version 330
#include "common.glsl"
#include "noise.glsl"
// Jersey, cut at the neckline, with a ribbed collar.
uniform vec3 viewer;
uniform vec3 dye;
uniform vec4 neckline;  // A, B, C of engine.render.cloth; depth of the vee
in vec3 where;
in vec3 facing;
in vec3 on_face;
in vec4 lit;
out vec4 colour;

void main() {
    vec3 p = on_face;
    float dip = neckline.w * clamp(1.0 - abs(p.x) / 58.0, 0.0, 1.0) * clamp((p.z + 20.0) / 40.0, 0.0, 1.0);
    float s = p.y - (neckline.x + neckline.y * p.z + neckline.z * p.x * p.x - dip);
    if (s > 0.0) discard;
    vec3 n = normalize(facing);
    vec3 v = normalize(viewer - where);
    float band = smoothstep(-15.0, -13.6, s);
    float seam = smoothstep(1.6, 0.2, abs(s + 14.2));
    float rim = smoothstep(-3.5, 0.0, s);
    float around = atan(p.x, p.z + 25.0);
    float ribs = sin(around * 170.0) * band;
    float folds = clouds(p * vec3(0.016, 0.011, 0.016)) - 0.5;
    float weave = noise(p * vec3(1.6, 2.2, 1.6)) - 0.5;
    n = normalize(n + vec3(0.0, 0.55, -0.2) * rim - vec3(0, 0.5, 0) * smoothstep(-11.0, -15.0, s) * band
                  + vec3(cos(p.y * 0.045 + p.x * 0.03), 0.3, 0.0) * folds * 0.5 * (1.0 - band) + vec3(ribs * 0.14, 0, 0));
    vec3 base = dye * (1.0 + 0.28 * weave + 0.10 * ribs) * (1.0 - 0.45 * seam) * (1.0 - 0.10 * band);
    vec3 light = KEY_COLOUR * pow(clamp((dot(n, KEY) + 0.2) / 1.2, 0.0, 1.0), 1.2) * lit.y;
    light += FILL_COLOUR * clamp((dot(n, FILL) + 0.2) / 1.2, 0.0, 1.0) * lit.x + ambient(n) * lit.x;
    light += RIM_COLOUR * (max(dot(n, RIM_LEFT), 0.0) * lit.z + max(dot(n, RIM_RIGHT), 0.0) * lit.w);
    float fuzz = pow(1.0 - max(dot(n, v), 0.0), 3.0);
    vec3 seen = base * light + (0.06 + base) * fuzz * 0.5 * (ambient(n) * lit.x + 0.3 * RIM_COLOUR * (lit.z + lit.w));
    float low = smoothstep(-215.0, -120.0, where.y);
    colour = vec4(film(seen * (0.35 + 0.65 * low)), 1.0);
}
