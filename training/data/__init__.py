"""Data for training: the speech generator and readers of recordings."""
