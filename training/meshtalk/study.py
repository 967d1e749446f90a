"""Clip pairs for a perceptual study like the paper's: side by side, same sound, blind order.

Every pair of speakers (the recording is one) on every clip; sides and order are drawn. The key,
which a viewer must not see, is key.csv: file, clip, left, right.
"""

import csv
import itertools
from pathlib import Path

import numpy as np
import soxr
from tqdm import tqdm

from engine.deliver.recorder import RATE as RECORDED
from engine.deliver.recorder import Recorder
from engine.head import Head
from engine.head.avatar import load_appearance
from engine.render import RenderConfig, Renderer
from engine.types import AudioChunk, Bytes, FaceMesh, Floats, Motion, Picture, World
from training.data.clips import FPS
from training.data.voices import RATE

from .recorded import Held
from .speakers import Speaker

SIDE = 384  # pixels
TRUTH = "recording"


def study(
    head: Head, speakers: dict[str, Speaker], clips: list[Held], folder: Path, seed: int = 0
) -> Path:
    """Writes 001.mp4, ... and key.csv; the avatar speaks them all."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    pairs = [(c, *p) for c in clips for p in itertools.combinations([TRUTH, *speakers], 2)]
    rng.shuffle(order := np.arange(len(pairs)))
    config = RenderConfig(size=f"{SIDE}x{SIDE}", fps=FPS, quality="medium")
    look = load_appearance(config.avatar, head)
    person = head.person(look.identity)
    key = [("file", "clip", "left", "right")]
    with Renderer(config, look, len(head.neutral)) as renderer:
        renderer.wait_ready()
        for number, i in enumerate(tqdm(order, "pairs"), 1):
            held, *names = pairs[int(i)]
            left, right = (names[k] for k in rng.permutation(2))
            sides = [faces_of(head, speakers, held, n, person) for n in (left, right)]
            write_pair(renderer, sides, held, folder / f"{number:03}.mp4")
            key.append((f"{number:03}.mp4", held.name, left, right))
    with (folder / "key.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(key)
    return folder


def faces_of(
    head: Head, speakers: dict[str, Speaker], held: Held, name: str, person: Floats
) -> Floats:
    """The clip as that speaker says it with the avatar's face (n, v, 3)."""
    clip = held.clip
    if name == TRUTH:
        return np.stack([head.pose(person, w) for w in clip.weights])
    return speakers[name].speak(clip.samples, person, len(clip.weights), 0)


def write_pair(renderer: Renderer, sides: list[Floats], held: Held, file: Path) -> None:
    recorder = Recorder(file, (2 * SIDE, SIDE), FPS)
    recorder.places.begin(0.0)
    sound = soxr.resample(held.clip.samples, RATE, RECORDED).astype(np.float32)
    for k in range(len(held.clip.weights)):
        both = np.concatenate([picture(renderer, faces[k], k / FPS) for faces in sides], 1)
        recorder.push(Picture(k / FPS, both))
    recorder.push_sound(AudioChunk(0.0, sound, RECORDED))
    recorder.finish()


def picture(renderer: Renderer, face: Floats, t: float) -> Bytes:
    still = Motion(t, np.zeros(52, np.float32), np.zeros(3, np.float32))
    return renderer.draw(World(t, FaceMesh(t, face), still)).pixels.copy()
