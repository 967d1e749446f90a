"""One training of DIMNet from its configuration: its loss, its loop, when it stops."""

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine import config as settings
from engine.errors import ConfigError
from engine.types import Bytes, Floats
from training.loop import OutOfTime, Run, Schedule, train

from .data import IDENTITY, Balanced, DataConfig, Material, Rows
from .net import DIMNet, Sizes, to_input


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on."""

    seed: int = 0
    smooth: float = 0.05  # of the labels
    check: int = 50  # steps between looks at the held-out development people
    patience: int = 4  # looks without a better one after which it stops
    data: DataConfig = field(default_factory=DataConfig)
    sizes: Sizes = field(default_factory=Sizes)
    schedule: Schedule = field(default_factory=Schedule)


def build(config: Config, material: Material) -> DIMNet:
    torch.manual_seed(config.seed)
    return DIMNet(config.sizes, {c: len(v) for c, v in material.classes.items()})


class Learner:
    """The loss of a batch, half voices and half faces (section 4.1): the sum over covariates and
    modalities of the cross entropy of those that have a label."""

    def __init__(self, config: Config, material: Material, net: DIMNet) -> None:
        self.config, self.material, self.net = config, material, net
        names = config.data.covariates
        self.voices = Balanced(material.voice, material.voice.rows("train"), names)
        self.faces = Balanced(material.face, material.face.rows("train"), names)
        self.device = next(net.parameters()).device

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        half = self.config.data.batch // 2
        heard, seen = self.voices.draw(half, rng), self.faces.draw(half, rng)
        mel, others = self._mel(heard, rng)
        voice = self.net.voice(mel.to(self.device))
        pixels = flipped(self.material.pixels[seen], rng)
        face = self.net.face(to_input(torch.from_numpy(pixels).to(self.device)))
        parts = {}
        for c in self.material.classes:
            said, known = self.material.voice.labels[c], self.material.face.labels[c]
            head = self.net.heads[c]
            parts[f"voice {c}"] = (self._entropy(head(voice), said[heard])
                                   + self._entropy(head(voice), said[others])) / 2  # fmt: skip
            parts[f"face {c}"] = self._entropy(head(face), known[seen])
        return {"total": torch.stack(list(parts.values())).sum(), **parts}

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


def masked(mel: Floats, rng: np.random.Generator, chance: float = 0.5) -> Floats:
    """(b, t, 64) with some bands silent in about half of them (SpecAugment)."""
    for one in mel:
        if rng.random() < chance:
            width = int(rng.integers(4, 12))
            low = int(rng.integers(0, mel.shape[2] - width))
            one[:, low : low + width] = 0
    return mel


def flipped(pixels: Bytes, rng: np.random.Generator) -> Bytes:
    """Half of the faces (b, s, s, 3) mirrored, and all of them a little brighter or darker."""
    mirror = rng.random(len(pixels)) < 0.5
    seen = np.where(mirror[:, None, None, None], pixels[:, :, ::-1], pixels).astype(np.float32)
    gain = rng.uniform(0.8, 1.2, (len(pixels), 1, 1, 1)).astype(np.float32)
    return np.clip(seen * gain, 0, 255).astype(np.uint8)


def fit(config: Config, run: Run, material: Material) -> bool:
    """Trains until the steps are done or the development people are told no better; whether it is
    finished. net.pt is the newest state, best.pt the one to keep."""
    net = build(config, material).to(run.device)
    learner, most = Learner(config, material, net), run.most
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


@torch.no_grad()
def dev_loss(net: DIMNet, material: Material) -> float:
    """Mean cross entropy over covariates and modalities of the development people. Identities of
    people never trained on have no class: for them, how alike strangers' halves are."""
    net.eval()
    found = []
    embedded = {"voice": (material.voice, voice_embeddings(net, material, _some(material, "voice"))),
                "face": (material.face, face_embeddings(net, material, _some(material, "face")))}  # fmt: skip
    for c in (c for c in material.classes if c != IDENTITY):
        for name, (side, made) in embedded.items():
            labels = side.labels[c][_some(material, name)]
            if (labels >= 0).any():
                logits = net.heads[c](torch.from_numpy(made[labels >= 0]))
                found.append(float(F.cross_entropy(logits, torch.from_numpy(labels[labels >= 0]))))
    if IDENTITY in material.classes:
        found.append(_apart(embedded, material))
    net.train()
    return float(np.mean(found)) if found else 0.0


def _apart(embedded: dict[str, tuple[object, Floats]], material: Material) -> float:
    """Mean over development people with both of the cross entropy of finding one's own face."""
    voices, faces = (
        torch.nn.functional.normalize(torch.from_numpy(embedded[n][1])) for n in ("voice", "face")
    )
    heard = [material.voice.names[r] for r in _some(material, "voice")]
    seen = [material.face.names[r] for r in _some(material, "face")]
    pairs = [(k, seen.index(n)) for k, n in enumerate(heard) if n in seen]
    if len(pairs) < 2:
        return 0.0
    a, b = (torch.tensor(side) for side in zip(*pairs, strict=True))
    logits = 10 * voices[a] @ faces[b].T
    return float(F.cross_entropy(logits, torch.arange(len(pairs))))


def _some(material: Material, side: str, most: int = 200) -> Rows:
    rows = (material.voice if side == "voice" else material.face).rows("dev")
    return rows[:: max(1, len(rows) // most)]


@torch.no_grad()
def voice_embeddings(net: DIMNet, material: Material, rows: Rows, most: int = 400) -> Floats:
    """(n, d) of the first `most` frames of each recording, levelled as a whole."""
    from engine.voices.level import levelled

    made = []
    for r in rows:
        frames = levelled(material.voices.of(int(r))[:most])
        made.append(net.voice(torch.from_numpy(frames)[None])[0].numpy())
    return np.stack(made) if made else np.zeros((0, 1), np.float32)


@torch.no_grad()
def face_embeddings(net: DIMNet, material: Material, rows: Rows) -> Floats:
    """(n, d)."""
    made = [
        net.face(to_input(torch.from_numpy(material.pixels[rows[k : k + 64]]))).numpy()
        for k in range(0, len(rows), 64)
    ]
    return np.concatenate(made) if made else np.zeros((0, 1), np.float32)


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


def save_config(folder: Path, config: Config) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(config), default=str, indent=2)
    (folder / "config.json").write_text(text, encoding="utf-8")


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    file = folder / "config.json"
    if not file.exists():
        raise ConfigError(f"{folder} holds no run: {file.name} cannot be read")
    return settings.merge(Config(), json.loads(file.read_text(encoding="utf-8")), str(file))


def trained(folder: Path, material: Material) -> DIMNet:
    """The best net of a run, on the CPU."""
    file = folder / "best.pt"
    if not file.exists():
        raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
    net = build(saved_config(folder), material)
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return net.eval()
