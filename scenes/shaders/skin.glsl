// Skin: light that enters comes out redder and further away, so red wraps further around a
// surface (after E. d'Eon and D. Luebke, GPU Gems 3, chapter 14). Pores are in the albedo, as the
// key lamp shows them: the head turns too little for more.
uniform sampler2D albedo;  // square root of linear colour; alpha: gloss
uniform vec3 wrap;
in vec3 facing;
in vec2 at;
in vec4 lit;
in vec3 glow;
in vec3 view;
in vec3 halfway;
in vec3 edge;
out vec4 colour;

void main() {
    vec4 a = texture(albedo, at);
    vec3 n = facing;
    vec3 k = clamp((dot(n, KEY) + wrap) / (1.0 + wrap), 0.0, 1.0);
    float key = max(lit.y, 0.0);  // below zero beyond a triangle's edge, where samples may lie
    vec3 shade = vec3(mix(key, sqrt(key), 0.3), key, key);
    vec3 light = KEY_COLOUR * k * k * shade + glow;

    float h2 = max(dot(n, halfway), 0.0);
    h2 *= h2;
    float h4 = h2 * h2, h8 = h4 * h4, h16 = h8 * h8, h48 = h16 * h16 * h16;
    float g2 = 1.0 - max(dot(n, view), 0.0);
    g2 *= g2;
    float grazing = g2 * g2;
    float shine = (0.55 * h16 + 1.1 * h48) * lit.y * (0.055 + 0.25 * grazing);
    vec3 gleam = KEY_COLOUR * shine + (edge * 0.35 + glow * 0.22) * grazing;
    colour = vec4(film(a.rgb * a.rgb * tinted() * light + a.a * gleam), 1.0);
}
