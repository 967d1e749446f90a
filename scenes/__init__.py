"""Scenes: each file is one, and says what it needs and how to draw a moment of the world."""
