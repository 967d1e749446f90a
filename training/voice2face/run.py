"""One training of Voice2Face from its configuration: its loss, its loop, what it leaves."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ConfigError
from engine.types import Floats
from training import recipes
from training.dimnet.batches import Pictures, Variation, on, varied
from training.dimnet.data import Balanced, DataConfig, Rows, Side
from training.loop import OutOfTime, Run, Schedule, train

from .data import Material, Shapes, load
from .losses import critic_loss, generator_loss, seen_small, too_alike, unmoved
from .net import Painter, Pair, Sculptor, Sizes, face_critic, head_critic
from .partners import partners
from .portrait import Portrait, directions, numbers_of

Kind = Literal["head", "face"]
KINDS: tuple[Kind, ...] = ("head", "face")


@dataclass(frozen=True, slots=True)
class Weights:
    """What the generators' terms weigh beside the paper's (1 and 1); 0 leaves a term out."""

    spread: float = 1.0  # what is imagined for one class is to differ among itself
    share: float = 0.6  # as much of the spread of real ones is asked for
    quiet: float = 5.0  # noise gives the mean face and the mean head
    like: float = 3.0  # faces: those of the voice's partner, at a quarter of their size


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on."""

    seed: int = 0
    heads: str = "runs/heads"  # of training.prepare voice2face
    model: str = ""  # DIMNet's folder, whose voice net listens; the shipped one if empty
    longest: int = 8  # seconds of a voice, at most (paper: 3 to 8)
    noise: float = 0.05  # on unit embeddings, as in the authors' code
    smooth: float = 0.1  # real ones are real by so much less
    memory: int = 300  # steps over which a generator is averaged
    half: bool = True  # whether the nets compute in bfloat16
    data: DataConfig = field(default_factory=DataConfig)
    vary: Variation = field(default_factory=Variation)  # of what the critic of faces sees
    shapes: Shapes = field(default_factory=Shapes)
    sizes: Sizes = field(default_factory=Sizes)
    weights: Weights = field(default_factory=Weights)
    head: Schedule = field(default_factory=Schedule)
    face: Schedule = field(default_factory=Schedule)


def material_of(config: Config) -> Material:
    model = Path(config.model) if config.model else None
    return load(config.data, Path(config.heads), model, config.sizes.shades, config.shapes)


def build(config: Config, material: Material, kind: Kind) -> Pair:
    torch.manual_seed(config.seed)
    sizes, numbers, classes = config.sizes, material.space.numbers, len(material.classes)
    if kind == "head":
        return Pair(Sculptor(sizes, numbers), head_critic(sizes, numbers, classes))
    if sizes.parts:
        return Pair(Portrait(sizes), head_critic(sizes, sizes.parts, classes))
    pair = Pair(Painter(sizes), face_critic(sizes, classes))
    return pair.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


class Learner:
    """The loss of a batch. Critic and generator learn in one step of one Adam: the critic's own
    loss does not reach the generator, nor the generator's the critic (paper: by turns)."""

    def __init__(self, config: Config, material: Material, pair: Pair, kind: Kind) -> None:
        self.config, self.material, self.pair, self.kind = config, material, pair, kind
        self.real = material.face if kind == "face" else material.heads.side
        label, names = material.label, config.data.covariates
        self.voices, self.others = (
            Balanced(s, s.rows("train", label), names) for s in (material.voice, self.real)
        )
        self.device = next(pair.parameters()).device
        self.painted, self.make = kind == "face" and not config.sizes.parts, pair.generator
        if kind == "head":
            self.mean = self._tensor(material.space.middle)
            self.numbers = self._tensor(material.heads.numbers)
        elif config.sizes.parts:
            self._stand_on_directions()
        else:
            self.mean = self._tensor(material.mean_face().transpose(2, 0, 1))
            self.pictures = Pictures(material.pixels, self.device)
            self.faces, self.partner = partners(
                material.voice, material.whole(np.arange(len(material.how))), material.face,
                material.seen(), label)  # fmt: skip

    def _stand_on_directions(self) -> None:
        """Faces as numbers, like heads."""
        rows, label = self.real.rows("train", self.material.label), self.material.label
        pixels, labels = self.material.pixels, self.real.labels[label][rows]
        most = min(2 * len(rows), pixels[0].size) - 1
        if self.config.sizes.parts > most:
            raise ConfigError(f"sizes.parts should be at most {most} for this data")
        middle, basis = directions(pixels[rows], labels, self.config.sizes.parts)
        own, mean = self.pair.generator, self.pair.mean
        assert isinstance(own, Portrait) and isinstance(mean, Portrait)
        for net in (own, mean):
            net.stand_on(middle, basis)
        self.make = own.numbers
        self.numbers = self._tensor(numbers_of(pixels, middle, basis))
        self.mean = self._tensor(np.zeros(len(basis), np.float32))

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        self.pair.average(step, self.config.memory)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.config.half):
            parts = self._parts(rng)
        w = self.config.weights
        weights = {"spread": w.spread, "quiet": w.quiet, "like": w.like}
        terms = [weights.get(name, 1.0) * v for name, v in parts.items()]
        return {"total": torch.stack(terms).sum(), **parts}

    def _parts(self, rng: np.random.Generator) -> dict[str, Tensor]:
        material, pair, counts = self.material, self.pair, self.config.data
        said, seen = self.voices.draw(counts.heard, rng), self.others.draw(counts.seen, rng)
        wanted = self._labels(material.voice, said)
        labels = self._labels(self.real, seen)
        made = self.make(self._noisy(material.hear(said, self.config.longest, rng), rng))
        real = self._shown(seen)
        critic, shown = pair.critic, self._varied(made)
        parts = {
            "critic": critic_loss(critic(self._varied(real)), critic(shown.detach()), labels,
                                  self.config.smooth),
            "generator": generator_loss(unmoved(critic, shown), wanted),
            "spread": too_alike(seen_small(made), wanted, seen_small(real), labels,
                                self.config.weights.share),
            "quiet": self._quiet(rng),
        }  # fmt: skip
        if self.painted:
            own = [rng.choice(self.faces[k]) for k in self.partner[said]]
            own_small = seen_small(self._shown(np.array(own)), 4)
            parts["like"] = F.l1_loss(seen_small(made, 4), own_small)
        return parts

    def _quiet(self, rng: np.random.Generator) -> Tensor:
        silence = self.material.silence
        still = self.make(
            self._noisy(silence[rng.integers(len(silence), size=self.config.data.heard // 4)], rng)
        )
        return F.l1_loss(still, self.mean.expand_as(still))

    def _shown(self, rows: Rows) -> Tensor:
        """Real ones."""
        there = on(rows, self.device)
        return self.pictures.of(there) if self.painted else self.numbers[there]

    def _varied(self, shown: Tensor) -> Tensor:
        """As the critic sees them, real and imagined alike: it would learn few by heart."""
        return varied(shown, self.config.vary) if self.painted else shown

    def _noisy(self, embedding: Floats, rng: np.random.Generator) -> Tensor:
        noise = np.float32(self.config.noise) * rng.standard_normal(embedding.shape, np.float32)
        return F.normalize(self._tensor(embedding + noise))

    def _labels(self, side: Side, rows: Rows) -> Tensor:
        return on(side.labels[self.material.label][rows], self.device)

    def _tensor(self, values: Floats) -> Tensor:
        return torch.from_numpy(np.asarray(values, np.float32)).to(self.device)


def fit(config: Config, run: Run, material: Material) -> bool:
    """Trains heads, then faces, until the steps are done; False where the time came first."""
    for kind in KINDS:
        pair = build(config, material, kind).to(run.device)
        schedule = config.head if kind == "head" else config.face
        try:
            train(run, kind, pair, Learner(config, material, pair, kind), schedule)
        except OutOfTime:
            return False
    return True


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    return recipes.saved_config(folder, Config())


@dataclass(frozen=True, slots=True)
class Generators:
    """What is kept of a run."""

    head: nn.Module
    face: nn.Module


def trained(folder: Path, material: Material) -> Generators:
    """A run's averaged generators, on the CPU."""
    found = []
    for kind in KINDS:
        file = folder / f"{kind}.pt"
        if not file.exists():
            raise ConfigError(f"{folder} holds no trained net yet: {file.name} is missing")
        pair = build(saved_config(folder), material, kind)
        pair.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["net"])
        found.append(pair.eval().mean)
    return Generators(*found)


@torch.no_grad()
def imagine(nets: Generators, embedding: Floats) -> tuple[Floats, Floats]:
    """Unit embeddings (b, dim) -> faces (b, 64, 64, 3) clamped to [-1, 1], heads (b, k + m)."""
    given = torch.from_numpy(np.asarray(embedding, np.float32))
    face = nets.face(given).clamp(-1, 1).permute(0, 2, 3, 1)
    return face.numpy(), nets.head(given).numpy()
