"""The motion as a table: one row a frame, ARKit's 52 weights and the head's three angles."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from ..head.arkit import ARKIT
from ..types import Motion
from .part import PartFile, Places

HEADER = ("t", *ARKIT, "headYaw", "headPitch", "headRoll")


class MotionFile:
    """CSV: `t` (seconds), 52 weights in [0, 1]; yaw, pitch, roll in radians; row k at k / fps."""

    def __init__(self, path: Path, fps: int) -> None:
        self._file = PartFile(path, "--motion", (".csv", ".glb"))
        self.places = Places(fps)
        with self._file.writing():
            self._out = self._file.part.open("w", encoding="ascii", newline="\n")
            self._out.write(",".join(HEADER) + "\n")

    def push(self, motion: Motion) -> None:
        t = self.places.of(motion.t) / self.places.fps
        values = np.concatenate([motion.weights, motion.head]).astype(np.float64)
        values = np.round(values, 6) + 0.0  # the sum makes -0 into 0
        with self._file.writing():
            self._out.write(",".join(f"{v:.6f}" for v in (t, *values)) + "\n")

    def finish(self) -> None:
        """Completes the file and gives it its name; with no row there is no file."""
        if self.places.zero is None:
            self.abort()
            return
        with self._file.writing():
            self._out.close()
        self._file.keep()

    def abort(self) -> None:
        with suppress(OSError):  # what is still buffered may not fit; the file goes away anyway
            self._out.close()
        self._file.drop()
