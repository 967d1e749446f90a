"""MeshTalk (Richard et al., ICCV 2021): categorical latents, cross-modality loss, causal audio."""
