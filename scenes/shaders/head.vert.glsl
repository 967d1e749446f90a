#version 330
#include "common.glsl"
// Turns what follows the head about the head's pivot; the rest stays with the shoulders.
// Light that changes slowly over a surface is worked out here, not at each pixel.
uniform mat4 camera;
uniform mat3 turn;
uniform vec3 viewer;
uniform vec3 nudge;  // mm: where a part sits better than its model has it
uniform vec3 wrap;  // how far light creeps around a surface, by colour
in vec3 position;
in vec3 normal;
in vec3 rest;
in vec2 uv;
in float follow;
in float thin;
in vec3 map;  // place on the face's map, and how far that counts
in vec4 light;
out vec3 where;
out vec3 facing;
out vec3 on_face;
out vec2 at;
out vec3 on_map;
out vec4 lit;
out vec3 glow;  // light from all but the key lamp
out vec3 view;
out vec3 halfway;  // between the viewer and the key lamp
out vec3 edge;  // rim light

void main() {
    vec3 here = position + nudge;
    where = mix(here, turn * here, follow);
    facing = normalize(mix(normal, turn * normal, follow));
    on_face = rest;
    at = uv;
    on_map = map;
    lit = light;
    view = normalize(viewer - where);
    halfway = normalize(KEY + view);
    // What comes out of shadow has gone through blood.
    vec3 open = vec3(mix(lit.x, sqrt(lit.x), 0.5 * wrap.r), lit.x, lit.x);
    vec3 f = clamp((vec3(dot(facing, FILL)) + wrap) / (1.0 + wrap), 0.0, 1.0);
    float left = max(dot(facing, RIM_LEFT) + 0.1, 0.0) * lit.z;
    float right = max(dot(facing, RIM_RIGHT) + 0.1, 0.0) * lit.w;
    edge = RIM_COLOUR * (left + right);
    glow = (FILL_COLOUR * f + ambient(facing)) * open + edge;
    glow += vec3(0.31, 0.056, 0.017) * thin * (lit.z + lit.w);  // light through ears
    gl_Position = camera * vec4(where, 1.0);
}
