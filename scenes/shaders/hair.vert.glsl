#version 330
#include "common.glsl"
// Strands: two shifted highlights along the hair, after J. Kajiya and T. Kay (1989) as
// S. Marschner's measurements (2003) divide them: a white one, and a coloured one nearer the tip.
uniform mat4 camera;
uniform mat3 turn;
uniform vec3 viewer;
uniform vec3 dye;
in vec3 position;
in vec3 tangent;
in vec3 normal;
in vec2 uv;
in float follow;
in float shade;
in vec4 light;
out vec2 at;
out vec3 glow;
out vec3 gleam;

float strand(vec3 t, vec3 h, float power) {
    float d = dot(t, h);
    return pow(max(1.0 - d * d, 0.0), power * 0.5);
}

void main() {
    vec3 where = mix(position, turn * position, follow);
    vec3 t = turn * tangent, n = turn * normal;
    vec3 v = normalize(viewer - where);
    n = dot(n, v) < 0.0 ? -n : n;
    float wobble = (fract(shade * 91.7) - 0.5) * 0.16;
    vec3 first = normalize(t + n * (wobble - 0.10));
    vec3 second = normalize(t + n * (wobble + 0.14));

    float k = strand(t, KEY, 1.0) * (0.35 + 0.65 * clamp(dot(n, KEY) * 0.7 + 0.3, 0.0, 1.0));
    float rim = clamp(dot(n, RIM_LEFT) * 0.7 + 0.3, 0.0, 1.0) * light.z
              + clamp(dot(n, RIM_RIGHT) * 0.7 + 0.3, 0.0, 1.0) * light.w;
    glow = KEY_COLOUR * k * light.y + ambient(n) * light.x * 1.1 + RIM_COLOUR * rim * 0.7;
    glow += FILL_COLOUR * clamp(dot(n, FILL) * 0.6 + 0.4, 0.0, 1.0) * light.x;
    glow *= shade * (0.5 + 0.5 * smoothstep(0.0, 0.35, uv.y));
    vec3 h = normalize(KEY + v);
    gleam = KEY_COLOUR * light.y * (0.05 * strand(first, h, 90.0) + (0.04 + dye) * 0.5 * strand(second, h, 28.0));
    gleam += RIM_COLOUR * rim * (0.03 + dye) * 0.3;
    at = uv;
    gl_Position = camera * vec4(where, 1.0);
}
