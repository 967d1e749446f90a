"""Every margin loss behind one interface: features and labels in, loss out.

`build("sphereface2", dim, classes, m=0.4)` makes one; `begin(step)` moves what is annealed or
staged; `forward(features (b, d), labels (b,))` is the batch's mean loss. Range loss adds to any of
them.
"""

from .head import Margin
from .range_loss import RangeLoss
from .registry import LOSSES, build
from .sharded import ShardedSphereFace2
from .softmax import ArcFace, CosFace, LSoftmax, Softmax, SphereFace
from .sphereface2 import SphereFace2
from .sphereface_r import SphereFaceR

__all__ = [
    "LOSSES",
    "ArcFace",
    "CosFace",
    "LSoftmax",
    "Margin",
    "RangeLoss",
    "ShardedSphereFace2",
    "Softmax",
    "SphereFace",
    "SphereFace2",
    "SphereFaceR",
    "build",
]
