"""Other voices and rooms, by changing what is heard: cheap, and drawn anew at every step.

A vocal tract of another length stretches the mel axis (Jaitly and Hinton 2013), a microphone or a
way of speaking tilts and colours the spectrum, a room has a noise floor, and masks hide stretches
of time and bands (SpecAugment, Park et al. 2019). Some crops are silence, with the lips shut:
recordings of people teach that lips may stand open before they speak.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.head import Head
from engine.head.arkit import ARKIT
from engine.speech.features import MELS, SILENCE
from training.data.phones import PAUSE, PHONES

from .data import Batch
from .space import Space

LEAST = float(SILENCE[0])
QUIET = PHONES.index(PAUSE)
SPEAKS = ("jaw", "mouth", "tongue")


def shut(head: Head, space: Space) -> Tensor:
    """(k, k) that takes the mouth's part out of motion in the space's coordinates."""
    shapes = space.coordinates(head.shapes(head.neutral)).astype(np.float64)  # (52, k)
    kept = np.array([not name.startswith(SPEAKS) for name in ARKIT], np.float64)
    found = (np.linalg.pinv(shapes, rcond=1e-3) * kept) @ shapes
    return torch.from_numpy(found.astype(np.float32))


@dataclass(frozen=True, slots=True)
class Rough:
    """How strongly; all zero is the sound as it was recorded."""

    tract: float = 0.0  # the mel axis is stretched by up to this share, each way
    colour: float = 0.0  # nepers, standard deviation of a smooth curve over the bands
    gain: float = 0.0  # nepers, standard deviation
    floor: float = 0.0  # chance of a noise floor
    hide: float = 0.0  # chance of a hidden stretch of time, and of hidden bands
    silence: float = 0.0  # share of the crops that become silence

    def __call__(self, batch: Batch, shut: Tensor) -> Batch:
        """The same crops as others would have spoken them elsewhere; `shut` of the space."""
        mel = batch.mel
        if self.tract or self.colour or self.gain:
            mel = self._voice(mel)
        if self.floor:
            mel = _floored(mel, self.floor)
        if self.hide:
            mel = _hidden(_hidden(mel, 1, 25, self.hide), 2, 12, self.hide)
        return _silenced(batch, mel, self.silence, shut)

    def _voice(self, mel: Tensor) -> Tensor:
        n = len(mel)
        stretch = 1 + self.tract * (2 * _draw(mel, n, 1) - 1)
        bands = torch.arange(MELS, device=mel.device)
        at = (bands * stretch).clamp(max=MELS - 1.0)  # (n, bands)
        low = at.floor().long().clamp(max=MELS - 2)
        share = (at - low)[:, None]
        low = low[:, None].expand(-1, mel.shape[1], -1)
        mel = mel.gather(2, low) * (1 - share) + mel.gather(2, low + 1) * share
        curve = F.interpolate(torch.randn(n, 1, 6, device=mel.device), MELS, mode="linear")
        shift = self.colour * curve + self.gain * torch.randn(n, 1, 1, device=mel.device)
        heard = (mel - LEAST).clamp(0, 3) / 3  # what is silent stays silent
        return (mel + shift * heard).clamp(min=LEAST)


def _draw(like: Tensor, *shape: int) -> Tensor:
    return torch.rand(*shape, device=like.device)


def _noise(like: Tensor, low: float, high: float) -> Tensor:
    """A steady noise (b, m, bands): its level in [low, high], tilted over the bands."""
    n = len(like)
    level = low + (high - low) * _draw(like, n, 1, 1)
    tilt = torch.linspace(1, -1, MELS, device=like.device) * 2 * (_draw(like, n, 1, 1) - 0.2)
    return level + tilt + 0.6 * torch.randn_like(like)


def _floored(mel: Tensor, chance: float) -> Tensor:
    found = torch.logaddexp(mel, _noise(mel, -12.0, -4.5))
    return torch.where(_draw(mel, len(mel), 1, 1) < chance, found, mel)


def _hidden(mel: Tensor, axis: int, most: int, chance: float) -> Tensor:
    """A stretch of up to `most` along the axis, hidden behind the crop's mean."""
    n, size = len(mel), mel.shape[axis]
    start, wide = size * _draw(mel, n, 1), most * _draw(mel, n, 1)
    at = torch.arange(size, device=mel.device)
    inside = (at >= start) & (at < start + wide) & (_draw(mel, n, 1) < chance)
    inside = inside[:, :, None] if axis == 1 else inside[:, None]
    return torch.where(inside, mel.mean((1, 2), keepdim=True), mel)


def _silenced(batch: Batch, mel: Tensor, share: float, shut: Tensor) -> Batch:
    if not share:
        return Batch(mel, *(getattr(batch, name) for name in batch.__slots__[1:]))
    one = _draw(mel, len(mel)) < share
    still = one[:, None]
    quiet = torch.where(_draw(mel, len(mel), 1, 1) < 0.3, LEAST, _noise(mel, -13.0, -5.0))
    return Batch(
        torch.where(one[:, None, None], quiet.clamp(min=LEAST), mel),
        torch.where(one[:, None, None], batch.motion @ shut, batch.motion),
        torch.where(still, QUIET, batch.phone),
        torch.where(still, 1.0, batch.mouth),
        batch.upper, batch.template, batch.rows,
    )  # fmt: skip
