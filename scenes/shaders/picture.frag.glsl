#version 330
uniform sampler2D picture;  // the top row first
in vec2 at;
out vec4 colour;

void main() {
    bool inside = all(greaterThanEqual(at, vec2(0.0))) && all(lessThanEqual(at, vec2(1.0)));
    colour = inside ? texture(picture, at) : vec4(0.0, 0.0, 0.0, 1.0);
}
