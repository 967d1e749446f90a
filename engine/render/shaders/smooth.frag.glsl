#version 330
// Smooths edges along their direction, after T. Lottes, "FXAA" (NVIDIA white paper, 2009), the short form.
uniform sampler2D picture;
in vec2 at;
out vec4 colour;

float light(vec4 c) { return dot(c.rgb, vec3(0.299, 0.587, 0.114)) + 0.3 * c.a; }

void main() {
    vec2 pixel = 1.0 / vec2(textureSize(picture, 0));
    ivec2 p = ivec2(gl_FragCoord.xy);
    vec4 middle = texelFetch(picture, p, 0);
    float m = light(middle);
    // Two opposite corners find nearly every edge; the others are read only there.
    float nw = light(texelFetchOffset(picture, p, 0, ivec2(-1, 1)));
    float se = light(texelFetchOffset(picture, p, 0, ivec2(1, -1)));
    if (max(abs(nw - m), abs(se - m)) < max(0.025, m * 0.06)) {
        colour = middle;
        return;
    }
    float ne = light(texelFetchOffset(picture, p, 0, ivec2(1, 1)));
    float sw = light(texelFetchOffset(picture, p, 0, ivec2(-1, -1)));
    float low = min(m, min(min(nw, ne), min(sw, se)));
    float high = max(m, max(max(nw, ne), max(sw, se)));
    vec2 along = vec2((sw + se) - (nw + ne), (nw + sw) - (ne + se));
    float least = max((nw + ne + sw + se) * 0.03, 1.0 / 128.0);
    along = clamp(along / (min(abs(along.x), abs(along.y)) + least), -6.0, 6.0) * pixel;
    vec4 near = 0.5 * (textureLod(picture, at + along * (1.0 / 3.0 - 0.5), 0.0)
                     + textureLod(picture, at + along * (2.0 / 3.0 - 0.5), 0.0));
    vec4 far = near * 0.5 + 0.25 * (textureLod(picture, at - along * 0.5, 0.0)
                                  + textureLod(picture, at + along * 0.5, 0.0));
    float f = light(far);
    colour = (f < low || f > high) ? near : far;
}
