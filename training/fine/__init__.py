"""Lids and lips from patches of the tracker's own crop (engine.track.fine)."""
