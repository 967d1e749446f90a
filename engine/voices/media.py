"""Files -> what the voice stage hears in them, and faces out of pictures and videos."""

from pathlib import Path

import cv2
import numpy as np

from ..capture.decode import read_sound
from ..capture.resample import Resample
from ..capture.video import VideoFile
from ..errors import DeviceError
from ..faces import IDENTITY, Finder, crop
from ..types import Bytes, VideoFrame
from .features import RATE
from .listen import Listen, Voice
from .model import Model

VIDEOS = (".mp4", ".mkv", ".webm", ".mov", ".avi")


def listen(model: Model, file: Path) -> tuple[Listen, list[Voice]]:
    """The stage after all of the file's sound, and what it said second by second."""
    chunk = read_sound(file)
    resample, stage = Resample(RATE, rate_in=chunk.rate), Listen(model)
    chunks = [*resample.push(chunk), *resample.finish()]
    return stage, [v for c in chunks for v in stage.push(c)]


def face(file: Path, finder: Finder) -> Bytes | None:
    """The largest face (112, 112, 3) of a picture, or of the first frame of a video that shows
    one; None where none is found. DeviceError where the file is neither."""
    video = file.suffix.lower() in VIDEOS
    for frame in VideoFile(file).frames() if video else [VideoFrame(0.0, _picture(file))]:
        if found := finder.find(frame.pixels):
            points = max((f.points for f in found), key=lambda p: float(np.ptp(p[:, 0])))
            return crop(frame, points, IDENTITY).pixels
    return None


def _picture(file: Path) -> Bytes:
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
    except OSError as e:
        raise DeviceError(f"cannot read {file}: {e.strerror}") from e
    picture = cv2.imdecode(data, cv2.IMREAD_COLOR) if len(data) else None
    if picture is None:
        raise DeviceError(f"{file} is no picture; give a JPEG, PNG or WebP, or a video")
    return np.ascontiguousarray(picture[..., ::-1])
