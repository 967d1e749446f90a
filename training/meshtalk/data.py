"""MeshTalk's data set in memory: features, motion and phones of many clips, and random crops."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from engine.errors import ConfigError
from engine.head import Head
from engine.speech.features import HOP, SILENCE, Features
from engine.speech.windows import FIELD, last_frame
from engine.types import Floats, Ints
from training import audio
from training.data import store
from training.data.clips import FPS, MADE, Clip, clips, part
from training.data.phones import PHONES
from training.data.vary import at_speed

from .space import Space, head_space

GRID = 3  # crops begin at multiples of this many motion frames: 10 mel frames, so all look alike
MOST_AHEAD = 40  # mel frames of silence after each clip: the longest look-ahead


@dataclass(frozen=True, slots=True)
class Motions:
    """Clips laid end to end. Clip i owns frames[i]:frames[i+1] and mels[i]:mels[i+1]."""

    mel: Floats  # (m, 80); each clip's begin with FIELD of silence
    motion: Floats  # (f, k) whitened coordinates of the displacements
    phone: Ints  # (f,) index in PHONES of what sounds at the frame; -1 where it is not known
    mouth: Floats  # (f,) in [0, 1]: how far the mouth's motion is to be believed
    upper: Floats  # (f,) the same of the rest of the face
    template: Floats  # (clips, p + m): Space.template of each clip's face and manner
    mels: Ints  # (clips + 1,)
    frames: Ints  # (clips + 1,)

    def usable(self, length: int) -> Ints:
        """Clips that have at least `length` frames."""
        return np.flatnonzero(np.diff(self.frames) >= length + GRID).astype(np.int32)


class Shelf:
    """The clips on the device that learns: crops are cut out there.

    Clips are drawn by their length, and manners, the last `manners` numbers of each template, by
    their whole length to the power `balance`: 1 as they come, 0 all as often.
    """

    def __init__(
        self, motions: Motions, device: torch.device, manners: int = 0, balance: float = 1.0
    ) -> None:
        self.motions = motions
        lengths = np.diff(motions.frames).astype(np.float64)
        of_manner = motions.template[:, motions.template.shape[1] - manners :].astype(np.float64)
        whole = of_manner @ (of_manner.T @ lengths) if manners else np.ones_like(lengths)
        self.chances = lengths * whole ** (balance - 1)  # (clips,)
        names = ("mel", "motion", "phone", "mouth", "upper", "template")
        self.mel, self.motion, self.phone, self.mouth, self.upper, self.template = (
            torch.from_numpy(getattr(motions, name)).to(device) for name in names
        )


@dataclass(frozen=True, slots=True)
class Batch:
    """Crops of t frames; mel covers all that they hear."""

    mel: torch.Tensor  # (b, m, 80)
    motion: torch.Tensor  # (b, t, k)
    phone: torch.Tensor  # (b, t), -1 where it is not known
    mouth: torch.Tensor  # (b, t)
    upper: torch.Tensor  # (b, t)
    template: torch.Tensor  # (b, p)
    rows: torch.Tensor  # (b, t) the frames' places in Motions


def hears(length: int) -> Ints:
    """For a crop of frames that starts on the grid: the mel frame each ends with, from 0."""
    return np.array([last_frame(k, Fraction(FPS), 0) for k in range(length)], np.int32)


def crops(
    shelf: Shelf, length: int, count: int, rng: np.random.Generator, lookahead: float
) -> Batch:
    """`count` random crops of the shelf's clips, drawn by its chances."""
    data = shelf.motions
    usable = data.usable(length)
    chances = shelf.chances[usable]
    chosen = rng.choice(usable, count, p=chances / chances.sum())
    starts = [GRID * int(rng.integers(0, (n - length) // GRID + 1)) for n in
              np.diff(data.frames)[chosen]]  # fmt: skip
    return gather(shelf, chosen, starts, length, lookahead)


def gather(
    shelf: Shelf, chosen: Sequence[int] | Ints, starts: Sequence[int], length: int,
    lookahead: float,
) -> Batch:  # fmt: skip
    """The crops that begin at frames `starts` (on the grid) of the clips `chosen`."""
    data, device = shelf.motions, shelf.mel.device
    span = int(hears(length)[-1]) + FIELD
    first = [
        data.mels[c] + last_frame(s, Fraction(FPS), lookahead)
        for c, s in zip(chosen, starts, strict=True)
    ]
    heard = torch.from_numpy(np.array(first)[:, None] + np.arange(span)).to(device)
    begin = data.frames[np.asarray(chosen)] + np.asarray(starts)
    rows = torch.from_numpy(begin[:, None] + np.arange(length)).to(device)
    owners = torch.from_numpy(np.asarray(chosen, np.int64)).to(device)
    return Batch(
        shelf.mel[heard], shelf.motion[rows], shelf.phone[rows].long(), shelf.mouth[rows],
        shelf.upper[rows], shelf.template[owners], rows,
    )  # fmt: skip


def features(samples: Floats) -> Floats:
    """What the engine would hear of a whole clip, FIELD frames of silence first.

    Row last_frame(k) + FIELD - 1 is the newest that motion frame k hears.
    """
    tail = np.zeros(MOST_AHEAD * HOP, np.float32)
    heard = Features().push(np.concatenate([samples, tail]))
    return np.concatenate([np.repeat(SILENCE[None], FIELD, axis=0), heard])


def phone_track(clip: Clip) -> Ints:
    """(n,) index of the phone at each frame; -1 where the clip's phones are not known."""
    if not clip.phones:
        return np.full(len(clip.weights), -1, np.int32)
    times = np.arange(len(clip.weights)) / FPS
    ends = np.array([p.end for p in clip.phones])
    names = np.array([PHONES.index(p.name) for p in clip.phones], np.int32)
    return names[np.minimum(np.searchsorted(ends, times, "right"), len(names) - 1)]


def build(
    head: Head, made: Iterable[tuple[Clip, str]], space: Space, seed: int, distorted: bool
) -> Motions:
    """All clips, each with its manner, as arrays; heard once, through a random microphone if
    `distorted`."""
    mel, motion, phone, mouth, upper, template = [], [], [], [], [], []
    crowd = Crowd()
    for number, (clip, manner) in enumerate(made):
        rng = np.random.default_rng([seed, 1, number])
        babble = crowd.babble(len(clip.samples), rng) if distorted else None
        heard = audio.distort(clip.samples, rng, babble) if distorted else clip.samples
        crowd.join(clip.samples)
        mel.append(features(heard))
        person = head.person(clip.identity)
        motion.append(clip.weights @ space.coordinates(head.shapes(person)))
        phone.append(phone_track(clip))
        mouth.append(clip.mouth)
        upper.append(clip.upper)
        template.append(space.template(person, manner))
    return Motions(
        np.concatenate(mel), np.concatenate(motion), np.concatenate(phone),
        np.concatenate(mouth), np.concatenate(upper), np.stack(template), _offsets(mel),
        _offsets(motion),
    )  # fmt: skip


class Crowd:
    """The sounds of the last clips, for voices in the background."""

    def __init__(self, most: int = 24) -> None:
        self._sounds: deque[Floats] = deque(maxlen=most)

    def join(self, samples: Floats) -> None:
        self._sounds.append(samples)

    def babble(self, n: int, rng: np.random.Generator) -> Floats | None:
        """(n,) samples of three to six of them at once; None before anybody has spoken."""
        if len(self._sounds) < 6:
            return None
        chosen = rng.choice(len(self._sounds), int(rng.integers(3, 7)), replace=False)
        return sum(
            (np.resize(np.roll(self._sounds[k], int(rng.integers(len(self._sounds[k])))), n)
             for k in chosen), np.zeros(n, np.float32),
        )  # fmt: skip


def _offsets(parts: Sequence[Floats]) -> Ints:
    return np.concatenate([[0], np.cumsum([len(p) for p in parts])]).astype(np.int32)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Data sets of recordings (training.prepare) that join the generator's clips."""

    folders: tuple[Path, ...] = ()
    variants: int = 2  # how often each clip is heard, each time at another speed

    def names(self, folder: Path) -> list[str]:
        """The clips of one of them that may be learnt from."""
        kept = set(store.read_page(folder).get("held_out", ()))
        return [n for n in store.names(folder) if n not in kept]

    def manner(self, folder: Path) -> str:
        """Whose motion a data set shows: the generator's where it was made from phones."""
        return MADE if store.read_page(folder).get("kind") == "speech" else folder.resolve().name

    def manners(self) -> tuple[str, ...]:
        """All there are, the generator's first; none where there is no other."""
        own = [self.manner(f) for f in self.folders if store.read_page(f).get("kind") != "speech"]
        if len({MADE, *own}) <= len(own):
            raise ConfigError(f"data sets named {', '.join(own)}: rename what has the same name")
        return (MADE, *own) if own else ()

    def clips(self, seed: int) -> Iterator[tuple[Clip, str]]:
        """All of them with their manners, in an order that mixes the data sets; the first hearing
        is at full speed."""
        rng = np.random.default_rng([seed, 7])
        jobs = [(f, n, v) for f in self.folders for n in self.names(f)
                for v in range(self.variants)]  # fmt: skip
        for k in rng.permutation(len(jobs)):
            folder, name, variant = jobs[k]
            clip = store.load(folder / f"{name}.npz")
            heard = at_speed(clip, float(rng.uniform(0.87, 1.15))) if variant else clip
            yield heard, self.manner(folder)


def prepare(
    folder: Path, head: Head, count: int, templates: int, seed: int, recorded: Recorded
) -> None:
    """Makes the data set in `folder`: `count` of the generator's clips, and what was recorded."""
    folder.mkdir(parents=True, exist_ok=True)
    some = chain(generated(head, "train", min(count, 60), seed), islice(recorded.clips(seed), 120))
    sample = ((head.person(c.identity), c.weights[::5]) for c, _ in some)
    space = head_space(head, sample, templates, recorded.manners())
    made = chain(generated(head, "train", count, seed), recorded.clips(seed))
    train = build(head, tqdm(made, "clips", leave=False), space, seed, distorted=True)
    few = max(6, min(40, count // 20))
    known = build(head, generated(head, "test", few, seed + 1), space, seed, distorted=False)
    new = build(head, generated(head, "voices", few, seed + 2), space, seed, distorted=False)
    for name, value in (("train", train), ("test", known), ("voices", new), ("space", space)):
        save(folder, name, value)


def save(folder: Path, name: str, value: Motions | Space) -> None:
    fields = {f: getattr(value, f) for f in value.__slots__}
    np.savez(folder / f"{name}.npz", **fields)


def generated(head: Head, name: str, count: int, seed: int) -> Iterator[tuple[Clip, str]]:
    """The generator's clips of a part, in its own manner."""
    return ((clip, MADE) for clip in clips(part(name), count, len(head.identity_basis), seed))


def load(folder: Path, name: str) -> Motions:
    with np.load(folder / f"{name}.npz") as file:
        return Motions(**{f: file[f] for f in Motions.__slots__})


def load_space(folder: Path) -> Space:
    with np.load(folder / "space.npz") as file:
        arrays = {f: file[f] for f in Space.__slots__ if f in file.files}
    arrays["manners"] = tuple(map(str, arrays.get("manners", ())))
    for name in ("explained", "template_explained"):
        arrays[name] = float(arrays[name])
    return Space(**arrays)
