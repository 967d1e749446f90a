#version 330
// CEST's own picture of a face: reflectance times the shading of nine harmonics (docs/cest.md).
uniform sampler2D reflectance;  // linear
uniform int mode;  // 0 shape, 1 reflectance, 2 illumination, 3 all together
uniform float light[9];
in vec3 facing;
in vec2 at;
out vec4 colour;

float shading(vec3 n) {
    float s = 0.282095 * light[0] + 0.488603 * (n.y * light[1] + n.z * light[2] + n.x * light[3]);
    s += 1.092548 * (n.x * n.y * light[4] + n.y * n.z * light[5] + n.x * n.z * light[7]);
    s += 0.315392 * (3.0 * n.z * n.z - 1.0) * light[6];
    s += 0.546274 * (n.x * n.x - n.y * n.y) * light[8];
    return max(s, 0.02);
}

void main() {
    vec3 skin = (mode == 1 || mode == 3) ? texture(reflectance, at).rgb : vec3(0.42);
    float bright = mode == 1 ? 1.0 : shading(normalize(facing));
    colour = vec4(pow(clamp(skin * bright, 0.0, 1.0), vec3(1.0 / 2.2)), 1.0);
}
