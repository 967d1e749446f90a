"""What can be set about the picture."""

import re
from dataclasses import dataclass
from typing import Literal

from engine.errors import ConfigError

Quality = Literal["auto", "low", "medium", "high"]
MIN_SIDE, MAX_SIDE = 64, 4096

_NAMED = {"white": "#ffffff", "black": "#000000", "green": "#00b140", "grey": "#808080"}


@dataclass(frozen=True, slots=True)
class RenderConfig:
    """The picture: its size and rate, how much work goes into it, and who is in it."""

    size: str = "512x512"  # WIDTHxHEIGHT, pixels
    fps: int = 30  # frames a second
    quality: Quality = "auto"  # edges: low none, medium a filter, high 4 samples; auto: by the GPU
    background: str = ""  # "" the studio, "transparent", "#rrggbb", a name, or "#top,#bottom"
    avatar: str = "nora"  # a built-in one, or the path of a TOML
    scene: str = "avatar"  # a file of scenes/, or the path of a .py file
    window: bool = False  # also show the picture in a window (needs the extra "window")

    def __post_init__(self) -> None:
        if not 10 <= self.fps <= 120:
            raise ConfigError(f"fps should be from 10 to 120, not {self.fps}")

    @property
    def width(self) -> int:
        return parse_size(self.size)[0]

    @property
    def height(self) -> int:
        return parse_size(self.size)[1]

    @property
    def transparent(self) -> bool:
        return self.background == "transparent"


def parse_size(text: str) -> tuple[int, int]:
    """'640x480' -> (640, 480); both even, as video codecs want; ConfigError otherwise."""
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text.strip())
    width, height = (int(match[1]), int(match[2])) if match else (0, 0)
    fits = all(MIN_SIDE <= side <= MAX_SIDE and side % 2 == 0 for side in (width, height))
    if not fits:
        raise ConfigError(
            f"size '{text}' should be WIDTHxHEIGHT, two even numbers from {MIN_SIDE} to {MAX_SIDE}"
        )
    return width, height


def parse_colour(text: str) -> tuple[float, float, float]:
    """'#rrggbb' or a name -> sRGB in [0, 1]; ConfigError otherwise."""
    match = re.fullmatch(r"#([0-9a-fA-F]{6})", _NAMED.get(text.strip(), text.strip()))
    if not match:
        names = ", ".join(_NAMED)
        raise ConfigError(f"'{text}' is no colour: write #rrggbb or one of {names}")
    return tuple(int(match[1][k : k + 2], 16) / 255 for k in (0, 2, 4))  # type: ignore[return-value]


def parse_background(text: str) -> list[tuple[float, float, float]]:
    """The colours of a background from top to bottom, sRGB: none for the studio or transparent."""
    if text in ("", "transparent"):
        return []
    return [parse_colour(part) for part in text.split(",")]


def linear(colour: tuple[float, float, float]) -> tuple[float, float, float]:
    """sRGB -> linear light, both in [0, 1] (IEC 61966-2-1)."""
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour)
    return r, g, b
