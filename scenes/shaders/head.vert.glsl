#version 330
// Turns what follows the head about the head's pivot; the rest stays with the shoulders.
uniform mat4 camera;
uniform mat3 turn;
uniform vec3 nudge;  // mm: where a part sits better than its model has it
in vec3 position;
in vec3 normal;
in vec3 rest;
in vec2 uv;
in float follow;
in vec4 light;
out vec3 where;
out vec3 facing;
out vec3 on_face;
out vec2 at;
out vec4 lit;
void main() {
    vec3 here = position + nudge;
    where = mix(here, turn * here, follow);
    facing = mix(normal, turn * normal, follow);
    on_face = rest;
    at = uv;
    lit = light;
    gl_Position = camera * vec4(where, 1.0);
}
