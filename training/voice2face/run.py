"""One training of Voice2Face from its configuration: its loss, its loop, what it leaves."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine import config as settings
from engine.errors import ConfigError
from engine.types import Floats
from training.dimnet.data import Balanced, DataConfig, Rows
from training.dimnet.net import to_input
from training.dimnet.run import varied
from training.loop import OutOfTime, Run, Schedule, train

from .data import Material, Shapes, load
from .losses import critic_loss, generator_loss, too_alike, unmoved
from .net import Both, Generator, Sizes

NET = "net"


@dataclass(frozen=True, slots=True)
class Weights:
    """What the generator's terms weigh beside the paper's (1 and 1); 0 leaves a term out."""

    spread: float = 1.0  # what is imagined for one class is to differ among itself
    share: float = 0.6  # as much of the spread of real ones is asked for
    quiet: float = 5.0  # noise gives the mean face and the mean head
    recall: float = 3.0  # of a face's own embedding, the face; falls to 0 until `recalled`
    recalled: int = 800  # steps


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on."""

    seed: int = 0
    heads: str = "runs/heads"  # of training.prepare voice2face
    model: str = ""  # DIMNet's folder, whose voice net listens; the shipped one if empty
    longest: int = 8  # seconds of a voice, at most (paper: 3 to 8)
    noise: float = 0.05  # on unit embeddings, as in the authors' code
    smooth: float = 0.1  # real faces are real by so much less
    memory: int = 300  # steps over which the generator is averaged
    half: bool = True  # whether the nets compute in bfloat16
    data: DataConfig = field(default_factory=DataConfig)
    shapes: Shapes = field(default_factory=Shapes)
    sizes: Sizes = field(default_factory=Sizes)
    weights: Weights = field(default_factory=Weights)
    schedule: Schedule = field(default_factory=Schedule)


def material_of(config: Config) -> Material:
    model = Path(config.model) if config.model else None
    return load(config.data, Path(config.heads), model, config.sizes.shades, config.shapes)


def build(config: Config, material: Material) -> Both:
    torch.manual_seed(config.seed)
    net = Both(config.sizes, material.space.numbers, len(material.classes))
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class Learner:
    """The loss of a batch. Critics and generator learn in one step of one Adam: a critic's own
    loss does not reach the generator, nor the generator's the critic (paper: by turns)."""

    def __init__(self, config: Config, material: Material, net: Both) -> None:
        self.config, self.material, self.net = config, material, net
        label, names = material.label, config.data.covariates
        sides = (material.voice, material.face, material.heads.side)
        drawn = [Balanced(s, s.rows("train", label), names) for s in sides]
        self.voices, self.faces, self.heads = drawn
        self.device = next(net.parameters()).device
        self.mean = self._tensor(material.mean_face().transpose(2, 0, 1))
        self.mean_head = self._tensor(material.space.middle)

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        self.net.average(step, self.config.memory)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.half):
            parts = self._parts(step, rng)
        weights = self._weights(step)
        total = sum((weights.get(name, 1.0) * v for name, v in parts.items()), torch.zeros(()))
        return {"total": total, **parts}

    def _parts(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        material, net = self.material, self.net
        counts = self.config.data
        said, seen = self.voices.draw(counts.heard, rng), self.faces.draw(counts.seen, rng)
        shown = self.heads.draw(counts.seen, rng)
        labels, faces, heads = (
            self._labels(side, rows)
            for side, rows in (
                (material.voice, said),
                (material.face, seen),
                (material.heads.side, shown),
            )  # fmt: skip
        )
        voice = self._voices(said, rng)
        face, head = net.generator(voice)
        pixels = varied(material.pixels[seen], rng, reach=0)
        real = to_input(torch.from_numpy(pixels)).to(self.device)
        numbers = self._tensor(material.heads.numbers[shown])
        smooth = self.config.smooth
        parts = {
            "face critic": critic_loss(
                net.face_critic(real), net.face_critic(face.detach()), faces, smooth),
            "head critic": critic_loss(
                net.head_critic(numbers), net.head_critic(head.detach()), heads, smooth),
            "face": generator_loss(unmoved(net.face_critic, face), labels),
            "head": generator_loss(unmoved(net.head_critic, head), labels),
        }  # fmt: skip
        made = (face, head, labels)
        return parts | self._further(step, rng, made, (real, faces), (numbers, heads))

    def _further(
        self,
        step: int,
        rng: np.random.Generator,
        made: tuple[Tensor, Tensor, Tensor],
        real: tuple[Tensor, Tensor],
        numbers: tuple[Tensor, Tensor],
    ) -> dict[str, Tensor]:
        """The terms that the paper has not."""
        face, head, labels = made
        share, generator = self.config.weights.share, self.net.generator
        quiet = self.material.silence[rng.integers(len(self.material.silence), size=4)]
        still, level = generator(self._noisy(quiet, rng))
        parts = {
            "spread": too_alike(face, labels, *real, share)
            + too_alike(head, labels, *numbers, share),
            "quiet": F.l1_loss(still, self.mean.expand_as(still))
            + F.l1_loss(level, self.mean_head.expand_as(level)),
        }
        if self._weights(step)["recall"] > 0:
            rows = self.faces.draw(self.config.data.seen, rng)
            wanted = to_input(torch.from_numpy(self.material.pixels[rows])).to(self.device)
            recalled, _ = generator(self._noisy(self.material.seen[rows], rng))
            parts["recall"] = F.l1_loss(recalled, wanted)
        return parts

    def _weights(self, step: int) -> dict[str, float]:
        w = self.config.weights
        left = max(0.0, 1 - step / w.recalled) if w.recalled else 0.0
        return {"spread": w.spread, "quiet": w.quiet, "recall": w.recall * left}

    def _voices(self, rows: Rows, rng: np.random.Generator) -> Tensor:
        return self._noisy(self.material.hear(rows, self.config.longest, rng), rng)

    def _noisy(self, embedding: Floats, rng: np.random.Generator) -> Tensor:
        noise = self.config.noise * rng.standard_normal(embedding.shape)
        return F.normalize(self._tensor(embedding + noise))

    def _labels(self, side: Any, rows: Rows) -> Tensor:
        return torch.from_numpy(side.labels[self.material.label][rows]).to(self.device)

    def _tensor(self, values: Floats) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)


def fit(config: Config, run: Run, material: Material) -> bool:
    """Trains until the steps are done; False where the time came first."""
    net = build(config, material).to(run.device)
    try:
        train(run, NET, net, Learner(config, material, net), config.schedule)
    except OutOfTime:
        return False
    return True


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


def trained(folder: Path, material: Material) -> Both:
    """A run's nets, on the CPU."""
    file = folder / f"{NET}.pt"
    if not file.exists():
        raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
    both = build(saved_config(folder), material)
    both.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["net"])
    return both.eval()


@torch.no_grad()
def imagine(generator: Generator, embedding: Floats) -> tuple[Floats, Floats]:
    """Unit embeddings (b, dim) -> faces (b, 64, 64, 3) clamped to [-1, 1], heads (b, k + m)."""
    face, head = generator(torch.from_numpy(np.asarray(embedding, np.float32)))
    return face.clamp(-1, 1).permute(0, 2, 3, 1).numpy(), head.numpy()
