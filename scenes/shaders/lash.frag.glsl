#version 330
uniform sampler2D sheet;
uniform vec3 viewer;
in vec3 where;
in vec2 at;
out vec4 colour;
void main() {
    float cover = texture(sheet, at).r;
    if (cover < 0.04) discard;
    colour = vec4(vec3(0.055, 0.042, 0.037), cover);
}
