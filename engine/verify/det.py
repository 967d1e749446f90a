"""The DET picture: false matches against misses, both on a normal scale (ISO 19795-1)."""

from pathlib import Path
from statistics import NormalDist

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ..errors import ConfigError
from .scores import Scores

_SIZE, _FINE = 640, 3  # pixels of a side; drawn that much larger, then shrunk, for smooth lines
_LEFT, _TOP, _RIGHT, _BOTTOM = 92, 40, 24, 64
_TICKS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 0.4, 0.8)
_INK, _FAINT, _LINE, _BAND, _MARK = "#202428", "#d8dce0", "#1f5fa8", "#c9dcf1", "#c8501e"


class _Plot:
    """Rates to places on the canvas."""

    def __init__(self, low: float) -> None:
        self._low, self._high = _probit(low), _probit(0.9)
        side = _SIZE * _FINE
        self.image = Image.new("RGB", (side, side), "white")
        self.draw = ImageDraw.Draw(self.image)
        self.low = low

    def at(self, fmr: float, fnmr: float) -> tuple[float, float]:
        x, y = (
            (_probit(min(max(r, self.low), 0.9)) - self._low) / (self._high - self._low)
            for r in (fmr, fnmr)
        )
        width, height = _SIZE - _LEFT - _RIGHT, _SIZE - _TOP - _BOTTOM
        return (_LEFT + x * width) * _FINE, (_TOP + (1 - y) * height) * _FINE

    def text(self, x: float, y: float, text: str, anchor: str, size: int = 13) -> None:
        font = ImageFont.load_default(size * _FINE)
        self.draw.text((x * _FINE, y * _FINE), text, _INK, font, anchor)

    def grid(self) -> None:
        for tick in (t for t in _TICKS if t >= self.low):
            x, y = (v / _FINE for v in self.at(tick, tick))
            self.draw.line([self.at(tick, self.low), self.at(tick, 0.9)], _FAINT, _FINE)
            self.draw.line([self.at(self.low, tick), self.at(0.9, tick)], _FAINT, _FINE)
            label = f"{tick:g}" if tick > 1e-4 else f"1e{round(np.log10(tick))}"
            self.text(x, _SIZE - _BOTTOM + 8, label, "mt")
            self.text(_LEFT - 8, y, label, "rm")


def draw_det(
    file: Path, title: str, fmr: Scores, fnmr: Scores, band: Scores, mark: tuple[float, float]
) -> None:
    """A PNG; `band` (2, n) is the interval of the misses, `mark` the rates at the threshold."""
    plot = _Plot(max(float(min(fmr[0], mark[0])), 1e-6))
    edge = [plot.at(f, low) for f, low in zip(fmr, band[0], strict=True)]
    edge += [plot.at(f, high) for f, high in zip(fmr[::-1], band[1][::-1], strict=True)]
    plot.draw.polygon(edge, _BAND)
    plot.grid()
    line = [plot.at(f, m) for f, m in zip(fmr, fnmr, strict=True)]
    plot.draw.line(line, _LINE, 2 * _FINE, joint="curve")
    x, y = plot.at(*mark)
    plot.draw.ellipse([x - 15, y - 15, x + 15, y + 15], _MARK)
    plot.text(_SIZE / 2, 18, title, "mm", 14)
    plot.text((_SIZE + _LEFT) / 2, _SIZE - 18, "false-match rate, one comparison", "mm")
    plot.text(10, 18, "FNMR", "lm")
    plot.text(x / _FINE + 9, y / _FINE + 5, "threshold", "lt")
    try:
        plot.image.resize((_SIZE, _SIZE), Image.Resampling.LANCZOS).save(file)
    except (OSError, ValueError) as e:
        raise ConfigError(f"cannot write the picture {file}: {e}") from e


def _probit(rate: float) -> float:
    return NormalDist().inv_cdf(rate)
