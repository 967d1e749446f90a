"""Attacks made of talking videos, and how often they get past the engine (ISO 30107-3)."""
