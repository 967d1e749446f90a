"""Likeness: speak, and a face speaks. This package runs models; `training` makes them."""
