#version 330
#include "common.glsl"
// Shells: the higher the shell, the fewer hairs reach it. After J. Lengyel et al., "Real-time fur" (2001).
uniform sampler3D curls;  // direction of a curl, and how high it is
uniform vec3 dye;
uniform float grey;
in vec3 curl;
in vec3 facing;
in vec2 lit;
in float height;
in vec3 glow;
in float outline;
out vec4 colour;

void main() {
    vec4 c = texture(curls, curl);
    if (height > 0.0 && c.a < 0.12 + 0.62 * height + outline) discard;
    vec3 n = normalize(facing + (c.xyz - 0.5) * 1.3);
    float inner = (0.35 + 0.65 * smoothstep(0.2, 0.75, c.a)) * (0.5 + 0.5 * height);
    vec3 base = mix(dye, vec3(0.16), grey * smoothstep(0.6, 0.3, c.x)) * (0.7 + 0.6 * c.y);
    float k = clamp((dot(n, KEY) + 0.3) / 1.3, 0.0, 1.0);
    vec3 light = KEY_COLOUR * k * lit.y + glow;
    colour = vec4(film((base * light + 0.012 * k * k * k * KEY_COLOUR * lit.y) * inner), 1.0);
}
