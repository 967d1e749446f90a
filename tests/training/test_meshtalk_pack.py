"""A data set carried in one small file, and sound made rough: what is kept and what changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.head import Head
from engine.head.arkit import ARKIT
from engine.speech.features import MELS, SILENCE
from training.fit import dispatch
from training.meshtalk import data
from training.meshtalk.rough import LEAST, Rough, shut
from training.meshtalk.space import Space, opening_root
from training.pack.meshtalk import GRAIN, PARTS

FRAMES, HEARD, MODES = 60, 260, 6


def smooth(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Noise (rows, columns) that changes slowly along the rows."""
    steps = rng.standard_normal((rows, columns)).cumsum(0)
    return (steps / max(1e-6, float(steps.std()))).astype(np.float32)


def few_clips(count: int = 3) -> data.Motions:
    rng = np.random.default_rng(4)
    mel = smooth(rng, count * HEARD, MELS) * 2 - 7
    return data.Motions(
        mel.clip(float(SILENCE[0]), 4), smooth(rng, count * FRAMES, MODES),
        rng.integers(-1, 40, count * FRAMES).astype(np.int32),
        np.ones(count * FRAMES, np.float32), rng.random(count * FRAMES).astype(np.float32),
        smooth(rng, count, 4), (np.arange(count + 1) * HEARD).astype(np.int32),
        (np.arange(count + 1) * FRAMES).astype(np.int32),
    )  # fmt: skip


def test_what_is_packed_comes_back_as_near_as_said(tmp_path: Path) -> None:
    motions = few_clips()
    (tmp_path / "made").mkdir()
    for name in PARTS:
        data.save(tmp_path / "made", name, motions)
    (tmp_path / "made" / "space.npz").write_bytes(b"a space")
    made, file = str(tmp_path / "made"), str(tmp_path / "mixture.npz")
    well = ("--fidelity", "75", "--to", file)
    assert dispatch("prepare", "prepare", ["pack", "--meshtalk", made, *well]) == 0
    assert dispatch("prepare", "prepare", ["pack", "--back", file, "--to", str(tmp_path)]) == 0
    again = data.load(folder := tmp_path / "meshtalk", "voices")
    assert (folder / "space.npz").read_bytes() == b"a space"
    assert np.abs(again.motion - motions.motion).max() <= GRAIN / 2 + 1e-5
    assert np.sqrt(np.square(again.mel - motions.mel).mean()) < 0.15 * motions.mel.std()
    for name in ("phone", "template", "mels", "frames"):
        assert np.array_equal(getattr(again, name), getattr(motions, name)), name
        assert getattr(again, name).dtype == getattr(motions, name).dtype
    assert np.abs(again.upper - motions.upper).max() < 1 / 255


@pytest.fixture(scope="module")
def space() -> Space:
    """A space of the head's own shapes."""
    head = Head.load()
    shapes = head.shapes(head.neutral)
    flat = shapes.reshape(len(shapes), -1)
    modes = np.linalg.svd(flat, full_matrices=False)[2][:40].astype(np.float32)
    ones = np.ones(1, np.float32)
    template = head.neutral[None] / np.linalg.norm(head.neutral)
    spread = np.full(len(modes), 5, np.float32)
    return Space(modes.reshape(-1, *head.neutral.shape), spread, head.neutral, template, ones, 1, 1)


def test_silence_shuts_the_lips_and_leaves_the_lids(space: Space) -> None:
    head, still = Head.load(), shut(Head.load(), space)
    says = torch.from_numpy(space.coordinates(head.shapes(head.neutral)))  # (52, k) each weight
    root = torch.from_numpy(opening_root(head, space))
    opening = (says @ root).norm(dim=-1)
    shut_opening = (says @ still @ root).norm(dim=-1)
    assert opening.max() > 5 and shut_opening.max() < 0.1 * opening.max()
    blink = says[[n.startswith("eyeBlink") for n in ARKIT]]
    assert torch.allclose(blink @ still, blink, atol=0.05 * float(blink.abs().max()))


def test_rough_sound_is_another_voice_at_every_draw() -> None:
    motions = few_clips()
    shelf = data.Shelf(motions, torch.device("cpu"))
    batch = data.gather(shelf, [0, 1, 2], [0, 3, 6], 24, 0.1)
    still = torch.zeros(MODES, MODES)
    same = Rough()(batch, still)
    assert torch.equal(same.mel, batch.mel) and torch.equal(same.motion, batch.motion)
    torch.manual_seed(0)
    rough = Rough(tract=0.1, colour=0.5, gain=0.5, floor=0.5, hide=0.5)
    one, two = rough(batch, still), rough(batch, still)
    assert one.mel.shape == batch.mel.shape and torch.isfinite(one.mel).all()
    assert not torch.equal(one.mel, two.mel) and torch.equal(one.motion, batch.motion)
    quiet = replace(rough, silence=1.0)(batch, still)
    assert float(quiet.mel.min()) >= LEAST and not quiet.motion.any()
    assert torch.equal(quiet.upper, batch.upper) and bool((quiet.mouth == 1).all())
