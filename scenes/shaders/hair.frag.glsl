#version 330
#include "common.glsl"
// Strands: two shifted highlights along the hair, after J. Kajiya and T. Kay (1989) as
// S. Marschner's measurements (2003) divide them: a white one, and a coloured one nearer the tip.
uniform sampler2D sheet;
uniform vec3 viewer;
uniform vec3 dye;
uniform float grey;
in vec3 where;
in vec3 along;
in vec3 facing;
in vec2 at;
in vec4 lit;
in float tone;
out vec4 colour;

float strand(vec3 t, vec3 h, float power) {
    float d = dot(t, h);
    return pow(max(1.0 - d * d, 0.0), power * 0.5);
}

void main() {
    vec2 s = texture(sheet, at).rg;
    if (s.g < 0.22) discard;
    vec3 n = normalize(facing);
    vec3 v = normalize(viewer - where);
    if (dot(n, v) < 0.0) n = -n;
    vec3 t = normalize(along);
    float jitter = (s.r - 0.5) * 0.24;
    vec3 first = normalize(t + n * (jitter - 0.10));
    vec3 second = normalize(t + n * (jitter + 0.14));

    vec3 base = dye * (0.42 + 0.95 * s.r) * tone;
    float silver = step(fract(sin(floor(at.x * 96.0) * 12.99 + tone * 78.23) * 437.58), grey);
    base = mix(base, vec3(0.50, 0.48, 0.46) * (0.4 + 0.8 * s.r), silver * 0.85);
    base *= 0.55 + 0.45 * smoothstep(0.0, 0.35, at.y);

    float k = strand(t, KEY, 1.0) * (0.35 + 0.65 * clamp(dot(n, KEY) * 0.7 + 0.3, 0.0, 1.0));
    vec3 light = KEY_COLOUR * k * lit.y + ambient(n) * lit.x * 1.1;
    light += FILL_COLOUR * clamp(dot(n, FILL) * 0.6 + 0.4, 0.0, 1.0) * lit.x;
    float rim = clamp(dot(n, RIM_LEFT) * 0.7 + 0.3, 0.0, 1.0) * lit.z + clamp(dot(n, RIM_RIGHT) * 0.7 + 0.3, 0.0, 1.0) * lit.w;
    light += RIM_COLOUR * rim * 0.8;
    vec3 h = normalize(KEY + v);
    vec3 gleam = KEY_COLOUR * lit.y * (vec3(0.055) * strand(first, h, 90.0) + (0.05 + base) * 0.55 * strand(second, h, 28.0)) * (0.3 + 0.9 * s.r);
    gleam += RIM_COLOUR * rim * (0.04 + base) * 0.35;
    colour = vec4(film(base * light + gleam), smoothstep(0.15, 0.6, s.g));
}
