"""Which microphones there are, found by name or index, through PortAudio."""

import ctypes
import re
import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..errors import DeviceError

_PREFERRED = 48_000  # hertz


@dataclass(frozen=True, slots=True)
class Device:
    """A microphone, as --list-devices shows it."""

    name: str
    index: int
    kind: str
    rate: int  # hertz
    channels: int
    default: bool

    @property
    def use_channels(self) -> int:
        """How many are taken: of a stereo microphone both, to be mixed."""
        return min(2, self.channels)

    def __str__(self) -> str:
        mark = "*" if self.default else " "
        return f"{mark} {self.index:3d}  {self.kind}  {self.name}  ({self.rate} Hz)"


def portaudio() -> Any:
    """The module sounddevice; DeviceError where the library behind it is missing."""
    _hush_alsa()
    try:
        import sounddevice  # imported here: without libportaudio2 its import raises OSError
    except OSError as e:
        raise DeviceError(
            "PortAudio is missing, so no microphone can be used: "
            "run 'apt install libportaudio2', or give a file with --audio"
        ) from e
    return sounddevice


def refresh() -> None:
    """Makes PortAudio look again: it lists devices once, when it starts. Ends all streams."""
    sd = portaudio()
    try:
        sd._terminate()
        sd._initialize()
    except sd.PortAudioError as e:
        raise DeviceError(f"PortAudio does not start again: {e.args[0]}") from e


def list_devices() -> list[Device]:
    """Every microphone that PortAudio knows."""
    sd = portaudio()
    try:
        found, apis = sd.query_devices(), sd.query_hostapis()
        default = sd.default.device["input"]
        if not 0 <= default < len(found):
            default = next((a["default_input_device"] for a in apis if a["devices"]), -1)
        return [
            _device(d, apis[d["hostapi"]]["name"], default)
            for d in found
            if d["max_input_channels"] > 0
        ]
    except sd.PortAudioError as e:
        raise DeviceError(f"PortAudio cannot list the microphones: {e.args[0]}") from e


def find(wanted: str | int, devices: list[Device]) -> Device:
    """The device of that index or name; part of a name will do where only one has it."""
    text = str(wanted).strip()
    if text.isdigit():
        chosen = [d for d in devices if d.index == int(text)]
    else:
        low = text.lower()
        chosen = [d for d in devices if d.name.lower() == low]
        chosen = chosen or [d for d in devices if _bare(d.name) == _bare(low)]
        chosen = chosen or [d for d in devices if low in d.name.lower()]
    if len(chosen) == 1:
        return chosen[0]
    if not devices:
        raise DeviceError(f"no microphone '{text}', nor any other; give a file with --audio")
    names = ", ".join(f"{d.index} '{d.name}'" for d in chosen or devices)
    problem = "several microphones match" if chosen else "no microphone is called"
    raise DeviceError(f"{problem} '{text}'; choose one of: {names}")


def _bare(name: str) -> str:
    """A name without ALSA's card number, which changes when a device is plugged in again."""
    return re.sub(r"\s*\(hw:\d+,\d+\)$", "", name.lower())


def check(device: Device) -> None:
    """DeviceError where `device` cannot be opened in the way that it will be."""
    sd = portaudio()
    try:
        sd.check_input_settings(
            device=device.index, channels=device.use_channels, samplerate=device.rate
        )
    except sd.PortAudioError as e:
        raise DeviceError(
            f"cannot listen to '{device.name}': {e.args[0]}; "
            "close what else uses it, or choose another with --device"
        ) from e


def _device(d: Any, api: str, default: int) -> Device:
    rate = int(d["default_samplerate"])
    if api == "ALSA":
        # PortAudio says 44100 of any ALSA device that can do it. Sound cards run at 48000 by
        # nature, and sound servers take any rate.
        rate = _alsa_rate(d["index"], rate)
    channels = d["max_input_channels"]
    return Device(d["name"], d["index"], "microphone", rate, channels, d["index"] == default)


def _alsa_rate(index: int, stated: int) -> int:
    sd = portaudio()
    try:
        sd.check_input_settings(device=index, channels=1, samplerate=_PREFERRED)
    except sd.PortAudioError:
        return stated
    return _PREFERRED


@cache
def _hush_alsa() -> Any:
    """Keeps ALSA from printing a page about each device that is not there; once a process."""
    if sys.platform != "linux":
        return None
    kind = ctypes.CFUNCTYPE(
        None, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p
    )
    handler = kind(lambda *_: None)
    try:
        ctypes.CDLL("libasound.so.2").snd_lib_error_set_handler(handler)
    except (OSError, AttributeError):
        return None  # no ALSA, so nothing prints
    return handler  # cached, which keeps it alive for ALSA to call
