"""The parametric head, made from CC0 geometry: `python -m training.fit head`."""
