#version 330
// A picture that fills the canvas, its top row first.
uniform sampler2D picture;
in vec2 at;
out vec4 colour;
void main() { colour = vec4(texture(picture, vec2(at.x, 1.0 - at.y)).rgb, 1.0); }
