"""Faces, voices and heads made small, to be sent to another machine, and back."""
