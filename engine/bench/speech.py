"""A long time of sound through the speech stage alone: memory, drift and the time of a step."""

import math
import statistics
import time
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import psutil
from tqdm import tqdm

from ..capture.choose import SAMPLE
from ..capture.decode import read_sound
from ..capture.resample import Resample
from ..head import Head
from ..speech import MeshTalk, SpeechConfig
from ..types import AudioChunk, Floats
from .figures import Figures

CHUNK = 320  # samples: 20 ms
FPS = 30


def sample() -> Floats:
    """The shipped sample at the stage's rate."""
    sound = read_sound(SAMPLE)
    to16 = Resample(MeshTalk.rate)
    return np.concatenate([c.samples for c in to16.push(sound) + to16.finish()])


def pieces(seconds: float) -> Iterator[AudioChunk]:
    """The sample over and over, in pieces as a sound card gives them."""
    sound, at = sample(), 0
    whole = len(sound) // CHUNK * CHUNK
    while at < seconds * MeshTalk.rate:
        start = at % whole
        yield AudioChunk(at / MeshTalk.rate, sound[start : start + CHUNK], MeshTalk.rate)
        at += CHUNK


def long_speech(minutes: float, provider: str) -> Figures:
    """Frames against the count of samples, times against k / fps, memory, and a step's time.

    `samples of drift`: the last frame's time against its number, in samples.
    """
    head = Head.load()
    stage = MeshTalk(SpeechConfig(), head, head.neutral, FPS, 0, provider)
    process = psutil.Process()
    memory: list[float] = []
    taken: list[float] = []
    heard, made, last = 0, 0, 0.0
    for chunk in tqdm(pieces(60 * minutes), "sound", math.ceil(3000 * minutes), unit="20 ms"):
        began = time.perf_counter()
        faces = stage.push(chunk)
        if faces:
            taken.append((time.perf_counter() - began) * 1e3 / len(faces))
            made, last = made + len(faces), faces[-1].t
        heard += len(chunk.samples)
        if heard // (3 * MeshTalk.rate) > len(memory):  # every 3 s
            memory.append(process.memory_info().rss / 1e6)
    made += len(rest := stage.finish())
    last = rest[-1].t if rest else last
    wanted = math.ceil(Fraction(heard, MeshTalk.rate) * FPS)
    drift = round((last - (made - 1) / FPS) * MeshTalk.rate)
    growth = memory[-1] - memory[len(memory) // 4] if memory else float("nan")
    return Figures({
        "minutes of sound": round(heard / MeshTalk.rate / 60, 2), "frames": made,
        "frames off": abs(made - wanted), "samples of drift": abs(drift),
        "speech step ms": round(statistics.median(taken), 3),
        "speech memory growth MB": round(growth, 1),
    })  # fmt: skip
