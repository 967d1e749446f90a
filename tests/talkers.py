"""Videos of a made-up person who talks, with their own sound or another one."""

from dataclasses import replace
from functools import cache

import av
import numpy as np

from engine.capture.resample import Resample
from engine.types import AudioChunk
from training.data.clips import Part, clip, part
from training.data.voices import RATE, Voice
from training.synchrony.rendered import FPS, Stage

SECONDS = 20
VOICE = Voice("flite", "slt", "f")


@cache
def said(number):
    """Sound of at least SECONDS, and the motion that goes with it: clips one after the other."""
    parts, seconds = [], 0.0
    while seconds < SECONDS + 0.5:
        one = clip(
            Part([VOICE], part("test").sentences, vary=False), 100 * number + len(parts), 4, 5
        )
        third = len(one.weights) // 3  # tenths of a second: whole frames and whole samples
        parts.append(
            (one.samples[: third * RATE // 10], one.weights[: 3 * third], one.head[: 3 * third])
        )
        seconds += third / 10
    samples, weights, head = map(np.concatenate, zip(*parts, strict=True))
    return replace(one, samples=samples, weights=weights, head=head)


@cache
def acted(number):
    """Pictures of the clip. This actor's lips are read well: every three seconds speak for it."""
    stage = Stage()
    frames = stage.frames(stage.actor(VOICE, 6), said(number), np.random.default_rng(2))
    return [frame.pixels for frame, _ in zip(frames, range(SECONDS * FPS), strict=False)]


def write_talker(path, sound=0, picture=0, late=0.0, seconds=SECONDS):
    """An .mp4 of clip `picture` with the sound of clip `sound`, `late` seconds later."""
    samples = np.pad(said(sound).samples, (round(late * RATE), 0))[: seconds * RATE]
    with av.open(str(path), "w") as out:
        pictures = out.add_stream("libx264", rate=FPS)
        pictures.width = pictures.height = acted(picture)[0].shape[0]
        pictures.pix_fmt = "yuv420p"
        pictures.options = {"crf": "18"}
        voice = out.add_stream("aac", rate=48_000, layout="mono")
        for pixels in acted(picture)[: seconds * FPS]:
            out.mux(pictures.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        out.mux(pictures.encode())
        up = Resample(48_000, rate_in=RATE)
        chunks = [*up.push(AudioChunk(0.0, samples, RATE)), *up.finish()]
        tone = np.concatenate([chunk.samples for chunk in chunks])[None].astype(np.float32)
        for begin in range(0, tone.shape[1], 1024):
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(tone[:, begin : begin + 1024]), "fltp", "mono"
            )
            frame.rate, frame.pts = 48_000, begin
            out.mux(voice.encode(frame))
        out.mux(voice.encode())
    return path
