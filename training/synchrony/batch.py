"""Batches of lips and sound, cut, shifted and spoilt where the net is trained.

All takes lie on the device in one piece, and a batch is drawn in a few dozen operations whatever
its size, so that a GPU does not wait for Python.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.verify.lips import MEL_ROWS, ROWS

from .take import Take


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is drawn for a batch."""

    batch: int = 48
    turn: int = 10  # rows by which sound is shifted at most
    short: int = 40  # rows of a block at least; never more than ROWS
    grain: float = 0.15  # noise of the tracker, in usual spreads of a channel
    mixed: float = 0.1  # share of each other channel that leaks into one
    speed: float = 0.15  # lips and sound together, faster or slower by so much
    masked: float = 0.5  # share of sounds with a band left out
    babble: float = 0.3  # share of sounds with somebody else's beneath
    each: int = 1  # cuts of each person who is drawn: sounds of one's own that do not fit


class Batches:
    """Draws people, and from each any moment."""

    def __init__(self, config: DataConfig, takes: Sequence[Take], usual: Tensor) -> None:
        self.config, self.usual, self.device = config, usual, usual.device
        self.lips = torch.from_numpy(np.concatenate([t.lips for t in takes])).to(self.device)
        self.mel = torch.from_numpy(np.concatenate([t.mel for t in takes])).to(self.device)
        self.rows = np.array([len(t) for t in takes])
        self.begins = np.cumsum(self.rows) - self.rows
        # Person by person: where each one's takes begin and end, if all were joined.
        self.order = np.array(sorted(range(len(takes)), key=lambda k: takes[k].person))
        self.ends = np.cumsum(self.rows[self.order])
        names = np.array([takes[k].person for k in self.order])
        last = np.flatnonzero(np.append(names[1:] != names[:-1], True))
        self.until = self.ends[last]
        self.long = np.diff(self.until, prepend=0)
        # Nobody is drawn more often than there is of them to be seen, however few there are.
        self.chance = np.sqrt(self.long) / np.sqrt(self.long).sum()

    def draw(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Lips (b, n, CHANNELS), levelled sound (b, 4 n, MELS), the lag (b,) of each."""
        config = self.config
        noise = torch.Generator(self.device).manual_seed(int(rng.integers(2**62)))
        rows = int(rng.integers(config.short, ROWS + 1))
        chosen = self._takes(rng)
        lags = rng.integers(-config.turn, config.turn + 1, len(chosen))
        speed = np.exp(rng.uniform(-config.speed, config.speed, len(chosen)))
        free = np.maximum(self.rows[chosen] - rows * speed, 0)
        begin = rng.uniform(0, 1, len(chosen)) * free
        first, last = self.begins[chosen], self.begins[chosen] + self.rows[chosen] - 1
        at = begin[:, None] + np.arange(rows) * speed[:, None]
        fine = (np.arange(MEL_ROWS * rows) + 0.5) / MEL_ROWS - lags[:, None]
        heard = MEL_ROWS * (begin[:, None] + fine * speed[:, None]) - 0.5
        lips = self._rows(self.lips, first[:, None] + at, first, last)
        mel = self._rows(
            self.mel, MEL_ROWS * first[:, None] + heard, MEL_ROWS * first,
            MEL_ROWS * last + MEL_ROWS - 1,
        )  # fmt: skip
        return (
            self._seen(lips, noise), self._heard(mel, noise),
            torch.from_numpy(lags).to(self.device),
        )  # fmt: skip

    def _takes(self, rng: np.random.Generator) -> "np.ndarray":  # type: ignore[type-arg]
        count, each = self.config.batch, self.config.each
        drawn = rng.choice(len(self.long), -(-count // each), p=self.chance)
        people = np.repeat(drawn, each)[:count]
        moment = self.until[people] - rng.uniform(0, 1, count) * self.long[people]
        return self.order[np.searchsorted(self.ends, moment)]

    def _rows(
        self,
        of: Tensor,
        at: "np.ndarray",
        first: "np.ndarray",
        last: "np.ndarray",  # type: ignore[type-arg]
    ) -> Tensor:
        """Between rows of `of`; beyond a take its first or last one."""
        at = np.clip(at, first[:, None], last[:, None])
        low = np.minimum(np.floor(at).astype(np.int64), np.maximum(last - 1, first)[:, None])
        high = np.minimum(low + 1, last[:, None])
        share = torch.from_numpy((at - low).astype(np.float32)).to(self.device)[..., None]
        a, b = (of[torch.from_numpy(k).to(self.device)] for k in (low, high))
        return a + share * (b - a)

    def _seen(self, lips: Tensor, noise: torch.Generator) -> Tensor:
        """As another tracker, face or camera would have seen it."""
        config, (b, n, c) = self.config, lips.shape

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=noise, device=self.device)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=noise, device=self.device)

        scaled = lips / self.usual
        gain = (0.3 * normal(b, 1, c) + 0.3 * normal(b, 1, 1)).exp() * (uniform(b, 1, c) > 0.1)
        leak = torch.eye(c, device=self.device) + config.mixed * normal(b, c, c) / c**0.5
        out = torch.bmm(scaled * gain, leak)
        rough = normal(b, n, c)
        slow = F.avg_pool1d(normal(b, c, n + 8), 9, 1).transpose(1, 2) * 3
        pick = uniform(b, 1, 1)
        out = out + (pick * rough + (1 - pick) * slow) * config.grain * 2 * uniform(b, 1, 1)
        padded = F.pad(out.transpose(1, 2), (1, 1), "replicate").transpose(1, 2)
        smooth = (padded[:, :-2] + padded[:, 1:-1] + padded[:, 2:]) / 3
        return torch.where(uniform(b, 1, 1) < 0.3, smooth, out) * self.usual

    def _heard(self, mel: Tensor, noise: torch.Generator) -> Tensor:
        """Noise of some colour and other voices beneath, another room's tilt, a band left out."""
        config, (b, n, bands) = self.config, mel.shape

        def normal(*shape: int) -> Tensor:
            return torch.randn(shape, generator=noise, device=self.device)

        def uniform(*shape: int) -> Tensor:
            return torch.rand(shape, generator=noise, device=self.device)

        tilt = torch.linspace(-1, 1, bands, device=self.device) * 0.7 * normal(b, 1, 1)
        ordered = mel.flatten(1).sort(1).values
        low = ordered[:, ordered.shape[1] // 10, None, None]
        floor = low + 5 * uniform(b, 1, 1) - 3 + 0.5 * normal(b, n, bands)
        other = mel.roll(1, 0).roll(n // 3, 1) - 1.5 - 4 * uniform(b, 1, 1)
        other = torch.where(uniform(b, 1, 1) < config.babble, other, floor)
        out = torch.logaddexp(torch.logaddexp(mel + tilt, floor), other)
        out = (out - out.mean(1, keepdim=True)) / 3
        begin, wide = uniform(b, 1, 1) * (bands - 9), 2 + 7 * uniform(b, 1, 1)
        band = torch.arange(bands, device=self.device)
        gone = (band >= begin) & (band < begin + wide) & (uniform(b, 1, 1) < config.masked)
        return out.masked_fill(gone, 0.0)
