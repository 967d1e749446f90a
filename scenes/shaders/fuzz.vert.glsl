#version 330
uniform mat4 camera;
uniform mat3 turn;
in vec3 position;
in vec3 normal;
in float depth;
in vec4 light;
out vec3 where;
out vec3 root;
out vec3 facing;
out vec4 lit;
out float height;
void main() {
    where = turn * position;
    root = position;
    facing = turn * normal;
    lit = light;
    height = depth;
    gl_Position = camera * vec4(where, 1.0);
}
