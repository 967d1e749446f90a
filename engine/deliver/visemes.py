"""The 15 visemes of Oculus' lip sync, from ARKit's weights: how near the mouth is to each.

Each viseme has a target: the median of the mouth's shapes in the middle of its phones, over 12
sentences by 12 of the voices that MeshTalk is trained on. Weights are shares that sum to 1, by a
Gaussian of the distance to each target in a space where what tells visemes apart (pressed and
rolled lips, the tongue, rounding) counts more. What cannot be seen cannot be told: DD, nn and kk
differ behind the teeth, SS and I by little.
"""

import numpy as np

from ..head.arkit import ARKIT, INDEX
from ..types import Floats

NAMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")

# Symmetric pairs are named once and averaged; the number is how much a difference counts.
_COUNTS = {
    "jawOpen": 2.5, "mouthClose": 3.0, "mouthPress": 4.0, "mouthRollLower": 2.0,
    "mouthRollUpper": 2.0, "tongueOut": 3.0, "mouthFunnel": 2.0, "mouthPucker": 1.2,
    "mouthStretch": 1.5, "mouthSmile": 1.5, "mouthLowerDown": 1.2, "mouthUpperUp": 1.5,
}  # fmt: skip
_GROUPS = tuple(_COUNTS)
_TABLE = """
sil jawOpen=.02 mouthLowerDown=.02 mouthStretch=.01
PP  jawOpen=.07 mouthClose=.07 mouthPress=.18 mouthRollLower=.10 mouthRollUpper=.08
FF  jawOpen=.04 mouthRollLower=.85 mouthUpperUp=.35
TH  jawOpen=.15 tongueOut=.16 mouthFunnel=.03 mouthPucker=.04 mouthStretch=.05 mouthLowerDown=.12
DD  jawOpen=.13 mouthFunnel=.03 mouthPucker=.04 mouthStretch=.07 mouthLowerDown=.11 mouthUpperUp=.03
kk  jawOpen=.17 mouthFunnel=.01 mouthStretch=.07 mouthSmile=.03 mouthLowerDown=.13 mouthUpperUp=.05
CH  jawOpen=.11 mouthFunnel=.35 mouthPucker=.14 mouthLowerDown=.04 mouthUpperUp=.08
SS  jawOpen=.09 mouthStretch=.15 mouthSmile=.06 mouthLowerDown=.20 mouthUpperUp=.13
nn  jawOpen=.14 mouthFunnel=.02 mouthPucker=.03 mouthStretch=.07 mouthLowerDown=.13 mouthUpperUp=.04
RR  jawOpen=.12 mouthFunnel=.16 mouthPucker=.11 mouthLowerDown=.04 mouthUpperUp=.02
aa  jawOpen=.33 mouthStretch=.04 mouthSmile=.02 mouthLowerDown=.17 mouthUpperUp=.08
E   jawOpen=.23 mouthStretch=.13 mouthSmile=.05 mouthLowerDown=.16 mouthUpperUp=.08
I   jawOpen=.13 mouthStretch=.19 mouthSmile=.12 mouthLowerDown=.18 mouthUpperUp=.10
O   jawOpen=.22 mouthFunnel=.22 mouthPucker=.20 mouthLowerDown=.03
U   jawOpen=.11 mouthFunnel=.12 mouthPucker=.55 mouthLowerDown=.03 mouthUpperUp=.03
"""
_NEAR = 0.10  # the distance at which a viseme's pull has fallen to 0.6


def _targets() -> dict[str, dict[str, float]]:
    rows = (line.split() for line in _TABLE.split("\n") if line)
    return {name: {g: float(x) for g, x in (p.split("=") for p in pairs)} for name, *pairs in rows}


def _columns(group: str) -> list[int]:
    names = [group] if group in INDEX else [f"{group}Left", f"{group}Right"]
    return [INDEX[name] for name in names]


def _measure() -> Floats:
    """(52, groups): weights to what is compared."""
    out = np.zeros((len(ARKIT), len(_COUNTS)), np.float32)
    for g, (group, counts) in enumerate(_COUNTS.items()):
        columns = _columns(group)
        out[columns, g] = counts / len(columns)
    return out


_MEASURE, _TARGETS = _measure(), _targets()
_PLACES: Floats = np.array(
    [[_COUNTS[g] * _TARGETS[name].get(g, 0.0) for g in _GROUPS] for name in NAMES], np.float32
)


def shares(weights: Floats) -> Floats:
    """ARKit weights (..., 52) -> (..., 15) that sum to 1, in the order of NAMES."""
    seen = weights @ _MEASURE
    far = np.square(seen[..., None, :] - _PLACES).sum(-1) / (2 * _NEAR**2)
    pull = np.exp(far.min(-1, keepdims=True) - far)
    return np.asarray(pull / pull.sum(-1, keepdims=True), np.float32)


def visemes(weights: Floats) -> dict[str, float]:
    """The same of one frame (52,), by name."""
    return dict(zip(NAMES, shares(weights).tolist(), strict=True))
