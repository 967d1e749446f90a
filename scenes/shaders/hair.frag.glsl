#version 330
#include "common.glsl"
uniform sampler2D sheet;  // brightness, cover and a random number of each strand
uniform vec3 dye;
uniform float grey;
uniform float cut;  // cover below which there is no hair
in vec2 at;
in vec3 glow;
in vec3 gleam;
out vec4 colour;

void main() {
    vec3 s = texture(sheet, at).rgb;
    if (s.g < cut) discard;
    vec3 base = s.b < grey ? vec3(0.34, 0.33, 0.32) : dye;
    base *= 0.5 + 0.8 * s.r;
    colour = vec4(film(base * glow + gleam * (0.25 + s.r)), smoothstep(0.1, 0.6, s.g));
}
