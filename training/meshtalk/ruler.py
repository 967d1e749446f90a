"""Figures of one spoken clip against a recording of it, on vertices."""

from collections.abc import Sequence

import numpy as np

from engine.head import Head
from engine.types import Floats
from training.data.clips import FPS, Clip
from training.data.phones import BILABIAL, LABIODENTAL
from training.data.voices import Phone

from . import measure

LAGS = range(-6, 7)  # frames
OPEN, CLOSE = frozenset(("aa", "ae", "ah", "ao")), frozenset(("iy", "ih", "uw", "uh"))
TOUCH = 3.0  # millimetres between the lower lip's edge and the upper teeth's at f and v
TRUSTED = 0.5  # frames that are believed less are left out


class Ruler:
    """Lip, upper-face and phone figures of faces (n, v, 3) of one head."""

    def __init__(self, head: Head) -> None:
        self.head = head
        self.lips = np.flatnonzero(head.masks["lips"] > 0.5)
        self.upper = np.flatnonzero(head.masks["upper"] > 0.5)
        teeth = np.unique(head.faces[head.parts["teeth_upper"]])
        self._teeth = teeth[np.abs(head.neutral[teeth, 0]) < 6]

    def lip_error(self, made: Floats, truth: Floats, centred: bool) -> Floats:
        """(n,) the largest error of a lip vertex, mm; `centred` removes each mesh's mean lip
        position first, as MeshTalk's authors do."""
        one, two = made[:, self.lips], truth[:, self.lips]
        if centred:
            one, two = (x - x.mean(1, keepdims=True) for x in (one, two))
        return np.linalg.norm(one - two, axis=-1).max(1)

    def upper_error(self, made: Floats, truth: Floats) -> Floats:
        """(n,) mean error of the upper face's vertices, mm."""
        return np.linalg.norm(made[:, self.upper] - truth[:, self.upper], axis=-1).mean(1)

    def jerk(self, faces: Floats) -> float:
        """Mean size of the lips' third derivative, m/s^3."""
        if len(faces) < 4:
            return float("nan")
        third = np.diff(faces[:, self.lips], 3, axis=0) * FPS**3 / 1000
        return float(np.linalg.norm(third, axis=-1).mean())

    def openings(self, faces: Floats) -> Floats:
        return measure.openings(self.head, list(faces))

    def blinks(self, person: Floats, faces: Floats) -> int:
        return measure.blinks(measure.lids(self.head, person, list(faces)))

    def touches(self, person: Floats, faces: Floats) -> Floats:
        """(n,) how far the lower lip's edge lies under the upper teeth's, mm."""
        edge = person[self._teeth, 1].min()
        lip = [self.head.landmarks(f, 68)[measure.LOWER, 1] for f in faces]
        return np.asarray(edge - np.array(lip), np.float32)

    def variance(self, drawn: Floats, region: str) -> float:
        """Variance over seeds (s, n, v, 3), relative to the variance of its own motion."""
        chosen = drawn[:, :, self.lips if region == "lips" else self.upper]
        own = chosen.var(1).mean()
        return float(chosen.var(0).mean() / max(own, 1e-9))


def lag_of(made: Floats, wanted: Floats) -> int:
    """Frames by which `made` fits `wanted` best when moved earlier."""
    return LAGS[int(np.argmax([shifted(made, wanted, d) for d in LAGS]))]


def shifted(made: Floats, wanted: Floats, lag: int) -> float:
    """Correlation when `made` is moved earlier by `lag` frames; 0 where too little overlaps."""
    n = len(wanted)
    one = made[max(0, lag) : n + min(0, lag)]
    two = wanted[max(0, -lag) : n - max(0, lag)]
    return measure.correlation(one, two) if len(one) > 5 else 0.0


def at_phones(
    values: Floats, phones: Sequence[Phone], names: frozenset[str], least: float
) -> tuple[int, int, float]:
    """At how many of the phones `values` fall below `least`, of how many, and by chance."""
    speech = measure.speech_frames(phones, len(values), FPS)
    spans = [measure.span(p, len(values), FPS) for p in phones if p.name in names]
    made = sum(bool(values[a:b].min() < least) for a, b in spans)
    if not spans:
        return 0, 0, 0.0
    chance = [np.mean([values[k : k + b - a].min() < least for k in speech]) for a, b in spans]
    return made, len(spans), float(np.sum(chance))


def vowel_pairs(opening: Floats, phones: Sequence[Phone]) -> tuple[int, int]:
    """In how many pairs of an open and a close vowel the open one is wider, and how many."""
    widest: dict[frozenset[str], list[float]] = {OPEN: [], CLOSE: []}
    for p in phones:
        for kind, found in widest.items():
            if p.name in kind:
                first, last = measure.span(p, len(opening), FPS)
                found.append(float(opening[first:last].max()))
    wider = sum(a > b for a in widest[OPEN] for b in widest[CLOSE])
    return wider, len(widest[OPEN]) * len(widest[CLOSE])


def phone_counts(ruler: Ruler, person: Floats, faces: Floats, clip: Clip) -> dict[str, float]:
    """Sums over a clip's phones: NAME made, NAME asked, NAME chance."""
    if not clip.phones:
        return {}
    opening = ruler.openings(faces)
    lowest = float(np.quantile(opening, 0.2)) + 1e-4
    aa = measure.CLOSED * measure.aa(ruler.head, person)
    wider, pairs = vowel_pairs(opening, clip.phones)
    counts: dict[str, float] = {
        "vowels made": wider,
        "vowels asked": pairs,
        "vowels chance": 0.5 * pairs,
    }
    for name, values, kind, least in (
        ("closure", opening, BILABIAL, aa),
        ("quintile", opening, BILABIAL, lowest),
        ("touch", ruler.touches(person, faces), LABIODENTAL, TOUCH),
    ):
        made, asked, chance = at_phones(values, clip.phones, kind, least)
        counts |= {f"{name} made": made, f"{name} asked": asked, f"{name} chance": chance}
    return counts
