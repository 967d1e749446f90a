"""One training of the synchrony net: what it is shown, its loss, its configuration."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import ConfigError
from engine.types import Floats
from engine.verify.lips import MEL_ROWS, REACH, ROWS, levelled
from training import recipes
from training.loop import OutOfTime, Run, Schedule, train

from .net import Sizes, Synchrony, among, shifted
from .take import Take

NEAR = 2  # rows by which a shift may miss the true one and still count in part


@dataclass(frozen=True, slots=True)
class DataConfig:
    """What is drawn for a batch."""

    batch: int = 48
    turn: int = 10  # rows by which sound is shifted at most
    short: int = 40  # rows of a block at least; never more than ROWS
    grain: float = 0.15  # noise of the tracker, in usual spreads of a channel
    masked: float = 0.5  # share of sounds with a band left out


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on."""

    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    sizes: Sizes = field(default_factory=Sizes)
    schedule: Schedule = field(default_factory=Schedule)


class Learner:
    """Draws people evenly, and from each any moment; the loss is which of the shifts of the same
    sound, and of the sounds of the rest of the batch, is the true one."""

    def __init__(self, config: Config, takes: Sequence[Take], net: Synchrony) -> None:
        self.config, self.net, self.takes = config, net, takes
        people = sorted({one.person for one in takes})
        self.rows = [[k for k, one in enumerate(takes) if one.person == p] for p in people]
        # Nobody is drawn more often than there is of them to be seen, however few there are.
        weight = np.sqrt([sum(len(takes[k]) for k in mine) for mine in self.rows])
        self.chance = weight / weight.sum()
        self.device = next(net.parameters()).device
        self.usual = net.usual.cpu().numpy()  # type: ignore[operator]

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        lips, mel, lags = self.batch(rng)
        seen, heard = self.net(lips.to(self.device), mel.to(self.device))
        aim = torch.from_numpy(lags).to(self.device)
        likeness = shifted(seen, heard)
        own = likeness * self.net.scale.exp()
        others = among(seen, heard).masked_fill(
            torch.eye(len(lips), dtype=torch.bool, device=self.device), -9.0
        )
        logits = torch.cat([own, others * self.net.scale.exp()], 1)
        total = F.cross_entropy(logits, aim + REACH, label_smoothing=0.02)
        found = (own.argmax(1) - REACH - aim).abs() <= NEAR
        return {"total": total, "found": found.float().mean()}

    def batch(self, rng: np.random.Generator) -> tuple[Tensor, Tensor, "np.ndarray"]:  # type: ignore[type-arg]
        """Lips, levelled sound and the lag of each."""
        data = self.config.data
        rows = int(rng.integers(data.short, ROWS + 1))
        lips, mel = [], []
        lags = rng.integers(-data.turn, data.turn + 1, data.batch)
        for lag in lags:
            take = self.takes[
                int(rng.choice(self.rows[int(rng.choice(len(self.rows), p=self.chance))]))
            ]
            seen, heard = _cut(take, rows, int(lag), rng)
            lips.append(self._seen(seen, rng))
            mel.append(_heard(heard, rng, data.masked))
        return torch.from_numpy(np.stack(lips)), torch.from_numpy(np.stack(mel)), lags

    def _seen(self, lips: Floats, rng: np.random.Generator) -> Floats:
        """As another tracker, face or camera would have seen it."""
        data = self.config.data
        gain = np.exp(rng.normal(0, 0.3, lips.shape[1])) * np.exp(rng.normal(0, 0.3))
        noise = rng.normal(0, data.grain * rng.uniform(0, 2), lips.shape) * self.usual
        out = lips * gain * (rng.random(lips.shape[1]) > 0.1) + noise
        if rng.random() < 0.3:
            out[1:-1] = (out[:-2] + out[1:-1] + out[2:]) / 3
        return np.asarray(out, np.float32)


def _cut(take: Take, rows: int, lag: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A stretch of lips, and as much sound that begins `lag` rows earlier: row k of the lips then
    goes with row k + lag of the sound. What lies outside the take is its first or last moment."""
    begin = int(rng.integers(0, max(1, len(take) - rows + 1)))
    at = np.clip(np.arange(begin, begin + rows), 0, len(take) - 1)
    first = MEL_ROWS * (begin - lag)
    fine = np.clip(np.arange(first, first + MEL_ROWS * rows), 0, len(take.mel) - 1)
    return take.lips[at], take.mel[fine]


def _heard(mel: Floats, rng: np.random.Generator, masked: float) -> Floats:
    """Noise of some colour beneath, another room's tilt, a band left out."""
    bands = mel.shape[1]
    floor = rng.normal(np.percentile(mel, 10) + rng.uniform(-3, 2), 0.5, mel.shape)
    tilt = np.linspace(-1, 1, bands) * rng.normal(0, 0.7)
    out = levelled(np.logaddexp(mel + tilt, floor).astype(np.float32))
    if rng.random() < masked:
        wide = int(rng.integers(2, 9))
        low = int(rng.integers(0, bands - wide))
        out[:, low : low + wide] = 0
    return out


def build(config: Config, takes: Sequence[Take]) -> Synchrony:
    torch.manual_seed(config.seed)
    net = Synchrony(config.sizes)
    if takes:
        spread = np.stack([take.lips.std(0) for take in takes]).mean(0)
        net.usual.copy_(torch.from_numpy(np.maximum(spread, 1e-3)))  # type: ignore[operator]
    return net


def fit(config: Config, run: Run, takes: Sequence[Take]) -> bool:
    """Trains in `run.folder`; False where the time was up before."""
    net = build(config, takes).to(run.device)
    try:
        train(run, "net", net, Learner(config, takes, net), config.schedule)
    except OutOfTime:
        return False
    return True


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    return recipes.saved_config(folder, Config())


def trained(folder: Path) -> Synchrony:
    """The net of a run, on the CPU, ready to judge."""
    file = folder / "net.pt"
    if not file.exists():
        raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
    net = build(saved_config(folder), [])
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["net"])
    return net.eval()
