#version 330
uniform mat4 camera;
uniform mat3 turn;
in vec3 position;
in vec3 tangent;
in vec3 normal;
in vec2 uv;
in float follow;
in float shade;
in vec4 light;
out vec3 where;
out vec3 along;
out vec3 facing;
out vec2 at;
out vec4 lit;
out float tone;
void main() {
    where = mix(position, turn * position, follow);
    along = turn * tangent;
    facing = turn * normal;
    at = uv;
    lit = light;
    tone = shade;
    gl_Position = camera * vec4(where, 1.0);
}
