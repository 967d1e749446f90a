#version 330
uniform sampler2D picture;  // premultiplied
uniform float share;
in vec2 at;
out vec4 colour;

void main() { colour = share * texture(picture, at); }
