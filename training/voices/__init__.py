"""Recordings of many people, heard once as engine.voices hears them."""
