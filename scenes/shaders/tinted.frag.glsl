#version 330
#include "common.glsl"
// Skin that is brighter or darker than it was painted: all of it, and place by place on the face.
uniform sampler2D tint;  // half of how many times, over the face's map
uniform vec3 tone;
in vec3 on_map;
vec3 tinted() { return tone * mix(vec3(1.0), 2.0 * texture(tint, on_map.xy).rgb, on_map.z); }
#include "skin.glsl"
