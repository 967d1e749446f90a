"""From the configuration to a source: a file, a microphone, or the bundled sample."""

from pathlib import Path

from ..clock import Clock
from ..errors import DeviceError
from ..stats import Stats
from .config import CaptureConfig
from .devices import Device, find, list_devices
from .file import FileSource
from .microphone import Microphone, Notice
from .source import Source

SAMPLE = Path(__file__).parent / "sample.ogg"


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
    if not live:
        return FileSource(SAMPLE, None, False, 0.0, "the bundled sample: no --audio was given")
    device, why = _default()
    if device is not None:
        return Microphone(device, clock, stats, notice)
    return FileSource(SAMPLE, pace, True, config.pause, f"the bundled sample: {why}")


def _default() -> tuple[Device | None, str]:
    """The default microphone, or why there is none."""
    try:
        devices = list_devices()
    except DeviceError as e:
        return None, str(e)
    default = next((d for d in devices if d.default), devices[0] if devices else None)
    return default, "no microphone was found; plug one in, or give a file with --audio"
