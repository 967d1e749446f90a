"""Lips and sound of takes, to train where videos and the tracker are not. The sound is kept as its
mel bands alone, in steps of 0.75 neper, so that nobody's voice can be heard again from it."""

from pathlib import Path

import numpy as np

from training.synchrony import take

from . import small

FINE, COARSE = 0.004, 0.75  # steps of lips (weights, centimetres) and of sound (nepers)


def pack(folder: Path, options: small.Options) -> small.Arrays:
    found = take.read(folder)
    kept = [found[k] for k in np.flatnonzero(options.mine([one.person for one in found]))]
    held = small.steps("lips", np.concatenate([one.lips for one in kept]), FINE)
    held |= small.steps("mel", np.concatenate([one.mel for one in kept]), COARSE)
    said = [(one.person, one.name, len(one)) for one in kept]
    return held | {"page": small.text(said)}


def back(held: small.Arrays, to: Path) -> None:
    np.savez(
        to / take.FILE, page=held["page"], lips=small.steps_of(held, "lips"),
        mel=small.steps_of(held, "mel"),
    )  # fmt: skip
