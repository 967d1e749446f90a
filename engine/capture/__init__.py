"""Where sound comes from: a microphone, a file, or the bundled sample, as AudioChunk."""

from .choose import open_source
from .config import CaptureConfig
from .decode import AudioFile, read_sound
from .devices import Device, list_devices
from .resample import Resample
from .source import Source

__all__ = [
    "AudioFile",
    "CaptureConfig",
    "Device",
    "Resample",
    "Source",
    "list_devices",
    "open_source",
    "read_sound",
]
