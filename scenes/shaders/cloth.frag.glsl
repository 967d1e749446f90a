#version 330
#include "common.glsl"
// Jersey, cut at the neckline, with a ribbed collar.
uniform sampler2D weave;
uniform vec3 dye;
uniform vec4 neckline;  // A, B, C of engine.render.cloth; depth of the vee
in vec3 where;
in vec3 facing;
in vec3 on_face;
in vec4 lit;
in vec3 glow;
in vec3 view;
in vec3 edge;
out vec4 colour;

void main() {
    vec3 p = on_face;
    float dip = neckline.w * clamp(1.0 - abs(p.x) / 58.0, 0.0, 1.0) * clamp((p.z + 20.0) / 40.0, 0.0, 1.0);
    float s = p.y - (neckline.x + neckline.y * p.z + neckline.z * p.x * p.x - dip);
    if (s > 0.0) discard;
    float band = smoothstep(-15.0, -13.6, s);
    float seam = smoothstep(1.6, 0.2, abs(s + 14.2));
    float fabric = texture(weave, p.xy * 0.021).r - 0.5;
    float tilt = smoothstep(-3.5, 0.0, s) * 0.5 - smoothstep(-11.0, -15.0, s) * band * 0.45;
    float ribs = 0.0;
    if (band > 0.0) ribs = sin(atan(p.x, p.z + 25.0) * 170.0) * band;
    vec3 n = facing + vec3(ribs * 0.12, tilt, 0.0);
    vec3 base = dye * (1.0 + 0.5 * fabric + 0.10 * ribs) * (1.0 - 0.45 * seam) * (1.0 - 0.10 * band);
    float k = clamp((dot(n, KEY) + 0.2) / 1.2, 0.0, 1.0);
    vec3 light = KEY_COLOUR * k * lit.y + glow;
    float fuzz = 1.0 - max(dot(facing, view), 0.0);
    vec3 seen = base * light + (0.06 + base) * fuzz * fuzz * fuzz * (glow + edge) * 0.4;
    float low = smoothstep(-205.0, -110.0, where.y);
    colour = vec4(film(seen * (0.35 + 0.65 * low)), 1.0);
}
