"""Faces in pictures: where they are, who is who from frame to frame, and cut out upright."""

from .crop import CEST, IDENTITY, crop, placement
from .finder import Finder, Found
from .follow import FacesConfig, Follow
from .quality import Quality, assess
from .report import Report

__all__ = [
    "CEST",
    "IDENTITY",
    "FacesConfig",
    "Finder",
    "Follow",
    "Found",
    "Quality",
    "Report",
    "assess",
    "crop",
    "placement",
]
