"""Batches made on the net's device: cut, levelled and varied; and whose face a voice is taught."""

import numpy as np
import pytest
import torch

from engine.voices.level import levelled
from training.dimnet import batches
from training.dimnet.batches import Sounds, Variation, level, masked, mixed, varied
from training.dimnet.data import Balanced, Side
from training.voice2face.partners import partners
from training.voices.store import Voices


def test_crops_are_pieces_of_their_recordings():
    frames = np.repeat(np.arange(30, dtype=np.float16)[:, None], 64, 1)
    voices = Voices(frames, np.array([0, 5, 30]), ("a", "b"), ("1", "2"), ("clean",) * 2)
    torch.manual_seed(0)
    found = Sounds(voices, torch.device("cpu")).crops(torch.tensor([0, 1, 1]), 8)[..., 0]
    assert set(found[0].tolist()) == {0, 1, 2, 3, 4}  # short ones are repeated
    for row in found[1:]:
        assert (row.diff() == 1).all() and 5 <= row[0] and row[-1] < 30


def test_level_is_that_of_the_engine():
    mel = np.random.default_rng(0).normal(-5, 3, (2, 100, 64)).astype(np.float32)
    own = level(torch.from_numpy(mel)).numpy()
    assert own[1] == pytest.approx(levelled(mel[1]), abs=1e-5)


def test_masks_and_mixtures():
    torch.manual_seed(0)
    mel = torch.randn(200, 10, 64)
    gone = (masked(mel) == 0).all(1).sum(1)
    assert 60 < int((gone > 0).sum()) < 140 and int(gone.max()) <= 12
    which = torch.arange(200) % 2 == 0
    both = mixed(mel, mel.flip(0), which)
    assert torch.equal(both[~which], mel[~which]) and not torch.equal(both[which], mel[which])


def test_pictures_stay_themselves_and_in_range():
    torch.manual_seed(0)
    pixels = torch.rand(16, 3, 32, 32) * 2 - 1
    still = varied(pixels, Variation(shift=0, light=0))
    same = [
        torch.allclose(a, b) or torch.allclose(a.flip(2), b)
        for a, b in zip(pixels, still, strict=True)
    ]
    assert all(same)
    strong = Variation(0.1, 15, 0.2, 0.4, 0.3, 0.5, 0.1, 0.5)
    made = varied(pixels, strong)
    assert made.shape == pixels.shape and made.abs().max() <= 1
    moved = batches._moved(pixels, Variation(shift=0.0, turn=1e-4))
    near = torch.minimum((moved - pixels).abs().mean((1, 2, 3)),
                         (moved.flip(3) - pixels).abs().mean((1, 2, 3)))  # fmt: skip
    assert near.max() < 0.02


def side(names, labels):
    return Side(tuple(names), {"gender": np.array(labels)}, np.array(["train"] * len(names)))


def test_classes_then_people_are_drawn_evenly():
    """One man of 90 pictures, and of two women one with a single one."""
    people = side(["m"] * 90 + ["w"] * 9 + ["v"], [0] * 90 + [1] * 10)
    rows = Balanced(people, np.arange(100), ("gender",)).draw(4000, np.random.default_rng(0))
    assert (rows < 90).mean() == 0.5 and (rows == 99).mean() == pytest.approx(0.25, abs=0.03)


def test_partners_are_of_the_class_and_each_voice_has_its_own():
    rng = np.random.default_rng(0)
    voice, face = side("abcd", [0, 0, 1, 1]), side("ppqqrrss", [0, 0, 0, 0, 1, 1, 1, 1])
    faces, whose = partners(voice, rng.normal(size=(4, 8)), face, rng.normal(size=(8, 8)), "gender")
    found = [set(faces[k].tolist()) for k in whose]
    assert all(rows <= set(range(4)) for rows in found[:2])
    assert all(rows <= set(range(4, 8)) for rows in found[2:])
    assert found[0] != found[1] and found[2] != found[3]


def test_where_people_have_both_the_face_is_their_own():
    voice = Side(("a", "b"), {"identity": np.array([0, 1])}, np.array(["train", "held"]))
    face = Side(("b", "a", "a"), {"identity": np.array([1, 0, 0])},
                np.array(["held", "train", "train"]))  # fmt: skip
    nothing = np.zeros((3, 2))
    faces, whose = partners(voice, nothing[:2], face, nothing, "identity")
    assert faces[whose[0]].tolist() == [1, 2] and whose[1] == -1
