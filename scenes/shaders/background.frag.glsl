#version 330
// The wall behind: a soft pool of light, or the colours asked for; dithered, for 8 bits band.
uniform vec3 top;
uniform vec3 bottom;
uniform vec2 glow;  // strength; aspect of the picture
in vec2 at;
out vec4 colour;

float noise(vec2 p) { return fract(52.9829189 * fract(dot(p, vec2(0.06711056, 0.00583715)))); }

void main() {
    vec3 c = mix(bottom, top, smoothstep(0.0, 1.0, at.y));
    vec2 off = (at - vec2(0.5, 0.52)) * vec2(glow.y, 1.0);
    c *= 1.0 + glow.x * (exp(-dot(off, off) * 4.5) * 0.75 - dot(off, off) * 0.55);
    colour = vec4(c + (noise(gl_FragCoord.xy) - 0.5) / 255.0, 1.0);
}
