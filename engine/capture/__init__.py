"""Where sound and pictures come from: devices, files, a browser, as AudioChunk and VideoFrame."""

from .browser import Browser
from .camera import Camera, CameraFile
from .cameras import CameraDevice, list_cameras
from .choose import Senses, describe_devices, open_camera, open_senses, open_source
from .config import CaptureConfig
from .decode import AudioFile, read_sound
from .devices import Device, list_devices
from .resample import Resample
from .source import Source
from .video import VideoFile

__all__ = [
    "AudioFile",
    "Browser",
    "Camera",
    "CameraDevice",
    "CameraFile",
    "CaptureConfig",
    "Device",
    "Resample",
    "Senses",
    "Source",
    "VideoFile",
    "describe_devices",
    "list_cameras",
    "list_devices",
    "open_camera",
    "open_senses",
    "open_source",
    "read_sound",
]
