"""What imagined faces and heads are worth where voice and face are of one person: made-up people.

python -m training.evaluate voice2face --run RUN --judge DIMNET-RUN [--part dev] [--json FILE]

The judge is the face net of a DIMNet run on the same people, with its classifiers of covariates:
not the run whose voice net was listened to, and no part of the training. It looks at imagined
faces, and at imagined heads as they are drawn (from the front, at rest, evenly lit). The numbers of
heads are judged by linear classifiers of the numbers of the heads learnt from.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from engine.errors import ConfigError
from engine.types import Bytes, Floats
from engine.voices.model import unit
from training.dimnet import trials
from training.dimnet.config import Config as JudgeConfig
from training.dimnet.data import IDENTITY, Part, Rows, evened
from training.dimnet.data import Material as JudgeMaterial
from training.dimnet.embed import head
from training.dimnet.net import DIMNet, to_input
from training.dimnet.run import material_of as judge_material
from training.dimnet.run import saved_config as judge_config
from training.dimnet.run import trained as judge_net
from training.dimnet.trials import Items
from training.voices import people as who

from .data import Material
from .drawn import drawn
from .judge import learn
from .measure import to_bytes
from .run import Config, Generators, imagine

COUNT, DRAWS = 4000, 1000
GROUP = "gender"
JUDGED = ("imagined faces", "imagined heads", "imagined heads as drawn", "real faces")
Figure = tuple[float, float, float]  # share, and the bounds of its 95 % interval over people


@dataclass(frozen=True, slots=True)
class Judge:
    """A face net that took no part."""

    net: DIMNet
    material: JudgeMaterial
    config: JudgeConfig

    @classmethod
    def load(cls, folder: Path) -> "Judge":
        config = judge_config(folder)
        if config.sizes.sees != "pictures":
            raise ConfigError(f'--judge {folder} should see pictures: sizes.sees = "pictures"')
        material = judge_material(config)
        return cls(judge_net(folder, material), material, config)

    def __call__(self, faces: Bytes) -> Floats:
        """(n, s, s, 3) -> embeddings (n, d)."""
        side = self.config.sizes.pixels
        small = np.stack([cv2.resize(f, (side, side), interpolation=cv2.INTER_AREA) for f in faces])
        small = evened(small) if self.config.data.level else small
        with torch.no_grad():
            return np.asarray(self.net.face(to_input(torch.from_numpy(small))).numpy())

    def told(self, embedding: Floats, covariate: str) -> list[str]:
        classes = self.material.classes[covariate]
        return [classes[k] for k in (embedding @ head(self.net, covariate).T).argmax(1)]


def report(
    nets: Generators, material: Material, config: Config, judge: Judge, part: Part
) -> dict[str, Any]:
    """All figures on the people of a part, each with its 95 % interval over people."""
    known = who.read([Path(config.data.people)])
    heard, seen = material.voice.rows(part), material.face.rows(part)
    faces, numbers = imagine(nets, material.whole(heard))
    names = np.array([material.voice.names[r] for r in heard])
    real_names = np.array([material.face.names[r] for r in seen])
    made, real = judge(to_bytes(faces)), judge(material.pixels[seen])
    heads = judge(drawn(material.space, numbers))
    found: dict[str, Any] = {
        "people": len(set(names)),
        "1:2": {
            f"{kind}, {how}": figure
            for kind, e in (("faces", made), ("heads as drawn", heads))
            for how, figure in _matching(e, names, real, real_names, known).items()
        },
        "diversity": _diversity(
            faces,
            names,
            np.asarray(material.pixels[seen] / 127.5 - 1, np.float32),
            real_names,
            known,
        ),
    }
    told = {}
    for c in (c for c in judge.material.classes if c != IDENTITY):
        told[c] = {
            "imagined faces": _right(judge.told(made, c), names, known, c),
            "real faces": _right(judge.told(real, c), real_names, known, c),
            "imagined heads": _heads(material, numbers, names, known, c),
            "imagined heads as drawn": _right(judge.told(heads, c), names, known, c),
            "chance": 1 / len(judge.material.classes[c]),
        }
    return found | {"told": told}


def _matching(
    made: Floats, names: Any, real: Floats, real_names: Any, known: who.People
) -> dict[str, Figure]:
    """Embeddings of what is imagined, and of two real faces that of the same person."""
    groups = sorted({known[n][GROUP] for n in real_names})
    probes, gallery = (
        Items(unit(e), n, np.array([groups.index(known[p][GROUP]) for p in n]))
        for e, n in ((made, names), (real, real_names))
    )
    found = {}
    for name, grouped in (("ungrouped", False), ("within a gender", True)):
        trial = trials.by_person(probes, gallery, COUNT, 2, grouped, np.random.default_rng(0))
        alike = trials.similarities(probes, gallery, trial)
        found[name] = interval(alike[:, 0] > alike[:, 1], probes.person[trial.probe])
    return found


def _right(told: list[str], names: Any, known: who.People, covariate: str) -> Figure:
    right = np.array([t == known[n][covariate] for t, n in zip(told, names, strict=True)])
    return interval(right, names)


def _heads(
    material: Material, numbers: Floats, names: Any, known: who.People, covariate: str
) -> Figure:
    """By a linear classifier of the heads that were learnt from."""
    side = material.heads.side
    rows = side.rows("train")
    values = [known[side.names[r]][covariate] for r in rows]
    classes = sorted(set(values))
    labels: Rows = np.array([classes.index(v) for v in values])
    judge = learn(material.heads.numbers[rows], labels, len(classes))
    return _right([classes[k] for k in judge(numbers)], names, known, covariate)


def _diversity(made: Floats, names: Any, real: Floats, real_names: Any, known: who.People) -> float:
    """Mean difference between what is imagined for people of one gender, beside real ones."""

    def within(x: Floats, whose: Any) -> float:
        found = []
        for g in sorted({known[n][GROUP] for n in whose}):
            first = [k for k, n in enumerate(whose) if known[n][GROUP] == g and n not in whose[:k]]
            some = x[first[:60]].reshape(min(60, len(first)), -1)
            apart = np.abs(some[:, None] - some[None]).mean(2)
            found.append(apart[~np.eye(len(some), dtype=bool)].mean())
        return float(np.mean(found))

    return within(made, names) / within(real, real_names)


def interval(right: Any, people: Any) -> Figure:
    """The mean over people, and its bootstrap over them."""
    own = np.array([right[people == p].mean() for p in np.unique(people)])
    rng = np.random.default_rng(0)
    means = own[rng.integers(len(own), size=(DRAWS, len(own)))].mean(1)
    low, high = np.quantile(means, (0.025, 0.975))
    return float(own.mean()), float(low), float(high)


def table(found: dict[str, Any]) -> str:
    """The figures for a person, as Markdown."""
    rows = [f"Made-up people: {found['people']}.", "", "| 1:2, % | right | 95 % interval |",
            "|---|---|---|"]  # fmt: skip
    rows += [f"| {n} | {_shown(v)} |" for n, v in found["1:2"].items()]
    rows += ["", f"Imagined faces of one gender differ by {100 * found['diversity']:.0f} % of what "
             "real ones do.", "",
             f"| told right, % | {' | '.join(JUDGED)} | chance |",
             "|---" * (len(JUDGED) + 2) + "|"]  # fmt: skip
    for c, told in found["told"].items():
        cells = [_cell(told[k]) for k in JUDGED]
        rows.append(f"| {c} | {' | '.join(cells)} | {100 * told['chance']:.0f} |")
    return "\n".join(rows)


def _shown(v: Figure) -> str:
    return f"{100 * v[0]:.1f} | {100 * v[1]:.1f} to {100 * v[2]:.1f}"


def _cell(v: Figure) -> str:
    return f"{100 * v[0]:.1f} ({100 * v[1]:.1f} to {100 * v[2]:.1f})"
