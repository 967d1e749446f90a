"""Recordings beside the repository: in ../shared/data, or where LIKENESS_DATA says."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("LIKENESS_DATA", Path(__file__).parents[1].parent / "shared" / "data"))


def recordings(pattern: str) -> list[Path]:
    """The files of that pattern in order; skips the test where there are none."""
    found = sorted(FOLDER.glob(pattern))
    if not found:
        pytest.skip(f"no recordings {pattern} in {FOLDER}; LIKENESS_DATA may name another folder")
    return found
