"""CEST: faces from pictures by conditional estimation, learned from videos alone."""
