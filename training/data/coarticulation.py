"""Phones in time -> ARKit curves of jaw, lips and tongue, by dominance functions.

Each phone pulls every articulator towards its target with a strength that is full while it
sounds and fades before and after it (Cohen and Massaro 1993: exponential, slower for the lips'
rounding than for the jaw). The closures of p, b, m and the contact of f, v are laid over this as
plateaus, because a blend of targets never quite closes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.head.arkit import ARKIT
from engine.types import Floats

from .phones import BILABIAL, LABIODENTAL, PAUSE, VOWELS
from .visemes import DIPHTHONGS, GROUPS, TARGETS, columns
from .voices import Phone

_JAW = GROUPS.index("jawOpen")
_FADE_BEFORE, _FADE_AFTER = 0.055, 0.06  # seconds in which a phone's pull falls to 1/e
_LIPS_SLOWER = 1.35
_LONG_PAUSE = 0.12  # seconds from which on a pause closes the mouth


@dataclass(frozen=True, slots=True)
class Style:
    """How a speaker moves: all of it modest, so that the sound determines the lips."""

    articulation: float = 1.0  # of all mouth targets
    smile: float = 0.0  # mouthSmile added throughout
    asymmetry: float = 0.0  # in [-1, 1]: more to the person's left


def curves(
    phones: Sequence[Phone], times: NDArray[np.float64], stress: Floats | None, style: Style
) -> Floats:
    """Mouth weights (n, 52) at `times` (n,) seconds; `stress` (phones,) scales vowel openness."""
    parts = _spread(phones, stress)
    weights = _blend(parts, times) * np.float32(style.articulation)
    closure = plateau(phones, times, BILABIAL, 0.06, 0.06, 0.06)
    contact = plateau(phones, times, LABIODENTAL, 0.06, 0.05, 0.06) * (1 - closure)
    return _as_arkit(weights, closure, contact, style)


@dataclass(frozen=True, slots=True)
class _Part:
    name: str
    start: float
    end: float
    stress: float


def _spread(phones: Sequence[Phone], stress: Floats | None) -> list[_Part]:
    """Phones with diphthongs in two halves (the first is the longer one)."""
    parts = []
    for i, p in enumerate(phones):
        force = 1.0 if stress is None else float(stress[i])
        if p.name in DIPHTHONGS:
            first, second = DIPHTHONGS[p.name]
            middle = p.start + 0.55 * (p.end - p.start)
            parts += [_Part(first, p.start, middle, force), _Part(second, middle, p.end, force)]
        else:
            parts.append(_Part(p.name, p.start, p.end, force))
    return parts


def _blend(parts: list[_Part], times: NDArray[np.float64]) -> Floats:
    """Targets averaged by dominance: (n, groups)."""
    targets = np.array([_target(p) for p in parts], np.float32)
    jaw = _dominance(parts, times, [TARGETS[p.name].jaw for p in parts], 1.0)
    lips = _dominance(parts, times, [TARGETS[p.name].lips for p in parts], _LIPS_SLOWER)
    blended = lips @ targets
    blended[:, _JAW] = jaw @ targets[:, _JAW]
    return blended


def _target(part: _Part) -> Floats:
    weights = TARGETS[part.name].weights.copy()
    if part.name in VOWELS:
        weights[_JAW] *= part.stress
    return weights


def _dominance(
    parts: list[_Part], times: NDArray[np.float64], strength: list[float], slower: float
) -> Floats:
    """Each part's share (n, parts) of the pull at each time; rows sum to 1."""
    start = np.array([p.start for p in parts])
    end = np.array([p.end for p in parts])
    inset = np.minimum(0.3 * (end - start), 0.03)  # a phone is fully itself only inside
    before = np.maximum(0, start + inset - times[:, None]) / (_FADE_BEFORE * slower)
    after = np.maximum(0, times[:, None] - end + inset) / (_FADE_AFTER * slower)
    weight = np.array(strength)
    quick = np.array([p.name == PAUSE and p.end - p.start < _LONG_PAUSE for p in parts])
    weight = np.where(quick, 0.15, weight)
    pull = weight * np.exp(-before - after) + 1e-9
    return (pull / pull.sum(1, keepdims=True)).astype(np.float32)


def plateau(
    phones: Sequence[Phone],
    times: NDArray[np.float64],
    names: frozenset[str],
    rise: float,
    least: float,
    fall: float,
) -> Floats:
    """1 while one of `names` sounds (for at least `least` seconds), smooth ramps beside it."""
    out = np.zeros(len(times), np.float32)
    for p in phones:
        if p.name in names:
            middle, half = (p.start + p.end) / 2, max(p.end - p.start, least) / 2
            up = _smooth((times - middle + half + rise) / rise)
            down = _smooth((middle + half + fall - times) / fall)
            out = np.maximum(out, np.minimum(up, down).astype(np.float32))
    return out


def _smooth(x: NDArray[np.float64]) -> NDArray[np.float64]:
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


CLOSED_JAW = 0.07  # jawOpen that stays while the lips are closed; mouthClose as large closes them
CONTACT_JAW = 0.04  # the same while the lower lip is on the teeth


def _as_arkit(groups: Floats, closure: Floats, contact: Floats, style: Style) -> Floats:
    """Group weights with closures laid over them, as (n, 52) in [0, 1]."""
    held = np.maximum(closure, contact)[:, None]
    groups = groups * (1 - held)
    groups[:, _JAW] += CLOSED_JAW * closure + CONTACT_JAW * contact
    out = np.zeros((len(groups), len(ARKIT)), np.float32)
    for g, group in enumerate(GROUPS):
        out[:, columns(group)] = groups[:, g : g + 1]
    _add(out, "mouthClose", closure * groups[:, _JAW])
    for group, amount in (("mouthPress", 0.18), ("mouthRollLower", 0.10), ("mouthRollUpper", 0.08)):
        _add(out, group, amount * closure)
    for group, amount in (("mouthRollLower", 0.85), ("mouthUpperUp", 0.35)):
        _add(out, group, amount * contact)
    _add(out, "mouthSmile", np.full(len(out), style.smile, np.float32))
    _lean(out, style.asymmetry)
    return np.clip(out, 0, 1)


def _add(out: Floats, group: str, amount: Floats) -> None:
    out[:, columns(group)] += amount[:, None]


def _lean(out: Floats, asymmetry: float) -> None:
    for group in ("mouthSmile", "mouthStretch", "mouthLowerDown", "mouthUpperUp"):
        left, right = columns(group)
        out[:, left] *= 1 + 0.15 * asymmetry
        out[:, right] *= 1 - 0.15 * asymmetry


def stress(phones: Sequence[Phone], samples: Floats, rate: int) -> Floats:
    """How openly each phone is spoken, from its loudness against the utterance's: (phones,)."""
    levels = np.zeros(len(phones), np.float32)
    for i, p in enumerate(phones):
        piece = samples[round(p.start * rate) : round(p.end * rate)]
        levels[i] = 10 * np.log10(float(np.mean(piece**2)) + 1e-8) if len(piece) else -80
    voiced = [lv for p, lv in zip(phones, levels, strict=True) if p.name in VOWELS]
    middle = float(np.median(voiced)) if voiced else -20.0
    return np.clip(1 + 0.03 * (levels - middle), 0.65, 1.2).astype(np.float32)
