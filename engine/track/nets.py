"""CEST's two shipped nets: one for every frame, one for now and then (ICCV 2021; docs/cest.md).

They see a crop at the standard place: upright, `side_mm` of the head across (see place.py).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ModelError
from ..head import Head
from ..model import MODELS, open_model, open_session
from ..types import Bytes, Floats

TRACK, APPEARANCE = "track.onnx", "appearance.onnx"


@dataclass(frozen=True, slots=True)
class Shape:
    """Of one crop."""

    viewpoint: Floats  # (7,) log scale, rotation vector, translation: to [-1, 1], x right, y up
    identity: Floats  # (modes,)
    expression: Floats  # (52,) in [0, 1]


class Nets:
    """The loaded nets; ModelError where they are missing, altered or made for another head."""

    def __init__(self, head: Head, provider: str = "auto", folder: Path = MODELS / "cest") -> None:
        model = open_model(folder)
        about = model.about
        self.size, self.texels = int(about["size"]), int(about["texels"])  # pixels of a side
        self.modes = int(about["modes"])
        if self.modes > len(head.identity_basis):
            raise ModelError(f"{folder} knows {self.modes} modes, this head fewer: retrain it")
        self.unit = float(about["unit_mm"])
        self.centre: Floats = np.array(about["centre_mm"], np.float32)  # the viewpoint's origin
        self.side_mm = float(about["crop"]["side_mm"])
        self.middle_y = float(about["crop"]["middle_y_mm"])
        self.gamma, self.darkest = float(about["gamma"]), float(about["darkest"])
        self._track, self.provider = open_session(model.file(TRACK), provider)
        self._appearance, _ = open_session(model.file(APPEARANCE), provider)

    def shape(self, pixels: Bytes) -> Shape:
        """Viewpoint, and the shape given it, of a crop (size, size, 3)."""
        found = self._track.run(None, {"pixels": pixels[None]})
        return Shape(*(np.asarray(one[0], np.float32) for one in found))

    def appearance(self, pixels: Bytes, shape: Shape) -> tuple[Floats, Floats]:
        """Reflectance (texels, texels, 3), linear, and light (9,), given the shape."""
        given = {
            "pixels": pixels[None],
            "viewpoint": shape.viewpoint[None],
            "identity": shape.identity[None],
            "expression": shape.expression[None],
        }
        reflectance, light = self._appearance.run(None, given)
        return np.asarray(reflectance[0], np.float32), np.asarray(light[0], np.float32)
