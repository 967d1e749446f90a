#version 330
// A face in pixels of a picture: x to the right, y down, z towards the viewer.
uniform vec4 window;  // left, top, width, height of what is shown
in vec3 place;
in vec3 normal;  // x right, y up, z to the viewer
in vec2 uv;
out vec3 facing;
out vec2 at;

void main() {
    facing = normal;
    at = uv;
    vec2 unit = (place.xy + 0.5 - window.xy) / window.zw;
    gl_Position = vec4(2.0 * unit.x - 1.0, 1.0 - 2.0 * unit.y, -place.z / (4.0 * window.w), 1.0);
}
