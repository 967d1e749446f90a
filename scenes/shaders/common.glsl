// Light and film, shared by all materials. World space: millimetres, z towards the camera.
const vec3 KEY = vec3(-0.50, 0.52, 0.69);  // directions to the lights, unit length
const vec3 FILL = vec3(0.72, 0.12, 0.68);
const vec3 RIM_LEFT = vec3(-0.80, 0.32, -0.50);
const vec3 RIM_RIGHT = vec3(0.77, 0.38, -0.51);
const vec3 KEY_COLOUR = vec3(2.30, 2.08, 1.86);
const vec3 FILL_COLOUR = vec3(0.26, 0.30, 0.37);
const vec3 RIM_COLOUR = vec3(1.15, 1.3, 1.55);
const vec3 SKY = vec3(0.34, 0.37, 0.42);
const vec3 GROUND = vec3(0.17, 0.135, 0.12);

vec3 ambient(vec3 n) { return mix(GROUND, SKY, 0.5 + 0.5 * n.y); }

// K. Narkowicz's fit of the ACES film curve; the square root stands for sRGB's gamma.
vec3 film(vec3 light) {
    vec3 x = light * 0.62;
    return sqrt(min((x * (2.51 * x + 0.03)) / (x * (2.43 * x + 0.59) + 0.14), 1.0));
}

float highlight(vec3 n, vec3 h, float power) { return pow(max(dot(n, h), 0.0), power); }
