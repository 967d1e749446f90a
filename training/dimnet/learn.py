"""What DIMNet learns from a batch: by covariates, or, to compare with, by pairs."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from engine.errors import ConfigError
from engine.types import Floats
from training.loop import StepLoss

from .batches import Pictures, Sounds, level, masked, mixed, on, varied
from .config import Config
from .data import IDENTITY, Balanced, DataConfig, Material, Rows
from .net import DIMNet, cosine


class _Batches:
    """The material on the net's device."""

    def __init__(self, config: Config, material: Material, net: DIMNet) -> None:
        self.device = next(net.parameters()).device
        self.data: DataConfig = config.data
        self.vary = config.vary
        self.sounds = Sounds(material.voices, self.device)
        self.pictures = Pictures(material.shown, self.device)

    def length(self, rng: np.random.Generator) -> int:
        return int(rng.integers(self.data.shortest, self.data.longest + 1))

    def mel(self, rows: Rows, length: int) -> Tensor:
        return level(self.sounds.crops(on(rows, self.device), length))

    def faces(self, rows: Rows) -> Tensor:
        return varied(self.pictures.of(on(rows, self.device)), self.vary)


class Learner:
    """The loss of a batch of voices and faces (section 4.1): the sum over covariates and
    modalities of the cross entropy of those that have a label."""

    def __init__(self, config: Config, material: Material, net: DIMNet) -> None:
        self.config, self.material, self.net = config, material, net
        names = config.data.covariates
        self.voices = Balanced(material.voice, material.voice.rows("train"), names)
        self.faces = Balanced(material.face, material.face.rows("train"), names)
        self.batches = _Batches(config, material, net)
        device = self.batches.device
        self.said, self.shown = (
            {c: on(v, device) for c, v in side.labels.items()}
            for side in (material.voice, material.face)
        )
        self.taught = on(_templates(config, material), device) if config.teach else None

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        data, device = self.config.data, self.batches.device
        heard, seen = self.voices.draw(data.heard, rng), self.faces.draw(data.seen, rng)
        mel, others = self._mel(heard, rng)
        voice = self.net.voice(mel)
        face, features = self.net.face.both(self.batches.faces(seen))
        said, shown = (on(rows, device) for rows in (heard, seen))
        second = on(others, device)
        parts = {}
        for c in self.material.classes:
            head = self.net.heads[c]
            told, labels = head(voice), self.said[c]
            parts[f"voice {c}"] = (self._entropy(told, labels[said])
                                   + self._entropy(told, labels[second])) / 2  # fmt: skip
            parts[f"face {c}"] = self._entropy(head(face), self.shown[c][shown])
        total = torch.stack(list(parts.values())).sum() + self._decay() / 2
        if self.taught is not None:
            away = 1 - F.cosine_similarity(self.net.taught(features), self.taught[shown])
            parts["taught"] = away.mean()
            total = total + self.config.teach * parts["taught"]
        return {"total": total, **parts}

    def _decay(self) -> Tensor:
        shrink, press = self.config.shrink, self.config.press
        return torch.stack([
            (shrink if c == IDENTITY else press) * head.get_parameter("weight").square().sum()
            for c, head in self.net.heads.items()
        ]).sum()  # fmt: skip

    def _mel(self, rows: Rows, rng: np.random.Generator) -> tuple[Tensor, Rows]:
        """Voices, some of them with a second one just as loud; and who else is in each."""
        both = rng.random(len(rows)) < self.config.data.mixed
        others = np.where(both, rng.permutation(rows), rows)
        length = self.batches.length(rng)
        mel = self.batches.mel(rows, length)
        if both.any():
            which = on(both, self.batches.device)
            mel = mixed(mel, self.batches.mel(others, length), which)
        return masked(mel), others

    def _entropy(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Over those whose label is known; 0 where there is none."""
        told = F.cross_entropy(
            logits, labels, ignore_index=-1, label_smoothing=self.config.smooth, reduction="sum"
        )
        return told / (labels >= 0).sum().clamp_min(1)


def _templates(config: Config, material: Material) -> Floats:
    if config.sizes.sees != "pictures":
        raise ConfigError('teach is for sizes.sees = "pictures": templates are known already')
    if material.taught is None:
        raise ConfigError(
            f"teach asks for a teacher's templates: python -m training.prepare sphereface2 "
            f"--to {material.config.faces} --teacher"
        )
    return material.taught


class PairLearner:
    """Two branches and no classifier: of a batch of people, one voice and one face of each, whose
    is whose? The mean cross entropy of both ways (InfoNCE), the contrastive loss of many impostors.
    """

    def __init__(self, config: Config, material: Material, net: DIMNet) -> None:
        if IDENTITY not in material.classes:
            raise ConfigError('learn = "pairs" needs data.covariates = ["identity"]')
        self.config, self.material, self.net = config, material, net
        self.heard, self.seen = (
            _by_person(s.rows("train", IDENTITY), s.labels[IDENTITY])
            for s in (material.voice, material.face)
        )
        for tower in (net.voice.tower, net.face.tower):  # centred: else all become one direction
            torch.nn.init.zeros_(tower[-1].get_parameter("bias")).requires_grad_(False)
        self.batches = _Batches(config, material, net)

    def __call__(self, step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        people = rng.permutation(sorted(self.heard))[: self.config.data.heard]
        voices, faces = (np.array([rng.choice(rows[p]) for p in people])
                         for rows in (self.heard, self.seen))  # fmt: skip
        mel = masked(self.batches.mel(voices, self.batches.length(rng)))
        alike = self.config.sharp * cosine(
            self.net.voice(mel), self.net.face(self.batches.faces(faces))
        )
        own = torch.arange(len(people), device=self.batches.device)
        parts = {"voice": F.cross_entropy(alike, own), "face": F.cross_entropy(alike.T, own)}
        return {"total": torch.stack(list(parts.values())).sum(), **parts}


def _by_person(rows: Rows, labels: Rows) -> dict[int, Rows]:
    """Identity -> the rows that are learnt from."""
    whose = labels[rows]
    return {int(p): rows[whose == p] for p in np.unique(whose)}


LEARNERS: dict[str, Callable[[Config, Material, DIMNet], StepLoss]] = {
    "covariates": Learner, "pairs": PairLearner,
}  # fmt: skip
