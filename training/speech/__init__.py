"""Recordings of speech as material for training: phones heard in them, motion made of those."""
