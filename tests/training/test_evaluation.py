"""The rulers of the evaluation: a perfect speaker has no error, a late one is found late."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from engine.errors import DeviceError
from engine.head import Head
from engine.head.arkit import INDEX
from engine.types import Floats
from training.data import coarticulation, store
from training.data.clips import FPS, Clip
from training.data.coarticulation import Style
from training.data.voices import RATE, Phone
from training.meshtalk import recorded, robust, study
from training.meshtalk.recorded import Held, against, corrected, interval, summary, truth_of
from training.meshtalk.ruler import Ruler

SAID = "pau m aa iy ae k ao ih p iy aa ae ih ah f uw aa ae b ao aa ih ae v ah aa p aa ae pau"


@pytest.fixture(scope="module")
def ruler() -> Ruler:
    return Ruler(Head.load())


def clip(number: int, said: str = SAID) -> Clip:
    """The generator's mouth for some phones; the sound is as loud as the jaw is open."""
    names = said.split()
    each = 0.1 + 0.005 * number
    phones = tuple(Phone(n, i * each, (i + 1) * each) for i, n in enumerate(names))
    n = int(len(names) * each * FPS)
    weights = coarticulation.curves(phones, np.arange(n) / FPS, None, Style())
    rng = np.random.default_rng(number)
    jaw = np.interp(np.arange(n * RATE // FPS) * FPS / RATE, np.arange(n),
                    weights[:, INDEX["jawOpen"]])  # fmt: skip
    sound = 0.2 * jaw * rng.standard_normal(len(jaw))
    return Clip(
        voice=f"test:{number % 2}", text=said, samples=sound.astype(np.float32), phones=phones,
        weights=weights, head=np.zeros((n, 3), np.float32), identity=np.zeros(100, np.float32),
        mouth=np.ones(n, np.float32), upper=np.ones(n, np.float32), person=f"p{number}",
    )  # fmt: skip


@pytest.fixture(scope="module")
def held() -> list[Held]:
    return [Held(f"c{k}", clip(k), None) for k in range(3)]


@dataclass(frozen=True, slots=True)
class Oracle:
    """Knows the recordings by their sound's length, and says them `late` frames late."""

    ruler: Ruler
    clips: list[Held]
    late: int = 0
    jitter: float = 0.0  # of the lids' weight, by seed
    draws: bool = True

    def speak(self, samples: Floats, person: Floats, frames: int, seed: int | None) -> Floats:
        weights = next(h.clip.weights for h in self.clips if len(h.clip.samples) == len(samples))
        rows = weights[np.maximum(np.arange(frames) - self.late, 0)].copy()
        rng = np.random.default_rng(seed)
        if seed is not None:
            for side in ("Left", "Right"):
                rows[:, INDEX[f"browOuterUp{side}"]] += self.jitter * rng.random(frames)
        return np.stack([self.ruler.head.pose(person, w) for w in rows])


def test_a_perfect_speaker_scores_perfectly(ruler: Ruler, held: list[Held]) -> None:
    rows = against(ruler, {"oracle": Oracle(ruler, held)}, held, samples=2)
    own, found = summary(rows["recording"]), summary(rows["oracle"])
    assert found["correlation"] == pytest.approx(1, abs=1e-5)
    assert found["lag frames"] == 0
    for key in ("lip error likely mm", "lip error centred sampled mm", "upper error of mean mm"):
        assert found[key] == pytest.approx(0, abs=1e-4), key
    for key in recorded.PHONES:
        assert found[key] == own[key], key
    assert found["closure"] == 1 and found["closure n"] == 12
    assert found["closure by chance"] < 0.7
    assert found["vowels"] > 0.9


def test_a_late_speaker_is_found_late(ruler: Ruler, held: list[Held]) -> None:
    found = summary(against(ruler, {"late": Oracle(ruler, held, late=6)}, held, 1)["late"])
    assert found["lag frames"] == 6
    assert found["correlation"] < 0.8 < found["correlation at lag"]
    assert found["lip error likely mm"] > 2
    assert found["closure"] < 0.9


def test_removing_the_mean_lip_position_removes_a_shift(ruler: Ruler, held: list[Held]) -> None:
    truth = truth_of(ruler, held[0].clip, held[0].clip.weights[:4])
    moved = truth + np.array([0, 2, 0], np.float32)
    assert ruler.lip_error(moved, truth, False) == pytest.approx(2, abs=1e-4)
    assert ruler.lip_error(moved, truth, True) == pytest.approx(0, abs=1e-4)
    assert ruler.upper_error(moved, truth) == pytest.approx(2, abs=1e-4)


def test_frames_that_are_not_believed_do_not_count(ruler: Ruler, held: list[Held]) -> None:
    one = held[0].clip
    truth = truth_of(ruler, one, one.weights)
    wrong = truth.copy()
    wrong[:10] += 5
    half = Clip(**{f: getattr(one, f) for f in Clip.__slots__})
    half.mouth[:10] = 0
    try:
        found = recorded.errors(ruler, wrong, truth, half, "likely")
    finally:
        half.mouth[:] = 1
    assert found["lip error likely mm"] == pytest.approx(0, abs=1e-5)
    assert found["upper error likely mm"] > 0.5


def test_seeds_move_the_upper_face_and_not_the_lips(ruler: Ruler, held: list[Held]) -> None:
    values = against(ruler, {"x": Oracle(ruler, held, jitter=0.4)}, held[:1], samples=3)["x"]
    assert summary(values)["seeds upper over lips"] > 5


def test_own_offsets_of_sources_are_removed() -> None:
    rng = np.random.default_rng(0)
    curves = [np.convolve(rng.standard_normal(200), np.ones(5), "same") for _ in range(6)]
    lags = [2, 2, 2, -3, -3, -3]
    pairs = [(np.roll(c, d).astype(np.float32), c.astype(np.float32))
             for c, d in zip(curves, lags, strict=True)]  # fmt: skip
    sources = list("aaabbb")
    assert corrected(pairs, sources).min() > 0.9
    assert corrected(pairs, ["one"] * 6).min() < 0.7, "one lag cannot serve two sources"


def test_the_interval_holds_the_median_and_widens_with_fewer_people() -> None:
    values = np.random.default_rng(0).normal(0.4, 0.1, 40).astype(np.float32)
    low, high = interval(values, [str(k) for k in range(40)], 300)
    assert low < np.median(values) < high
    apart = np.repeat([0.1, 0.4, 0.7, 0.5], 10).astype(np.float32)
    few = interval(apart, [str(k // 10) for k in range(40)], 300)
    many = interval(apart, [str(k) for k in range(40)], 300)
    assert few[1] - few[0] > many[1] - many[0]


def test_spoilt_sound_is_what_it_says(held: list[Held]) -> None:
    sounds = robust.spoilt(held, 0)
    clean = sounds.pop("clean")
    assert set(sounds) == {"babble 10 dB", "20 dB louder", "20 dB quieter"}
    noise = sounds["babble 10 dB"] - clean
    ratio = 10 * np.log10(np.sum(clean**2) / np.sum(noise**2))
    assert ratio == pytest.approx(10, abs=0.1)
    assert np.abs(sounds["20 dB quieter"] * 10 - clean).max() < 1e-6


def test_a_speaker_who_hears_nothing_but_length_is_robust(ruler: Ruler, held: list[Held]) -> None:
    found = robust.robustness(ruler, Oracle(ruler, held), held)
    assert found.pop("clean correlation") == pytest.approx(1, abs=1e-5)
    assert list(found.values()) == pytest.approx([1, 1, 1], abs=1e-5)


def test_held_out_clips_are_those_that_are_listed(tmp_path: Path) -> None:
    for k in range(4):
        store.save(tmp_path, f"c{k}", clip(k))
    store.write_page(tmp_path, {"held_out": ["c1", "c3"]})
    assert [h.name for h in recorded.held_out(tmp_path, 9)] == ["c1", "c3"]
    assert len(recorded.held_out(tmp_path, 1)) == 1


def test_a_study_is_blind_and_has_a_key(ruler: Ruler, tmp_path: Path) -> None:
    few = [Held("a", clip(0, "m aa p"), None), Held("b", clip(1, "m aa p"), None)]
    oracle = Oracle(ruler, few)
    try:
        study.study(ruler.head, {"one": oracle, "two": oracle}, few, tmp_path)
    except DeviceError as e:
        pytest.skip(str(e))
    with (tmp_path / "key.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [r["file"] for r in rows] == [f"{k:03}.mp4" for k in range(1, 7)]
    assert sorted((r["clip"], *sorted((r["left"], r["right"]))) for r in rows) == sorted(
        (c, *pair) for c in "ab"
        for pair in (("one", "recording"), ("one", "two"), ("recording", "two"))
    )  # fmt: skip
    assert len({r["left"] for r in rows}) > 1, "sides are drawn"
    assert {p.name for p in tmp_path.glob("*.mp4")} == {r["file"] for r in rows}
