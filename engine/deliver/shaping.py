"""How far each shape moves on its way out: gain, offset and clamp, by ARKit's names."""

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..errors import ConfigError
from ..head.arkit import ARKIT, INDEX
from ..types import Floats, Motion


def check(key: str, table: dict[str, Any], numbers: int) -> None:
    """ConfigError where `table` is not ARKit name -> `numbers` numbers."""
    wanted = "a number" if numbers == 1 else "[least, most]"
    for name, value in table.items():
        if name not in INDEX:
            raise ConfigError(f"motion.{key}: there is no shape '{name}'; see docs/motion.md")
        values = [value] if numbers == 1 else value
        fits = isinstance(values, list | tuple) and len(values) == numbers
        if not fits or not all(map(_is_number, values)):
            raise ConfigError(f"motion.{key}.{name} should be {wanted}, not {value!r}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


@dataclass(frozen=True, slots=True)
class Shaping:
    """weight -> clamp(offset + gain * weight), shape by shape."""

    gain: Floats  # (52,)
    offset: Floats  # (52,)
    least: Floats  # (52,)
    most: Floats  # (52,)

    @classmethod
    def of(
        cls, gain: dict[str, float], offset: dict[str, float], clamp: dict[str, Any]
    ) -> "Shaping":
        """From tables by name; what they do not name stays as it is, in [0, 1]."""
        return cls(
            _column(gain, 1.0),
            _column(offset, 0.0),
            _column({name: least for name, (least, _) in clamp.items()}, 0.0),
            _column({name: most for name, (_, most) in clamp.items()}, 1.0),
        )

    def __call__(self, motion: Motion) -> Motion:
        weights = np.clip(self.offset + self.gain * motion.weights, self.least, self.most)
        return replace(motion, weights=weights.astype(np.float32))


def _column(table: dict[str, float], usual: float) -> Floats:
    return np.array([table.get(name, usual) for name in ARKIT], np.float32)
