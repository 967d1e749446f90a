"""python -m training.prepare synchrony: see tracks.py."""

from .tracks import main

__all__ = ["main"]
