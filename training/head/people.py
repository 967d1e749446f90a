"""People: how MakeHuman's macro and local shapes mix, and random adults drawn from that.

A person is a row of coefficients, one per target file. Macro targets are weighted by products of
sex, age, ethnicity, muscle and weight, as MakeHuman does; local targets come in opposed pairs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .source import Source

MACRO = "mpfb2/targets/macrodetails/"
LOCAL = "head nose mouth eyes ears cheek chin forehead neck eyebrows asym torso".split()
SIGNED = [
    ("decr", "incr"), ("down", "up"), ("in", "out"), ("backward", "forward"),
    ("concave", "convex"), ("compress", "uncompress"),
]  # fmt: skip
ETHNICITIES = ("african", "asian", "caucasian")
SKIP = ("measure-", "breast", "torso-trans", "head-trans", "neck-trans", "ear-shape", "age-")
SPREAD = {
    "head": 0.12, "nose": 0.19, "mouth": 0.19, "eyes": 0.17, "ears": 0.2, "cheek": 0.18,
    "chin": 0.18, "forehead": 0.16, "neck": 0.12, "eyebrows": 0.2, "asym": 0.06, "torso": 0.1,
}  # fmt: skip

Coefficients = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Macro:
    """What a person is at large. Ages in years; muscle and weight in [0, 1], 0.5 is average."""

    male: float
    age: float
    ethnicity: tuple[float, float, float]  # african, asian, caucasian; sums to 1
    muscle: float = 0.5
    weight: float = 0.5


def ages(years: float) -> dict[str, float]:
    """MakeHuman's age classes: child is 12, young is 25, old is 90."""
    if years < 25:
        child = (25 - max(years, 12)) / 13
        return {"child": child, "young": 1 - child}
    old = (min(years, 90) - 25) / 65
    return {"young": 1 - old, "old": old}


def _thirds(value: float, name: str) -> dict[str, float]:
    side = f"{'max' if value > 0.5 else 'min'}{name}"
    far = abs(value - 0.5) * 2
    return {side: far, f"average{name}": 1 - far}


class Targets:
    """The target files in use, their order, and people as rows of coefficients."""

    def __init__(self, source: Source) -> None:
        macro = [
            name
            for name in source.list(MACRO)
            if name.endswith(".gz") and name.count("/") == 3 and "-baby" not in name
        ]
        local = [
            name
            for folder in LOCAL
            for name in source.list(f"mpfb2/targets/{folder}/")
            if name.endswith(".gz") and not any(s in name.split("/")[-1] for s in SKIP)
        ]
        self.names = macro + local
        self.index = {name: k for k, name in enumerate(self.names)}
        self.pairs = _pairs(local)

    def macro(self, who: Macro) -> Coefficients:
        """The coefficients of an average person of that kind."""
        row = np.zeros(len(self.names), np.float32)
        for sex, of_sex in (("male", who.male), ("female", 1 - who.male)):
            for age, of_age in ages(who.age).items():
                base = of_sex * of_age
                for name, share in zip(ETHNICITIES, who.ethnicity, strict=True):
                    self._add(row, f"{name}-{sex}-{age}", base * share)
                for muscle, m in _thirds(who.muscle, "muscle").items():
                    for weight, w in _thirds(who.weight, "weight").items():
                        self._add(row, f"universal-{sex}-{age}-{muscle}-{weight}", base * m * w)
        return row

    def _add(self, row: Coefficients, name: str, share: float) -> None:
        if share > 0:
            row[self.index[f"{MACRO}{name}.target.gz"]] += share

    def sample(self, rng: np.random.Generator) -> Coefficients:
        """A random adult, nearly symmetric."""
        mix = rng.dirichlet([0.45, 0.45, 0.45])
        sex = rng.beta(0.35, 0.35)
        who = Macro(
            float(sex),
            18 + 62 * float(rng.beta(1.15, 2.2)),
            (float(mix[0]), float(mix[1]), float(mix[2])),
            float(np.clip(rng.normal(0.5, 0.15), 0, 1)),
            float(np.clip(rng.normal(0.52, 0.17), 0, 1)),
        )
        row = self.macro(who)
        for folder, sides in self.pairs:
            shared = rng.normal(0, SPREAD[folder])
            for negative, positive in sides:
                self._local(row, negative, positive, shared + rng.normal(0, SPREAD[folder] * 0.12))
        return row

    def _local(self, row: Coefficients, negative: str, positive: str, value: float) -> None:
        name = positive if value > 0 else negative
        if name:
            row[self.index[name]] = min(abs(value), 0.9)


Pair = tuple[str, str]


def _pairs(names: list[str]) -> list[tuple[str, list[Pair]]]:
    """(folder, [(negative, positive) of the left, of the right]); '' where there is no opposite."""
    known = set(names)
    found: dict[str, list[Pair]] = {}
    taken: set[str] = set()
    for name in names:
        if name in taken:
            continue
        folder, stem = name.split("/")[2], name.split("/")[3].removesuffix(".target.gz")
        negative, positive = _opposed(name, stem, known)
        taken.update((negative, positive))
        side = stem[2:] if stem[:2] in ("l-", "r-") else stem
        found.setdefault(f"{folder}/{side}", []).append((negative, positive))
    return [(key.split("/")[0], sides) for key, sides in found.items()]


def _opposed(name: str, stem: str, known: set[str]) -> Pair:
    """The two ends that `name` belongs to."""
    head, _, last = stem.rpartition("-")
    if "/asym/" in name:
        other = name.replace(f"{stem}.", f"{head}-{'r' if last == 'l' else 'l'}.")
        return (other, name) if other in known else ("", name)
    for low, high in SIGNED:
        for mine, its in ((low, high), (high, low)):
            other = name.replace(f"{stem}.", f"{head}-{its}.")
            if last == mine and other in known:
                return (other, name) if mine == high else (name, other)
    return ("", name)
