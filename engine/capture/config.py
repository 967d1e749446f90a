"""The [capture] section."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class CaptureConfig:
    """What to listen to. With neither `audio` nor `device`: the default microphone."""

    device: str | int = ""  # a microphone's index, its name, or a part of it that only it has
    audio: Path | None = None  # a file of sound instead of a microphone
    loop: bool = True  # while serving, the file begins again at its end
    pause: float = 1.0  # seconds of silence between its rounds
