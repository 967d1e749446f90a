"""Clips on disk come back as they were."""

from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from training.data import store
from training.data.clips import Clip
from training.data.voices import Phone


def made() -> Clip:
    rng = np.random.default_rng(0)
    return Clip(
        voice="test:one", text="hello", samples=rng.uniform(-1, 1, 1600).astype(np.float32),
        phones=(Phone("hh", 0.0, 0.04), Phone("ah", 0.04, 0.1)),
        weights=rng.random((3, 52), np.float32), head=rng.random((3, 3), np.float32),
        identity=rng.standard_normal(100).astype(np.float32),
        mouth=np.array([1, 0.5, 0], np.float32), upper=np.ones(3, np.float32), person="one",
    )  # fmt: skip


def test_a_clip_comes_back(tmp_path: Path) -> None:
    clip = made()
    store.save(tmp_path, "b", clip)
    store.save(tmp_path, "a", clip)
    assert store.names(tmp_path) == ["a", "b"]
    for back in store.read(tmp_path):
        for field in fields(Clip):
            one, two = getattr(clip, field.name), getattr(back, field.name)
            if isinstance(one, np.ndarray):
                assert one.shape == two.shape and np.abs(one - two).max() < 1e-3, field.name
            else:
                assert one == two


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no clips"):
        store.names(tmp_path)
    assert store.read_page(tmp_path) == {}
    store.write_page(tmp_path, {"refused": {"x": "no face"}})
    assert store.read_page(tmp_path)["refused"] == {"x": "no face"}
