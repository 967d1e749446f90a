#version 330
// Lays the head's surface out flat, to paint it.
in vec3 rest;
in vec3 normal;
in vec2 uv;
in vec4 paint;  // masks: lips, scalp, thin, mouth
in vec3 map;  // of the face's own map: where, and how much of a worn face
out vec3 on_face;
out vec3 facing;
out vec4 mask;
out vec3 own;
void main() {
    on_face = rest;
    facing = normal;
    mask = paint;
    own = map;
    gl_Position = vec4(uv * 2.0 - 1.0, 0.0, 1.0);
}
