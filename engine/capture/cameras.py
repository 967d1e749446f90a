"""Which cameras there are, found by name or index."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import av

from ..errors import DeviceError

# The kind of FFmpeg device that serves cameras on each system.
_FORMATS = {"linux": "v4l2", "darwin": "avfoundation", "win32": "dshow"}
_SIZE, _RATE = "640x480", 30  # what is asked of a camera: enough for one face, and light
_LISTED = Path("/sys/class/video4linux")


@dataclass(frozen=True, slots=True)
class CameraDevice:
    """A camera, as --list-devices shows it."""

    name: str
    index: int
    format: str  # of FFmpeg's devices; "" where only OpenCV knows the device, by its index
    path: str  # what FFmpeg opens
    options: tuple[tuple[str, str], ...] = ()  # that FFmpeg should try first

    def __str__(self) -> str:
        return f"  {self.index:3d}  camera  {self.name}  ({self.path or 'OpenCV'})"


TEST = CameraDevice("test", -1, "lavfi", f"testsrc2=size={_SIZE}:rate={_RATE},realtime")


def list_cameras() -> list[CameraDevice]:
    """Every camera that the system knows, by index; where there is no way to ask, none."""
    return sorted(_listing(), key=lambda device: device.index)


def find_camera(wanted: str | int, devices: list[CameraDevice]) -> CameraDevice:
    """The camera of that index or name; part of a name will do where only one has it."""
    text = str(wanted).strip()
    if text == TEST.name:
        return TEST
    if text.isdigit():
        return _of_index(int(text), devices)
    low = text.lower()
    tries: list[Callable[[CameraDevice], bool]] = [
        lambda d: d.name.lower() == low or d.path == text,
        lambda d: low in d.name.lower(),
    ]
    chosen = next((c for t in tries if (c := [d for d in devices if t(d)])), [])
    if len(chosen) == 1:
        return chosen[0]
    if not devices:
        raise DeviceError(f"no camera '{text}', nor any other; give a file with --video")
    names = ", ".join(f"{d.index} '{d.name}'" for d in chosen or devices)
    problem = "several cameras match" if chosen else "no camera is called"
    raise DeviceError(f"{problem} '{text}'; choose one of: {names}")


def _of_index(index: int, devices: list[CameraDevice]) -> CameraDevice:
    """Where cameras cannot be listed, OpenCV may still know them by index."""
    known = {d.index: d for d in devices}
    if index not in known and _format():
        names = ", ".join(f"{d.index} '{d.name}'" for d in devices) or "none"
        raise DeviceError(f"no camera has the number {index}; there are: {names}")
    return known.get(index) or CameraDevice(f"camera {index}", index, "", "")


def _format() -> str:
    """FFmpeg's name for this system's cameras, "" where this build of it has none."""
    name = _FORMATS.get(sys.platform, "")
    known = any(name in given.split(",") for given in av.formats_available)
    return name if name and known else ""


def _listing() -> list[CameraDevice]:
    if sys.platform == "linux":
        return _linux()
    if not _format():
        return []
    try:
        from av.device import enumerate_input_devices  # PyAV has it since version 18
    except ImportError:
        return []
    try:
        given = enumerate_input_devices(_format())
    except av.error.FFmpegError as e:
        raise DeviceError(f"the cameras cannot be listed: {e.strerror}") from e
    prefix = "video=" if sys.platform == "win32" else ""
    names = [d for d in given if "video" in d.media_types]
    return [
        CameraDevice(d.description or d.name, k, _format(), prefix + d.name, _asked())
        for k, d in enumerate(names)
    ]


def _linux() -> list[CameraDevice]:
    """By what the kernel lists; of a camera with several nodes the first one gives pictures."""
    nodes = sorted(_LISTED.glob("video*")) if _LISTED.is_dir() else []
    return [
        CameraDevice(
            (node / "name").read_text().strip(),
            int(node.name.removeprefix("video")),
            _format(),
            f"/dev/{node.name}",
            _asked(),
        )
        for node in nodes
        if (node / "index").read_text().strip() == "0"
    ]


def _asked() -> tuple[tuple[str, str], ...]:
    return ("video_size", _SIZE), ("framerate", str(_RATE))
