#version 330
#include "common.glsl"
uniform mat4 camera;
uniform mat3 turn;
uniform vec3 viewer;
uniform float grain;
in vec3 position;
in vec3 normal;
in float depth;
in vec4 light;
out vec3 curl;
out vec3 facing;
out vec2 lit;
out float height;
out vec3 glow;
out float outline;
void main() {
    vec3 where = turn * position;
    // Skewed, so that the block of curls does not show where it repeats.
    curl = mat3(0.80, -0.42, 0.43, 0.55, 0.78, -0.29, -0.21, 0.47, 0.86) * position * grain;
    curl += 0.15 * sin(position.zxy * 0.045);
    facing = turn * normal;
    lit = light.xy;
    height = depth;
    vec3 v = normalize(viewer - where);
    float edge = 1.0 - max(dot(facing, v), 0.0);
    glow = ambient(facing) * light.x + FILL_COLOUR * clamp(dot(facing, FILL), 0.0, 1.0) * light.x;
    glow += RIM_COLOUR * (max(dot(facing, RIM_LEFT), 0.0) * light.z + max(dot(facing, RIM_RIGHT), 0.0) * light.w) * (0.4 + edge * edge);
    outline = 0.06 * sin(position.x * 0.11 + 1.3) * sin(position.y * 0.09) + 0.05 * sin(position.z * 0.13 + position.y * 0.05);
    gl_Position = camera * vec4(where, 1.0);
}
