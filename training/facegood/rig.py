"""The rig's 116 weights -> ARKit's 52, by name.

The rig was captured with a head camera on the mouth: of its shapes only some 25 ever move, none of
them of the eyes or brows. Gains were set so that the mouth's range is the generator's: the jaw's
95th percentile over five clips is 0.39, where the generator's open vowels have 0.39 to 0.45.
"""

from collections.abc import Sequence

import numpy as np

from engine.errors import DeviceError
from engine.head.arkit import ARKIT
from engine.types import Floats
from training.data.visemes import columns

JAW = "mouth_stretch_c"  # the mouth stretched downwards: the jaw's opening

# Rig shape: ARKit shape and gain. A shape of ours that several of the rig's move takes their sum;
# "mouth_press_*" means _l and _r, to our Left and Right.
_TABLE = """
mouth_stretch_c       jawOpen=1
mouth_oh_c            mouthFunnel=.50 mouthPucker=.25
mouth_oo_c            mouthPucker=.60 mouthFunnel=.15
mouth_pucker_l        mouthPucker=.40
mouth_pucker_r        mouthPucker=.40
mouth_funnel_dl       mouthFunnel=.20
mouth_funnel_dr       mouthFunnel=.20
mouth_funnel_ul       mouthFunnel=.20
mouth_funnel_ur       mouthFunnel=.20
mouth_suck_dl         mouthRollLower=.45
mouth_suck_dr         mouthRollLower=.45
mouth_suck_ul         mouthRollUpper=.45
mouth_suck_ur         mouthRollUpper=.45
mouth_chinRaise_u     mouthShrugUpper=.8
mouth_chinRaise_d     mouthShrugLower=.8
mouth_press_*         mouthPress=.8
mouth_lipStretch_*    mouthStretch=1
mouth_lipCornerPull_* mouthSmile=1
mouth_lipCornerDepress_* mouthFrown=1
mouth_dimple_*        mouthDimple=1
mouth_lowerLipDepress_* mouthLowerDown=1
mouth_upperLipRaise_* mouthUpperUp=1
nose_wrinkle_*        noseSneer=1
"""
_SHUTS = 0.8  # of the jaw's opening is closed again where the lips are pressed or sucked in whole
_SHUTTING = ("mouth_press_l", "mouth_press_r", "mouth_suck_dl", "mouth_suck_dr")
MOVES = 0.03  # a weight that never exceeds this does not move


def _parse(line: str) -> list[tuple[str, int, float]]:
    """(rig shape, our column, gain) of one line."""
    name, *pairs = line.split()
    out = []
    for shape, gain in (pair.split("=") for pair in pairs):
        ours = columns(shape)
        sides = "lr" if name.endswith("*") else ""
        theirs = [name[:-1] + side for side in sides] or [name] * len(ours)
        out += [(n, c, float(gain)) for n, c in zip(theirs, ours, strict=True)]
    return out


TABLE = tuple(row for line in _TABLE.strip().splitlines() for row in _parse(line))


def arkit(names: Sequence[str], weights: Floats) -> Floats:
    """ARKit weights (n, 52) of the rig's (n, names); DeviceError where it has no such shapes."""
    place = {name: k for k, name in enumerate(names)}
    missing = sorted({name for name, _, _ in TABLE} - set(place))
    if missing:
        raise DeviceError(f"its rig has no shape {', '.join(missing[:3])}: not FACEGOOD's")
    out = np.zeros((len(weights), len(ARKIT)), np.float32)
    for name, column, gain in TABLE:
        out[:, column] += gain * weights[:, place[name]]
    shut = np.clip(2 * weights[:, [place[n] for n in _SHUTTING]].max(1), 0, 1)
    out[:, ARKIT.index("mouthClose")] = _SHUTS * shut * out[:, ARKIT.index("jawOpen")]
    return np.clip(out, 0, 1)


def unmapped(names: Sequence[str], weights: Floats) -> list[str]:
    """Shapes that move and are left out: the teeth part behind closed lips, for one, which no
    ARKit shape does."""
    known = {name for name, _, _ in TABLE}
    moving = np.abs(weights).max(0) > MOVES
    return [name for name, moves in zip(names, moving, strict=True) if moves and name not in known]
