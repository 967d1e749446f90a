"""Enrolls person after person and says so once each is kept; test_verify_killed.py ends it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from engine.verify.gallery import Gallery
from engine.verify.records import Consent


@dataclass(frozen=True)
class Net:
    name: str = "net-1"
    sha256: str = "ab" * 32
    dim: int = 128


def face(number):
    raw = np.random.default_rng(number).standard_normal((1, 128)).astype(np.float32)
    return raw / np.linalg.norm(raw)


def enroll(where, key, first, said):
    """Person after person, for ever; `said` is the end of a pipe."""
    gallery = Gallery.open(where, Net(), key)
    consent = Consent("door", datetime.now(UTC) + timedelta(days=1))
    for number in range(first, first + 10_000):
        gallery.enroll(f"person {number}", face(number), consent)
        if number % 5 == 4:
            said.send(("removing", number - 1))
            gallery.remove([f"person {number - 1}"])
            said.send(("removed", number - 1))
        said.send(("enrolled", number))
