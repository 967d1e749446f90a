#version 330
#include "common.glsl"
// An eyeball: a painted iris under a clear cornea, shaded by the lids over it.
uniform sampler2D iris;  // square root of linear colour, over [-1.25, 1.25] iris radii
uniform vec3 viewer;
uniform vec3 centres[2];  // of the average head: left, right
uniform float radius;  // of the eyeball, mm
uniform mat3 unturn;  // world -> head
uniform vec3 lids[4];  // head space parabolas y(x): upper, lower of the left; of the right
uniform float iris_size;
in vec3 where;
in vec3 facing;
in vec3 on_face;
in vec4 lit;
out vec4 colour;

float parabola(vec3 p, float x) { return p.x + x * (p.y + x * p.z); }

void main() {
    int side = on_face.x > 0.0 ? 0 : 1;
    vec3 local = (on_face - centres[side]) / radius;
    float r = length(local.xy) / iris_size;
    vec3 n = normalize(facing);
    vec3 v = normalize(viewer - where);
    vec3 here = unturn * where;

    float under = parabola(lids[side * 2], here.x) - here.y;
    float over = here.y - parabola(lids[side * 2 + 1], here.x);
    float shade = smoothstep(-1.2, 3.6, under) * 0.72 + 0.28;
    shade *= smoothstep(-1.5, 2.0, over) * 0.45 + 0.55;

    vec3 white = vec3(0.57, 0.52, 0.49);
    float corner = smoothstep(0.45, 0.85, abs(local.x));
    white *= mix(vec3(1.0), vec3(0.86, 0.60, 0.55), corner);
    vec3 base = white;
    float depth = 0.0;
    if (r < 1.25 && local.z > 0.0) {
        vec4 painted = texture(iris, local.xy / iris_size * 0.4 + 0.5);
        base = mix(white, painted.rgb * painted.rgb, painted.a);
        depth = painted.a;
    }
    float wrap = clamp((dot(n, KEY) + 0.25) / 1.25, 0.0, 1.0);
    vec3 light = KEY_COLOUR * wrap * mix(lit.y, 1.0, 0.4) + ambient(n) + FILL_COLOUR * max(dot(n, FILL), 0.0);
    // Light refracted by the cornea gathers on the side of the iris away from it.
    light *= 1.0 + depth * (0.55 * dot(normalize(local.xy + 1e-4), -KEY.xy) * smoothstep(0.35, 0.9, r));
    vec3 seen = base * light * shade * 0.80;

    // The cornea bulges: its normals fan out further than the eyeball's.
    vec3 bulge = normalize(n + vec3(local.xy, 0.0) * 0.35 * (1.0 - smoothstep(0.8, 1.2, r)));
    vec3 mirror = reflect(-v, bulge);
    float window = smoothstep(0.945, 0.965, dot(mirror, normalize(vec3(-0.42, 0.50, 0.76))));
    float second = smoothstep(0.975, 0.99, dot(mirror, normalize(vec3(0.55, 0.15, 0.80)))) * 0.16;
    float wet = pow(1.0 - max(dot(bulge, v), 0.0), 3.0) * 0.25;
    float clear = smoothstep(-0.4, 0.7, under);
    seen += (vec3(1.0, 0.97, 0.93) * window * 1.6 + vec3(0.7, 0.8, 1.0) * (second + wet * 0.3)) * clear;
    colour = vec4(film(seen), 1.0);
}
