"""Faces in pictures: where they are, who is who from frame to frame, and cut out upright."""

from .crop import CEST, IDENTITY, crop, placement
from .finder import Finder, Found
from .follow import FacesConfig, Follow
from .quality import Quality, assess

__all__ = [
    "CEST",
    "IDENTITY",
    "FacesConfig",
    "Finder",
    "Follow",
    "Found",
    "Quality",
    "assess",
    "crop",
    "placement",
]
