#version 330
#include "common.glsl"
#include "noise.glsl"
// Paints a face: flush, lips, lids, brows, freckles, stubble, the shade of hair on the scalp.
uniform sampler2D strokes;  // brows seen from the front, over `sheet`
uniform sampler2D worn;  // a learned face, linear
uniform vec4 sheet;  // left, bottom, width, height, mm
uniform vec3 skin;
uniform vec3 lip_colour;
uniform vec3 brow_colour;
uniform vec3 hair_colour;
uniform float age;  // years
uniform float freckles;
uniform float stubble;
uniform float scalp_cover;  // how dark hair roots make the scalp
uniform vec3 points[8];  // left eye, right eye, nose tip, mouth, chin, left cheek, right cheek, brow centre
in vec3 on_face;
in vec3 facing;
in vec4 mask;
in vec3 own;
out vec4 albedo;  // square root of linear colour; gloss

float near(vec3 p, vec3 c, vec3 size) { vec3 d = (p - c) / size; return exp(-dot(d, d)); }
vec3 mirror(vec3 p) { return vec3(abs(p.x), p.yz); }

// Lines that age leaves: across the forehead, out from the eyes' corners, beside the mouth.
float lines(vec3 p) {
    vec3 m = mirror(p), eye = mirror(points[0]);
    float brow = smoothstep(6.0, 22.0, p.y - points[7].y) * smoothstep(75.0, 45.0, p.y - points[7].y) * smoothstep(55.0, 35.0, m.x);
    float wavy = p.y * 0.62 + 1.3 * noise(vec3(p.x * 0.05, 1.0, 1.0)) + 0.9 * noise(vec3(p.x * 0.11, p.y * 0.2, 4.0));
    float forehead = brow * pow(0.5 + 0.5 * sin(wavy), 6.0);
    vec2 out_ = m.xy - eye.xy - vec2(15.0, 0.0);
    float fan = atan(out_.y, max(out_.x, 0.1));
    float feet = pow(0.5 + 0.5 * sin(fan * 9.0 + 1.0), 5.0) * smoothstep(1.0, 6.0, out_.x) * smoothstep(20.0, 9.0, length(out_)) * smoothstep(1.1, 0.6, abs(fan));
    float along = clamp((points[2].y - 2.0 - p.y) / (points[2].y - points[3].y + 10.0), 0.0, 1.0);
    float fold = exp(-pow((m.x - mix(17.0, 33.0, along)) / 2.2, 2.0)) * smoothstep(0.0, 0.2, along) * smoothstep(1.0, 0.75, along);
    return forehead * 0.8 + feet * 0.8 + fold * 1.3;
}

float height(vec3 p) {
    float pores = noise(p * 1.35) * 0.5 + noise(p * 2.7) * 0.35;
    float old = smoothstep(32.0, 75.0, age);
    return pores * 0.22 + clouds(p * 0.45) * (0.25 + 0.2 * old) - old * lines(p) * 0.9;
}

void main() {
    vec3 p = on_face, m = mirror(p);
    vec3 eye = mirror(points[0]), cheek = mirror(points[5]);
    float tone = clouds(p * 0.045) - 0.5, mottle = clouds(p * 0.35) - 0.5;
    vec3 base = skin * (1.0 + 0.16 * tone + 0.12 * mottle);
    float pale = dot(skin, vec3(0.3, 0.5, 0.2));
    // Blood: cheeks, nose, ears, chin.
    float blood = 0.75 * near(m, cheek, vec3(24, 17, 40)) + 0.55 * near(p, points[2], vec3(15, 12, 22))
                + 0.7 * mask.z + 0.25 * near(p, points[4], vec3(16, 10, 30));
    blood = clamp(blood + 0.25 * mottle, 0.0, 1.0);
    base *= mix(vec3(1.0), mix(vec3(1.02, 0.80, 0.76), vec3(1.0, 0.72, 0.68), pale), blood * 0.75);
    // A cooler jaw and forehead, browner lids, shade under the eyes.
    float under = near(m, eye + vec3(-1, -15, -2), vec3(15, 6.5, 26));
    float lid = near(m, eye + vec3(0, 6, 0), vec3(19, 9.0, 22));
    base *= mix(vec3(1.0), vec3(0.86, 0.80, 0.83), under * (0.55 + 0.4 * smoothstep(30.0, 70.0, age)));
    base *= mix(vec3(1.0), vec3(0.86, 0.77, 0.76), lid * 0.7);
    float fold = near(m, vec3(eye.x * 0.82, mix(points[3].y, points[2].y, 0.45), cheek.z), vec3(4.5, 14, 30));
    base *= 1.0 - 0.08 * fold * smoothstep(25.0, 70.0, age);
    base *= 1.0 - 0.22 * lines(p) * smoothstep(32.0, 80.0, age);
    // Freckles and spots.
    float spots = smoothstep(0.70, 0.80, noise(p * 0.52 + 11.0)) * smoothstep(0.35, 0.6, noise(p * 0.11));
    float sunny = near(m, vec3(eye.x * 0.8, points[2].y + 10.0, cheek.z), vec3(38, 22, 50));
    base *= mix(vec3(1.0), vec3(0.66, 0.50, 0.40), spots * freckles * (0.25 + 0.75 * sunny));
    float spotted = smoothstep(0.80, 0.9, noise(p * 0.17 + 5.0)) * smoothstep(50.0, 80.0, age);
    base *= mix(vec3(1.0), vec3(0.78, 0.66, 0.55), spotted * 0.6);
    // Stubble: jaw, chin and upper lip, off the lips; a cool shade and dots.
    float beard = max(near(m, vec3(0.0, points[4].y, points[4].z), vec3(62, 24, 75)),
                      near(m, vec3(0, mix(points[2].y, points[3].y, 0.55), points[3].z), vec3(30, 8, 24)));
    beard = smoothstep(0.25, 0.7, beard) * (1.0 - mask.x);
    float dots = smoothstep(0.55, 0.8, noise(p * 2.2)) ;
    base = mix(base, mix(base * 0.72, hair_colour, 0.35), stubble * beard * (0.45 + 0.4 * dots));
    // Lips.
    float lips = smoothstep(0.15, 0.85, mask.x);
    float ridges = noise(vec3(p.x * 1.3, p.y * 0.2, 0.0));
    base = mix(base, lip_colour * (0.88 + 0.24 * ridges), lips * 0.88);
    // Hair roots on the scalp, brows.
    float roots = smoothstep(0.3, 0.8, mask.y + 0.3 * (clouds(p * 0.5) - 0.5)) * scalp_cover;
    base = mix(base, hair_colour * 0.3, roots);
    vec2 on_sheet = (p.xy - sheet.xy) / sheet.zw;
    float brow = facing.z > 0.1 ? texture(strokes, on_sheet).r : 0.0;
    base = mix(base, brow_colour * 0.75, brow);
    // A learned face has its own lips, brows and flush.
    float covers = smoothstep(0.0, 1.0, own.z) * (1.0 - roots);
    base = mix(base, texture(worn, own.xy).rgb, covers);
    brow *= 1.0 - covers;
    // Inside of the nose, mouth and lids.
    base *= mix(vec3(1.0), vec3(0.5, 0.22, 0.2), mask.w);

    float gloss = 0.55 + 0.5 * near(p, points[2], vec3(16, 22, 30)) + 0.35 * near(p, points[7], vec3(34, 26, 40));
    gloss = mix(gloss, 1.25, lips) * (1.0 - 0.75 * brow) * (1.0 - 0.8 * roots) * (1.0 - 0.35 * stubble * beard);
    gloss *= 0.85 + 0.3 * noise(p * 1.1);
    // How the fine surface leans towards the key lamp.
    vec3 lean = (KEY - facing * dot(facing, KEY)) * 0.35;
    float slope = height(p + lean) - height(p);
    slope += (noise(vec3((p.x + lean.x) * 1.3, p.y * 0.2, 0)) - ridges) * lips * 0.8;
    base *= clamp(1.0 - 2.6 * slope * (1.0 - roots), 0.7, 1.3);
    albedo = vec4(sqrt(clamp(base, 0.0, 1.0)), clamp(gloss * 0.7, 0.0, 1.0));
}
