#version 330
#include "common.glsl"
#include "noise.glsl"
// Shells: the higher the shell, the fewer hairs reach it. After J. Lengyel et al., "Real-time fur" (2001).
uniform vec3 viewer;
uniform vec3 dye;
uniform float grey;
uniform float grain;
uniform float ragged;
in vec3 where;
in vec3 root;
in vec3 facing;
in vec4 lit;
in float height;
out vec4 colour;

void main() {
    vec3 p = root * grain;
    float curls = 0.6 * noise(p) + 0.4 * noise(p * 2.3 + 3.1);
    float outline = noise(root * 0.07) * 0.12 * ragged * 0.2;
    if (height > 0.0 && curls < 0.25 + 0.55 * height + outline) discard;
    vec3 n = normalize(normalize(facing) + (vec3(noise(p + 9.0), noise(p + 17.0), noise(p + 23.0)) - 0.5) * 1.1);
    vec3 v = normalize(viewer - where);
    float inner = mix(0.35, 1.0, smoothstep(0.2, 0.75, curls)) * (0.55 + 0.45 * height);
    vec3 base = dye * (0.7 + 0.6 * hash(floor(p * 2.0)));
    base = mix(base, vec3(0.42, 0.41, 0.40), step(hash(floor(p * 3.0) + 5.0), grey) * 0.7);
    float k = clamp((dot(n, KEY) + 0.3) / 1.3, 0.0, 1.0);
    vec3 light = KEY_COLOUR * k * lit.y + ambient(n) * lit.x + FILL_COLOUR * clamp(dot(n, FILL), 0.0, 1.0) * lit.x;
    float edge = pow(1.0 - max(dot(normalize(facing), v), 0.0), 2.0);
    vec3 back = RIM_COLOUR * (max(dot(n, RIM_LEFT), 0.0) * lit.z + max(dot(n, RIM_RIGHT), 0.0) * lit.w);
    vec3 gleam = KEY_COLOUR * lit.y * 0.035 * highlight(n, normalize(KEY + v), 10.0);
    vec3 seen = (base * light + gleam) * inner + (base + 0.03) * back * (0.5 + edge) * 0.8;
    colour = vec4(film(seen), 1.0);
}
