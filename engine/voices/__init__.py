"""Voices: who speaks is not asked, but what the voice is like, and whether a face fits it."""

from .fit import Fit, fit
from .listen import Listen, Voice
from .model import Model

__all__ = ["Fit", "Listen", "Model", "Voice", "fit"]
