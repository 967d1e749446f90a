"""One training of DIMNet from its configuration: its loss, its loop, when it stops."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import ConfigError
from engine.types import Bytes, Floats
from training import recipes
from training.loop import OutOfTime, Run, Schedule, StepLoss, train

from .data import IDENTITY, Balanced, DataConfig, Material, Rows, Side
from .embed import dev_loss
from .net import DIMNet, Sizes, cosine, to_input


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on."""

    seed: int = 0
    learn: Literal["covariates", "pairs"] = "covariates"  # pairs: what DIMNet is compared with
    start: str = ""  # a run whose towers are gone on with; from nothing if empty
    smooth: float = 0.05  # of the labels
    shrink: float = 0.0  # decay of the classifiers alone: people who are alike share directions
    sharp: float = 10.0  # what cosines of pairs are multiplied by
    check: int = 50  # steps between looks at the held-out development people
    patience: int = 4  # looks without a better one after which it stops
    data: DataConfig = field(default_factory=DataConfig)
    sizes: Sizes = field(default_factory=Sizes)
    schedule: Schedule = field(default_factory=Schedule)


def build(config: Config, material: Material) -> DIMNet:
    torch.manual_seed(config.seed)
    return DIMNet(config.sizes, {c: len(v) for c, v in material.classes.items()})


class Learner:
    """The loss of a batch of voices and faces (section 4.1): the sum over covariates and
    modalities of the cross entropy of those that have a label."""

    def __init__(self, config: Config, material: Material, net: DIMNet) -> None:
        self.config, self.material, self.net = config, material, net
        names = config.data.covariates
        self.voices = Balanced(material.voice, material.voice.rows("train"), names)
        self.faces = Balanced(material.face, material.face.rows("train"), names)
        self.device = next(net.parameters()).device

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        data = self.config.data
        heard, seen = self.voices.draw(data.heard, rng), self.faces.draw(data.seen, rng)
        mel, others = self._mel(heard, rng)
        voice = self.net.voice(mel.to(self.device))
        pixels = varied(self.material.pixels[seen], rng)
        face = self.net.face(to_input(torch.from_numpy(pixels).to(self.device)))
        parts = {}
        for c in self.material.classes:
            said, known = self.material.voice.labels[c], self.material.face.labels[c]
            head = self.net.heads[c]
            parts[f"voice {c}"] = (self._entropy(head(voice), said[heard])
                                   + self._entropy(head(voice), said[others])) / 2  # fmt: skip
            parts[f"face {c}"] = self._entropy(head(face), known[seen])
        large = sum(p.square().sum() for p in self.net.heads.parameters())
        total = torch.stack(list(parts.values())).sum() + self.config.shrink / 2 * large
        return {"total": total, **parts}

    def _mel(self, rows: Rows, rng: np.random.Generator) -> tuple[Tensor, Rows]:
        """Voices, some of them with a second one just as loud; and who else is in each."""
        mixed = rng.random(len(rows)) < self.config.data.mixed
        others = np.where(mixed, rng.permutation(rows), rows)
        seed = int(rng.integers(2**31))
        mel = self.material.mel(rows, np.random.default_rng(seed))
        if mixed.any():
            both = self.material.mel(others, np.random.default_rng(seed))
            mel[mixed] = np.logaddexp(3 * mel[mixed], 3 * both[mixed]) / 3  # powers add
            mel[mixed] -= mel[mixed].mean(1, keepdims=True)
        return torch.from_numpy(masked(mel, rng)), others

    def _entropy(self, logits: Tensor, labels: Rows) -> Tensor:
        """Over those whose label is known; 0 where there is none."""
        wanted = torch.from_numpy(labels).to(self.device)
        known = wanted >= 0
        if not known.any():
            return logits.sum() * 0
        return F.cross_entropy(logits[known], wanted[known], label_smoothing=self.config.smooth)


class PairLearner:
    """Two branches and no classifier: of a batch of people, one voice and one face of each, whose
    is whose? The mean cross entropy of both ways (InfoNCE), the contrastive loss of many impostors.
    """

    def __init__(self, config: Config, material: Material, net: DIMNet) -> None:
        if IDENTITY not in material.classes:
            raise ConfigError('learn = "pairs" needs data.covariates = ["identity"]')
        self.config, self.material, self.net = config, material, net
        self.heard, self.seen = _by_person(material.voice), _by_person(material.face)
        for tower in (net.voice.tower, net.face.tower):  # centred: else all become one direction
            torch.nn.init.zeros_(tower[-1].get_parameter("bias")).requires_grad_(False)
        self.device = next(net.parameters()).device

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        people = rng.permutation(sorted(self.heard))[: self.config.data.heard]
        voices, faces = (np.array([rng.choice(rows[p]) for p in people])
                         for rows in (self.heard, self.seen))  # fmt: skip
        mel = torch.from_numpy(masked(self.material.mel(voices, rng), rng))
        pixels = torch.from_numpy(varied(self.material.pixels[faces], rng))
        voice = self.net.voice(mel.to(self.device))
        face = self.net.face(to_input(pixels.to(self.device)))
        alike = self.config.sharp * cosine(voice, face)
        own = torch.arange(len(people), device=self.device)
        parts = {"voice": F.cross_entropy(alike, own), "face": F.cross_entropy(alike.T, own)}
        return {"total": torch.stack(list(parts.values())).sum(), **parts}


def _by_person(side: Side) -> dict[int, Rows]:
    """Identity -> the rows that are learnt from."""
    rows = side.rows("train", IDENTITY)
    whose = side.labels[IDENTITY][rows]
    return {int(p): rows[whose == p] for p in np.unique(whose)}


LEARNERS: dict[str, Callable[[Config, Material, DIMNet], StepLoss]] = {
    "covariates": Learner, "pairs": PairLearner,
}  # fmt: skip


def masked(mel: Floats, rng: np.random.Generator, chance: float = 0.5) -> Floats:
    """(b, t, 64) with some bands silent in about half of them (SpecAugment)."""
    for one in mel:
        if rng.random() < chance:
            width = int(rng.integers(4, 12))
            low = int(rng.integers(0, mel.shape[2] - width))
            one[:, low : low + width] = 0
    return mel


def varied(pixels: Bytes, rng: np.random.Generator, reach: int = 2) -> Bytes:
    """Faces (b, s, s, 3): half of them mirrored, shifted by up to `reach` pixels, and all a little
    brighter or darker."""
    mirror = rng.random(len(pixels)) < 0.5
    seen = np.where(mirror[:, None, None, None], pixels[:, :, ::-1], pixels)
    side = pixels.shape[1]
    wide = np.pad(seen, ((0, 0), (reach, reach), (reach, reach), (0, 0)), "edge")
    places = rng.integers(0, 2 * reach + 1, (len(pixels), 2))
    moved = [w[y : y + side, x : x + side] for w, (y, x) in zip(wide, places, strict=True)]
    gain = rng.uniform(0.8, 1.2, (len(pixels), 1, 1, 1)).astype(np.float32)
    return np.clip(np.stack(moved) * gain, 0, 255).astype(np.uint8)


def fit(config: Config, run: Run, material: Material) -> bool:
    """Trains until the steps are done or the development people are told no better; whether it is
    finished. net.pt is the newest state, best.pt the one to keep."""
    net = build(config, material).to(run.device)
    if config.start:
        net.load_state_dict(_towers(Path(config.start)), strict=False)
    learner, most = LEARNERS[config.learn](config, material, net), run.most
    while not stopped(looks := _looks(run.folder), config):
        begun = _step(run.folder)
        if begun >= config.schedule.steps or most <= 0 or time.monotonic() > run.until:
            break
        ahead = min(config.check - begun % config.check, most)
        try:
            train(replace(run, most=ahead), "net", net, learner, config.schedule)
        except OutOfTime:
            pass
        done = _step(run.folder)
        most -= done - begun
        if done % config.check == 0 or done >= config.schedule.steps:
            _look(run.folder, looks, done, dev_loss(net, material), net)
    return stopped(_looks(run.folder), config) or _step(run.folder) >= config.schedule.steps


def stopped(looks: list[tuple[int, float]], config: Config) -> bool:
    """Whether the last `patience` looks were no better than the best before them."""
    losses = [loss for _, loss in looks]
    recent, before = losses[-config.patience :], losses[: -config.patience]
    return bool(before) and min(recent) >= min(before)


def _looks(folder: Path) -> list[tuple[int, float]]:
    file = folder / "looks.json"
    return [(s, v) for s, v in json.loads(file.read_text())] if file.exists() else []


def _look(
    folder: Path, looks: list[tuple[int, float]], step: int, loss: float, net: DIMNet
) -> None:
    if all(loss < v for _, v in looks):
        torch.save(net.state_dict(), folder / "best.pt")
    (folder / "looks.json").write_text(json.dumps([*looks, (step, loss)]), encoding="utf-8")


def _step(folder: Path) -> int:
    file = folder / "net.pt"
    return int(torch.load(file, weights_only=True)["step"]) if file.exists() else 0


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    return recipes.saved_config(folder, Config())


def _towers(folder: Path) -> dict[str, Tensor]:
    """The nets of a run without its classifiers."""
    file = folder / "best.pt"
    if not file.exists():
        raise ConfigError(f"start = {folder} holds no trained net: {file.name} is missing")
    state = torch.load(file, map_location="cpu", weights_only=True)
    return {name: v for name, v in state.items() if not name.startswith("heads.")}


def trained(folder: Path, material: Material) -> DIMNet:
    """The best net of a run, on the CPU."""
    file = folder / "best.pt"
    if not file.exists():
        raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
    net = build(saved_config(folder), material)
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return net.eval()
