#version 330
// One triangle over the whole viewport.
uniform vec4 part;  // left, top, width, height of the picture that is shown, in [0, 1]
out vec2 at;

void main() {
    vec2 corner = vec2(gl_VertexID == 1 ? 2.0 : 0.0, gl_VertexID == 2 ? 2.0 : 0.0);
    at = part.xy + part.zw * vec2(corner.x, 1.0 - corner.y);
    gl_Position = vec4(2.0 * corner - 1.0, 0.0, 1.0);
}
