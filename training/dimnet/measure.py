"""What a trained DIMNet is worth on people who were held out, beside what is possible."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize

from engine.types import Floats
from engine.voices.level import Level
from engine.voices.listen import SECOND
from engine.voices.model import Calibration, unit

from . import trials
from .data import Material, Part, Rows
from .embed import face_embeddings, head, voice_embeddings
from .net import DIMNet
from .trials import AMONG, Items

PREFIXES = (1, 2, 4, 8)  # seconds of speech after which a voice's answer is calibrated
COUNT = 4000  # trials of each kind


@dataclass(frozen=True, slots=True)
class Told:
    """What was said of held-out items: classes, logits and how much was heard."""

    true: Rows  # (n,)
    logits: Floats  # (n, k)
    seconds: Floats  # (n,)
    how: NDArray[np.str_]  # (n,) clean, telephone, ...

    @property
    def right(self) -> NDArray[np.bool_]:
        return self.logits.argmax(1) == self.true

    def only(self, kept: NDArray[np.bool_]) -> "Told":
        return Told(self.true[kept], self.logits[kept], self.seconds[kept], self.how[kept])


@dataclass(frozen=True, slots=True)
class Held:
    """One run's held-out people, as its net hears and sees them."""

    voices: Items  # clean recordings
    faces: Items
    voice_told: Told  # whole recordings, all conditions
    face_told: Told
    prefixes: Told  # of voices, after PREFIXES seconds


def held_out(net: DIMNet, material: Material, covariate: str, part: Part = "held") -> Held:
    """Items of the part whose class is known."""
    weights = head(net, covariate)
    heard = material.voice.rows(part, covariate)
    seen = material.face.rows(part, covariate)
    how = np.array(material.voices.how)[heard]
    said, shown = material.voice.labels[covariate][heard], material.face.labels[covariate][seen]
    voice, face = voice_embeddings(net, material, heard), face_embeddings(net, material, seen)
    length = np.diff(material.voices.start)[heard] / SECOND
    clean = how == "clean"
    return Held(
        Items(unit(voice[clean]), _names(material.voice.names, heard[clean]), said[clean]),
        Items(unit(face), _names(material.face.names, seen), shown),
        Told(said, voice @ weights.T, length.astype(np.float32), how),
        Told(shown, face @ weights.T, np.ones(len(seen), np.float32), np.full(len(seen), "clean")),
        _prefixes(net, material, heard, said, how, weights),
    )


def _names(names: tuple[str, ...], rows: Rows) -> NDArray[np.str_]:
    return np.array([names[r] for r in rows])


def _prefixes(
    net: DIMNet, material: Material, rows: Rows, true: Rows, how: NDArray[np.str_], weights: Floats
) -> Told:
    """As the engine hears: second by second, each levelled by what came until then."""
    found: list[tuple[int, Floats, int, str]] = []
    for r, label, way in zip(rows, true, how, strict=True):
        frames, level = material.voices.of(int(r)), Level()
        count = min(len(frames) // SECOND, max(PREFIXES))
        if not count:
            continue
        parts = [level.push(frames[k * SECOND : (k + 1) * SECOND]) for k in range(count)]
        with torch.no_grad():
            made = net.voice(torch.from_numpy(np.stack(parts))).numpy()
        found += [
            (int(label), made[:n].mean(0) @ weights.T, n, way) for n in PREFIXES if n <= count
        ]
    labels, logits, seconds, ways = zip(*found, strict=True)
    return Told(np.array(labels), np.stack(logits), np.array(seconds, np.float32), np.array(ways))


def together(told: list[Told]) -> Told:
    """Of several runs, each of which held other people out."""
    return Told(*(np.concatenate([getattr(t, n) for t in told])
                  for n in ("true", "logits", "seconds", "how")))  # fmt: skip


def calibrate(told: Told) -> Calibration:
    """The scale and growth of logits under which the truth is likeliest; `most` is the share of
    answers after the longest hearing that are right, never 1."""
    longest = told.only(told.seconds == told.seconds.max())
    most = float((longest.right.sum() + 0.5) / (len(longest.true) + 1))
    grows = len(np.unique(told.seconds)) > 1

    def unlikely(x: NDArray[np.float64]) -> float:
        sharper = x[0] + (x[1] if grows else 0) * np.log(told.seconds)[:, None]
        sharp = told.logits.astype(np.float64) * np.maximum(sharper, 1e-3)
        share = np.exp(sharp - sharp.max(1, keepdims=True))
        p = share[np.arange(len(share)), told.true] / share.sum(1)
        return float(-np.log(most * p + (1 - most) / share.shape[1]).mean())

    scale, growth = minimize(unlikely, [1.0, 0.0], method="Nelder-Mead").x
    return Calibration(round(float(scale), 4), round(float(growth), 4) if grows else 0.0, most)


def expected_error(told: Told, calibration: Calibration) -> tuple[float, float]:
    """Calibration error (mean over ten bins of |said - right|, weighted) and mean probability."""
    p = np.stack([calibration(x, float(s)) for x, s in zip(told.logits, told.seconds, strict=True)])
    best, right = p.max(1), p.argmax(1) == told.true
    bins = np.minimum((best * 20).astype(int), 19)
    gaps = [abs(best[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
            for b in np.unique(bins)]  # fmt: skip
    return float(sum(gaps)), float(best.mean())


Figures = dict[str, float]


def cross(probes: Items, gallery: Items, truth: str, seed: int) -> Figures:
    """Matching, verification and retrieval one way: ungrouped (U) and within a class (G)."""
    rng = np.random.default_rng(seed)
    draw = trials.by_person if truth == "person" else trials.by_covariate
    found: Figures = {}
    for name, grouped in (("U", False), ("G", True)):
        drawn = draw(probes, gallery, COUNT, max(AMONG), grouped, rng)
        alike = trials.similarities(probes, gallery, drawn)
        alike += rng.normal(0, 1e-9, alike.shape)  # ties by chance
        found |= {f"1:{n} {name}": trials.matching(alike, n) for n in AMONG}
        found[f"EER {name}"] = trials.eer(alike)
    items = trials.even(gallery, rng)
    found["mAP class"] = trials.precision(trials.even(probes, rng), items, "group")
    if truth == "person":
        found["mAP person"] = trials.precision(probes, gallery, "person")
    return found


def mean(figures: list[Figures]) -> dict[str, tuple[float, float]]:
    """Each with its standard error over runs."""
    count = len(figures)
    return {
        k: (float(np.mean(v)), float(np.std(v) / max(1, count - 1) ** 0.5))
        for k in figures[0]
        for v in [[f[k] for f in figures]]
    }
