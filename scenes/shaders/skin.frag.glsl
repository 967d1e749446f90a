#version 330
#include "common.glsl"
vec3 tinted() { return vec3(1.0); }
#include "skin.glsl"
