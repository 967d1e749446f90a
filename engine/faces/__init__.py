"""Faces in pictures: where they are."""

from .finder import Finder, Found

__all__ = ["Finder", "Found"]
