"""The [capture] section."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..errors import ConfigError

_LONGEST_PAUSE = 3600.0  # seconds


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """What to listen to and to look at. With neither `audio` nor `device`: the default microphone,
    or the sound of `video`. A camera is opened where one is named or the scene needs one."""

    input: Literal["auto", "browser"] = "auto"  # "browser": what a page sends, not this machine
    device: str | int = ""  # a microphone's index, its name, or a part of it that only it has
    audio: Path | None = None  # a file of sound instead of a microphone
    camera: str | int = ""  # a camera's index, name or a part of it; "test": a test picture
    video: Path | None = None  # a file of pictures instead of a camera
    loop: bool = True  # while serving, the file begins again at its end
    pause: float = 1.0  # seconds of silence between its rounds

    def __post_init__(self) -> None:
        if not (math.isfinite(self.pause) and 0 <= self.pause <= _LONGEST_PAUSE):
            raise ConfigError(
                f"capture.pause is {self.pause}: give seconds from 0 to {_LONGEST_PAUSE:.0f}"
            )
