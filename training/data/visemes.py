"""What the lips aim at for each phone, as ARKit weights, and how strongly.

Groups name symmetric pairs once (mouthPress = mouthPressLeft and mouthPressRight). The numbers
were set by looking at this project's own head: closed lips at p, b, m; the lower lip on the upper
teeth at f, v; the tongue between the teeth at th.
"""

from dataclasses import dataclass

import numpy as np

from engine.head.arkit import ARKIT
from engine.types import Floats

GROUPS = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthLowerDown", "mouthUpperUp", "mouthStretch",
    "mouthSmile", "mouthRollLower", "mouthRollUpper", "mouthPress", "mouthShrugUpper", "tongueOut",
)  # fmt: skip

# phone: targets in the order of GROUPS (missing ones are 0), then dominance of jaw and of lips
_TABLE = """
pau |                                                              | 1.0 1.0
aa  jawOpen=.45 mouthLowerDown=.22 mouthUpperUp=.10                | 1.7 1.0
ae  jawOpen=.39 mouthStretch=.22 mouthLowerDown=.28 mouthUpperUp=.16 mouthSmile=.08 | 1.7 1.2
ah  jawOpen=.31 mouthLowerDown=.18 mouthUpperUp=.06                | 1.5 0.8
ao  jawOpen=.30 mouthFunnel=.34 mouthPucker=.18                    | 1.5 1.4
eh  jawOpen=.28 mouthStretch=.20 mouthLowerDown=.22 mouthUpperUp=.12 mouthSmile=.06 | 1.5 1.0
er  jawOpen=.14 mouthFunnel=.32 mouthPucker=.14                    | 1.4 1.3
ih  jawOpen=.18 mouthStretch=.20 mouthSmile=.10 mouthLowerDown=.20 mouthUpperUp=.10 | 1.4 0.9
iy  jawOpen=.11 mouthStretch=.34 mouthSmile=.24 mouthLowerDown=.28 mouthUpperUp=.20 | 1.5 1.4
uh  jawOpen=.15 mouthFunnel=.22 mouthPucker=.34                    | 1.4 1.3
uw  jawOpen=.11 mouthPucker=.74 mouthFunnel=.14                    | 1.5 1.8
ax  jawOpen=.20 mouthLowerDown=.10                                 | 0.7 0.4
p   jawOpen=.07                                                    | 1.2 1.3
b   jawOpen=.07                                                    | 1.2 1.3
m   jawOpen=.07                                                    | 1.2 1.3
f   jawOpen=.07                                                    | 1.2 1.3
v   jawOpen=.07                                                    | 1.2 1.3
th  jawOpen=.13 tongueOut=.60 mouthLowerDown=.14                   | 1.0 0.9
dh  jawOpen=.13 tongueOut=.45 mouthLowerDown=.12                   | 0.9 0.7
t   jawOpen=.09 mouthLowerDown=.14 mouthStretch=.10                | 0.8 0.5
d   jawOpen=.09 mouthLowerDown=.14 mouthStretch=.10                | 0.8 0.5
n   jawOpen=.10 mouthLowerDown=.12 mouthStretch=.08                | 0.7 0.5
l   jawOpen=.17 mouthLowerDown=.14 mouthStretch=.06                | 0.8 0.5
s   jawOpen=.05 mouthStretch=.26 mouthLowerDown=.30 mouthSmile=.10 mouthUpperUp=.20 | 1.2 0.8
z   jawOpen=.06 mouthStretch=.24 mouthLowerDown=.30 mouthSmile=.10 mouthUpperUp=.20 | 1.2 0.8
sh  jawOpen=.06 mouthFunnel=.55 mouthPucker=.18 mouthUpperUp=.10 | 1.2 1.4
zh  jawOpen=.06 mouthFunnel=.53 mouthPucker=.18 mouthUpperUp=.10 | 1.2 1.4
ch  jawOpen=.06 mouthFunnel=.52 mouthPucker=.18 mouthUpperUp=.10 | 1.2 1.3
jh  jawOpen=.06 mouthFunnel=.50 mouthPucker=.18 mouthUpperUp=.10 | 1.2 1.3
k   jawOpen=.15 mouthLowerDown=.10                                 | 0.7 0.3
g   jawOpen=.14 mouthLowerDown=.10                                 | 0.7 0.3
ng  jawOpen=.14 mouthLowerDown=.08                                 | 0.7 0.3
hh  jawOpen=.18                                                    | 0.4 0.2
r   jawOpen=.08 mouthFunnel=.30 mouthPucker=.18                    | 0.9 1.0
w   jawOpen=.08 mouthPucker=.84 mouthFunnel=.10                    | 1.2 2.2
y   jawOpen=.09 mouthStretch=.26 mouthSmile=.16 mouthLowerDown=.10 | 0.9 0.8
"""
DIPHTHONGS = {"aw": ("aa", "uh"), "ay": ("aa", "ih"), "ey": ("eh", "iy"), "ow": ("ao", "uw"),
              "oy": ("ao", "ih")}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One phone's aim: group weights, and the dominance (Cohen and Massaro) of jaw and lips."""

    weights: Floats  # (groups,)
    jaw: float
    lips: float


def _parse(line: str) -> tuple[str, Target]:
    name, _, rest = line.partition(" ")
    shapes, _, strength = rest.strip().strip("|").rpartition("|")
    weights = np.zeros(len(GROUPS), np.float32)
    for pair in shapes.replace("|", " ").split():
        group, _, value = pair.partition("=")
        weights[GROUPS.index(group)] = float(value)
    jaw, lips = map(float, strength.split())
    return name, Target(weights, jaw, lips)


TARGETS = dict(_parse(line) for line in _TABLE.strip().splitlines())


def columns(group: str) -> list[int]:
    """The ARKit columns of a group: the shape itself, or its left and right halves."""
    names = [group] if group in ARKIT else [f"{group}Left", f"{group}Right"]
    return [ARKIT.index(name) for name in names]
