#version 330
#include "common.glsl"
// Skin: light that enters comes out redder and further away, so red sees a smoother surface
// and wraps further around it (after E. d'Eon and D. Luebke, GPU Gems 3, chapter 14).
uniform sampler2D albedo;  // square root of linear colour; alpha: gloss
uniform sampler2D detail;  // slope of the fine surface; alpha: how thin (ears, nostrils)
uniform vec3 viewer;
in vec3 where;
in vec3 facing;
in vec2 at;
in vec4 lit;
out vec4 colour;

const vec3 WRAP = vec3(0.38, 0.16, 0.10);

void main() {
    vec4 a = texture(albedo, at);
    vec4 d = texture(detail, at);
    vec3 base = a.rgb * a.rgb;
    vec3 smooth_ = normalize(facing);
    vec3 n = normalize(smooth_ - (d.xyz - 0.5) * 1.2);
    vec3 v = normalize(viewer - where);

    float fine = dot(n, KEY), broad = dot(smooth_, KEY);
    vec3 k = clamp((vec3(broad, mix(broad, fine, 0.6), fine) + WRAP) / (1.0 + WRAP), 0.0, 1.0);
    vec3 shade = vec3(mix(lit.y, sqrt(lit.y), 0.3), lit.y, lit.y);
    vec3 light = KEY_COLOUR * k * k * shade;
    vec3 f = clamp((vec3(dot(smooth_, FILL)) + WRAP) / (1.0 + WRAP), 0.0, 1.0);
    vec3 open = vec3(mix(lit.x, sqrt(lit.x), 0.3), lit.x, lit.x);
    light += FILL_COLOUR * f * open;
    light += ambient(n) * open;
    float left = max(dot(smooth_, RIM_LEFT) + 0.1, 0.0) * lit.z;
    float right = max(dot(smooth_, RIM_RIGHT) + 0.1, 0.0) * lit.w;
    light += RIM_COLOUR * (left + right);
    light += vec3(0.9, 0.16, 0.05) * d.a * (lit.z + lit.w) * 0.35;

    float gloss = a.a;
    float grazing = pow(1.0 - max(dot(n, v), 0.0), 4.0);
    vec3 h = normalize(KEY + v);
    float shine = (0.55 * highlight(n, h, 14.0) + 1.1 * highlight(n, h, 52.0)) * lit.y;
    shine *= 0.055 + 0.25 * grazing;
    vec3 hf = normalize(FILL + v);
    float soft = highlight(n, hf, 18.0) * 0.035 * lit.x;
    vec3 gleam = gloss * (KEY_COLOUR * shine + FILL_COLOUR * soft);
    gleam += (RIM_COLOUR * (left + right) * 0.35 + ambient(n) * 0.30 * lit.x) * grazing * gloss;
    colour = vec4(film(base * light + gleam), 1.0);
}
