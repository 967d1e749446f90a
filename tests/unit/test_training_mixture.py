"""Recordings join the generator's clips: at other speeds, held-out ones never."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from training.audio import distort
from training.data import store
from training.data.clips import Clip
from training.data.vary import at_speed
from training.data.voices import RATE, Phone
from training.meshtalk.data import Crowd, Recorded
from training.meshtalk.steps import DataConfig


def clip(person: str = "one", seconds: float = 2.0) -> Clip:
    """A tone that is loud exactly while the jaw is open."""
    n = int(seconds * 30)
    jaw = (np.arange(n) % 20 < 10).astype(np.float32)
    at = np.minimum((np.arange(int(seconds * RATE)) * 30 // RATE), n - 1)
    tone = np.sin(np.arange(len(at)) * 2 * np.pi * 300 / RATE) * 0.3
    weights = np.zeros((n, 52), np.float32)
    weights[:, 17] = jaw
    ones = np.ones(n, np.float32)
    return Clip(
        "x", "", (tone * jaw[at]).astype(np.float32), (Phone("aa", 0, seconds),), weights,
        np.zeros((n, 3), np.float32), np.zeros(100, np.float32), ones, ones, person,
    )  # fmt: skip


def test_motion_goes_with_the_sound_at_any_speed() -> None:
    for ratio in (0.87, 1.15):
        slow = at_speed(clip(), ratio)
        assert abs(len(slow.samples) / (2 * RATE * ratio) - 1) < 0.01
        assert len(slow.weights) == len(slow.mouth) == int(len(slow.samples) * 30 / RATE)
        assert slow.phones[0].end == 2.0 * ratio
        loud = [float(np.abs(slow.samples[k * RATE // 30 : (k + 1) * RATE // 30]).mean())
                for k in range(len(slow.weights))]  # fmt: skip
        assert np.corrcoef(loud, slow.weights[:, 17])[0, 1] > 0.8


def test_held_out_clips_are_never_learnt_from(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        store.save(tmp_path, name, clip(name))
    store.write_page(tmp_path, {"held_out": ["b"]})
    recorded = Recorded((tmp_path,), 3)
    people = [c.person for c, _ in recorded.clips(0)]
    assert sorted(people) == ["a"] * 3 + ["c"] * 3
    lengths = {len(c.samples) for c, _ in recorded.clips(0)}
    assert len(lengths) == 5  # one at full speed for both, the others all different
    assert [c.person for c, _ in recorded.clips(0)] == people


def test_recordings_have_their_own_manner_but_what_was_made_from_phones(tmp_path: Path) -> None:
    for name, kind in (("man", "talking"), ("books", "speech")):
        store.save(tmp_path / name, "a", clip())
        store.write_page(tmp_path / name, {"kind": kind})
    both = Recorded((tmp_path / "books", tmp_path / "man"), 1)
    assert both.manners() == ("made", "man")
    assert sorted(manner for _, manner in both.clips(0)) == ["made", "man"]
    assert Recorded((tmp_path / "books",)).manners() == Recorded().manners() == ()
    with pytest.raises(ConfigError, match="rename what has the same name"):
        Recorded((tmp_path / "man", tmp_path / "books" / ".." / "man")).manners()
    with pytest.raises(ConfigError, match="data.balance = 2"):
        DataConfig(balance=2)


def test_a_crowd_babbles_once_enough_have_spoken() -> None:
    rng, crowd = np.random.default_rng(0), Crowd()
    for k in range(6):
        assert crowd.babble(100, rng) is None
        crowd.join(np.full(50, k + 1, np.float32))
    babble = crowd.babble(100, rng)
    assert babble is not None and babble.shape == (100,) and 6 <= babble[0] <= 21


def test_others_are_heard_under_the_speaker() -> None:
    silence_between = clip().samples
    others = np.random.default_rng(1).standard_normal(len(silence_between)).astype(np.float32)
    heard = [distort(silence_between, np.random.default_rng(k), others) for k in range(12)]
    alone = [distort(silence_between, np.random.default_rng(k)) for k in range(12)]
    assert sum(not np.array_equal(a, b) for a, b in zip(heard, alone, strict=True)) >= 2
    assert all(np.isfinite(h).all() and np.abs(h).max() <= 1 for h in heard)
