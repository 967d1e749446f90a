"""From the configuration to what is listened to and looked at."""

from dataclasses import dataclass
from math import inf
from pathlib import Path

from ..clock import Clock
from ..errors import DeviceError
from ..stats import Stats
from .browser import Browser
from .camera import Camera, CameraFile
from .cameras import find_camera, list_cameras
from .config import CaptureConfig
from .devices import Device, find, list_devices
from .file import FileSource, SilentSource
from .microphone import Microphone, Notice
from .source import Source
from .webcam import Webcam

SAMPLE = Path(__file__).parent / "sample.ogg"


@dataclass(frozen=True, slots=True)
class Senses:
    """All that a session hears and sees."""

    sound: Source
    camera: Camera | None
    browser: Browser | None  # which takes what pages send

    @property
    def describe(self) -> str:
        seen = f"; watching {self.camera.describe}" if self.camera else ""
        return f"listening to {self.sound.describe}{seen}"


def open_senses(
    config: CaptureConfig,
    clock: Clock,
    stats: Stats,
    live: bool,
    watches: bool,
    notice: Notice = lambda here: None,
) -> Senses:
    """What `config` asks for, and a camera where the scene `watches`; checked like a source."""
    remote = config.input == "browser"
    named = config.camera != "" or config.video is not None
    browser = Browser(clock, stats, watches and not named) if remote else None
    silent = config.audio is None and config.device == ""
    if browser and silent:
        sound: Source = browser.sound
    else:
        sound = open_source(config, clock, stats, live, notice)
    camera: Camera | None = browser.camera if browser else None
    if named or (watches and not remote):
        camera = open_camera(config, clock, stats, live)
    return Senses(sound, camera, browser)


def open_camera(config: CaptureConfig, clock: Clock, stats: Stats, live: bool) -> Camera:
    """The camera that `config` names, or the first; DeviceError where there is none."""
    if config.video is not None:
        return CameraFile(config.video, clock if live else None, config.loop and live, config.pause)
    devices = list_cameras()
    if config.camera != "":
        return Webcam(find_camera(config.camera, devices), clock, stats)
    if not devices:
        raise DeviceError(
            "this scene needs a camera and none was found: plug one in, give a file with "
            "--video, or take a browser's with --input browser"
        )
    return Webcam(devices[0], clock, stats)


def describe_devices() -> list[str]:
    """Microphones and cameras, a line each, and why there are none."""
    try:
        lines = [str(d) for d in list_devices()] or ["no microphone found"]
    except DeviceError as e:
        lines = [str(e)]
    return lines + ([str(d) for d in list_cameras()] or ["no camera found"])


def open_source(
    config: CaptureConfig,
    clock: Clock,
    stats: Stats,
    live: bool,
    notice: Notice = lambda here: None,
) -> Source:
    """What `config` asks for, checked: DeviceError or ConfigError before any sound flows.

    Without `live` nobody waits for a clock: a file comes as fast as it is taken, and with
    no file named the bundled sample does, once. A microphone named is live either way; it calls
    `notice` with False when it is gone and with True when it is back.
    """
    pace = clock if live else None
    if config.audio is not None:
        return FileSource(config.audio, pace, config.loop and live, config.pause)
    if config.device != "":
        return Microphone(find(config.device, list_devices()), clock, stats, notice)
    if config.video is not None:
        return _sound_of(config, config.video, pace)
    if not live:
        return FileSource(SAMPLE, None, False, 0.0, "the bundled sample: no --audio was given")
    device, why = _default()
    if device is not None:
        return Microphone(device, clock, stats, notice)
    return FileSource(SAMPLE, pace, True, config.pause, f"the bundled sample: {why}")


def _sound_of(config: CaptureConfig, video: Path, pace: Clock | None) -> Source:
    """What is heard in a video, on the same time as its pictures; silence where it has no sound."""
    file = CameraFile(video).file
    loop = config.loop and pace is not None
    if file.has_sound:
        shift = max(0.0, file.sound_begins - file.begins)
        return FileSource(video, pace, loop, config.pause, f"the sound of {video.name}", shift)
    return SilentSource(inf if loop else file.seconds, pace, f"nothing: {video.name} has no sound")


def _default() -> tuple[Device | None, str]:
    """The default microphone, or why there is none."""
    try:
        devices = list_devices()
    except DeviceError as e:
        return None, str(e)
    default = next((d for d in devices if d.default), devices[0] if devices else None)
    return default, "no microphone was found; plug one in, or give a file with --audio"
