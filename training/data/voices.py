"""Synthetic speakers with known phones: flite (as a program) and espeak-ng (through its C API).

Both say when each phone begins and ends, which no recording does. Some voices are held out for
good: nothing may be trained on them.
"""

import ctypes
import re
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from engine.errors import DeviceError
from engine.types import Floats

from .phones import ESPEAK, FLITE, PAUSE

RATE = 16_000


@dataclass(frozen=True, slots=True)
class Phone:
    """One sound and when it is made, in seconds."""

    name: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """A spoken sentence: 16 kHz mono sound and its phones, without gaps, in order."""

    voice: str
    text: str
    samples: Floats
    phones: tuple[Phone, ...]


@dataclass(frozen=True, slots=True)
class Voice:
    """A synthetic speaker; `pace` stretches time (1 = as it is), `pitch` is relative to its own."""

    engine: str  # flite or espeak
    name: str  # as that engine calls it
    sex: str  # f or m

    def say(self, text: str, pace: float = 1.0, pitch: float = 1.0) -> Utterance:
        speak = _flite if self.engine == "flite" else _espeak
        samples, phones = speak(self.name, text, pace, pitch)
        return Utterance(f"{self.engine}:{self.name}", text, samples, _closed(phones, samples))


def _variants(sex: str, accents: str, names: str) -> list[Voice]:
    return [Voice("espeak", f"{a}+{n}", sex) for n in names.split() for a in accents.split()]


_ACCENTS = "en-us en-gb-x-rp en-gb-scotland en-029"
TRAINING = (
    [Voice("flite", n, s) for n, s in (("awb", "m"), ("kal", "m"), ("kal16", "m"), ("slt", "f"))]
    + _variants("f", _ACCENTS, "f1 f2 f3 f5 linda steph")
    + _variants("m", _ACCENTS, "m1 m2 m4 m5 m6 m7 max")
)
HELD_OUT = [
    Voice("flite", "rms", "m"),
    Voice("espeak", "en-us+f4", "f"),
    Voice("espeak", "en-gb-x-rp+m3", "m"),
]

_FLITE_PITCH = {"awb": 115, "kal": 95, "kal16": 95, "slt": 170, "rms": 100}  # hertz, about


def _flite(name: str, text: str, pace: float, pitch: float) -> tuple[Floats, list[Phone]]:
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "speech.wav"
        command = ["flite", "-voice", name, "-psdur", "--setf", f"duration_stretch={pace}",
                   "--setf", f"int_f0_target_mean={_FLITE_PITCH[name] * pitch}",
                   "-t", text, str(wav)]  # fmt: skip
        try:
            said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        except (OSError, subprocess.CalledProcessError) as e:
            raise DeviceError("flite does not run; install it (apt install flite)") from e
        samples, rate = soundfile.read(wav, dtype="float32")
    phones: list[Phone] = []
    start = 0.0
    for name_, stop in re.findall(r"(\S+):([\d.]+)", said):
        phones += _split(FLITE[name_], start, float(stop))
        start = float(stop)
    return resample(samples, rate), phones


def resample(samples: Floats, rate: float) -> Floats:
    """Sound at `rate` hertz (whatever it is) as 16 kHz."""
    return samples if rate == RATE else soxr.resample(samples, rate, RATE).astype(np.float32)


def _split(names: tuple[str, ...], start: float, end: float) -> list[Phone]:
    """One interval shared equally by the phones that the synthesiser makes one of."""
    edges = np.linspace(start, end, len(names) + 1).tolist()
    return [Phone(*one) for one in zip(names, edges[:-1], edges[1:], strict=True)]


def _closed(phones: list[Phone], samples: Floats) -> tuple[Phone, ...]:
    """Phones with what is left at the end as a pause, and empty ones left out."""
    length = len(samples) / RATE
    kept = [Phone(p.name, p.start, min(p.end, length)) for p in phones if p.start < length]
    if kept and kept[-1].end < length:
        kept.append(Phone(PAUSE, kept[-1].end, length))
    return tuple(p for p in kept if p.end > p.start)


# --- espeak-ng ---------------------------------------------------------------------------------
_SYNCHRONOUS, _PHONEME_EVENTS = 2, 1  # speak_lib.h: AUDIO_OUTPUT_SYNCHRONOUS, espeakINITIALIZE_...
_PHONEME = 7  # espeakEVENT_PHONEME
_SPEED, _PITCH = 1, 3  # espeak_PARAMETER


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("unique_identifier", ctypes.c_uint),
                ("text_position", ctypes.c_int), ("length", ctypes.c_int),
                ("audio_position", ctypes.c_int), ("sample", ctypes.c_int),
                ("user_data", ctypes.c_void_p), ("id", _Id)]  # fmt: skip


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class _Espeak:
    """The library's one global synthesiser, collecting what it says."""

    def __init__(self) -> None:
        try:
            self.lib = ctypes.CDLL("libespeak-ng.so.1")
        except OSError as e:
            raise DeviceError("espeak-ng is missing; install it (apt install espeak-ng)") from e
        self.rate = self.lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS)
        self.parts: list[Floats] = []
        self.events: list[tuple[str, float]] = []
        self._callback = _Callback(self._collect)  # kept: the library holds a bare pointer
        self.lib.espeak_SetSynthCallback(self._callback)

    def _collect(self, wav: "ctypes._Pointer[ctypes.c_short]", count: int, events: object) -> int:
        if wav and count:
            heard = np.ctypeslib.as_array(wav, (count,)).astype(np.float32)
            self.parts.append(heard * np.float32(1 / 32768))
        for event in _terminated(events):
            if event.type == _PHONEME:
                start = ctypes.addressof(event.id)
                name = ctypes.string_at(start, 8).split(b"\0")[0].decode(errors="replace")
                self.events.append((name, event.sample / self.rate))
        return 0

    def speak(self, voice: str, text: str, pace: float, pitch: float) -> None:
        self.parts.clear()
        self.events.clear()
        if self.lib.espeak_SetVoiceByName(voice.encode()):
            raise DeviceError(f"espeak-ng has no voice {voice}; install espeak-ng-data")
        self.lib.espeak_SetParameter(_SPEED, round(165 / pace), 0)
        self.lib.espeak_SetParameter(_PITCH, round(min(99, 50 * pitch)), 0)
        data = text.encode()
        self.lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, 1, None, None)
        self.lib.espeak_Synchronize()


def _terminated(events: object) -> list[_Event]:
    """The events before the one of type 0."""
    found: list[_Event] = []
    while events[len(found)].type:  # type: ignore[index]
        found.append(events[len(found)])  # type: ignore[index]
    return found


@cache
def _espeak_library() -> _Espeak:
    return _Espeak()


def _espeak(name: str, text: str, pace: float, pitch: float) -> tuple[Floats, list[Phone]]:
    library = _espeak_library()
    library.speak(name, text, pace, pitch)
    samples = np.concatenate(library.parts)
    events = [("_", 0.0), *library.events, ("_", len(samples) / library.rate)]
    phones: list[Phone] = []
    for (name_, start), (_, end) in zip(events, events[1:], strict=False):
        if end > start:
            phones += _split(ESPEAK[name_], start, end)
    return resample(samples, library.rate), phones
