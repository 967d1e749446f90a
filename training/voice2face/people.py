"""Heads of many people, as the engine's own tracker finds them: heads.npz.

For each person of whom something is known: identity coefficients and the reflectance of the face's
map, both the mean over some pictures. A single picture says little of a shape; a mean says more.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.errors import ConfigError
from engine.faces import Finder, Follow
from engine.head import Head
from engine.track import Nets, Track
from engine.types import Bytes, Face, FaceParams, Faces, Floats, VideoFrame
from training.sphereface2.readers import Item, items

TEXELS = 64  # of a side: three millimetres of skin each, for finer things are the painter's
PICTURES = 4  # of a person, at most
LOOKS = 2  # at each picture: the first puts the crop right
LEAST = 0.3  # confidence from which on a picture counts
FILE = "heads.npz"


@dataclass(frozen=True, slots=True)
class Heads:
    """What was found of people."""

    people: tuple[str, ...]  # (n,)
    identity: Floats  # (n, k) standard deviations of the head's modes
    reflectance: NDArray[np.float16]  # (n, s, s, 3) linear RGB in [0, 1]

    def __len__(self) -> int:
        return len(self.people)


class Observer:
    """Pictures of one person -> identity and reflectance, as the mirror's tracker sees them."""

    def __init__(self) -> None:
        head = Head.load()
        self._track = Track(head, Nets(head, "cpu"))
        self._finder, self._t, self._person = Finder("cpu"), 0.0, 0

    def observe(self, pictures: Iterable[Bytes]) -> FaceParams | None:
        """The mean over those pictures in which the face is seen well; None where none is."""
        self._person += 1
        last = None
        for pixels in pictures:
            last = self._look(pixels) or last
        return last

    def _look(self, pixels: Bytes) -> FaceParams | None:
        frame = VideoFrame(self._t, pixels)
        [found] = Follow(self._finder).push(frame)
        if not found.faces:
            return None
        one = replace(_most_central(found, pixels), track=self._person)
        self._track.push(Faces(self._t, frame, ()))  # another picture: what moves starts anew
        params = None
        for _ in range(LOOKS):
            self._t += 1.0  # so that each look is due
            [seen] = self._track.push(Faces(self._t, frame, (one,)))
            params = seen.params
        return params if params is not None and params.confidence > LEAST else None


def _most_central(found: Faces, pixels: Bytes) -> Face:
    middle = np.array(pixels.shape[1::-1]) / 2
    return min(found.faces, key=lambda f: float(np.abs(f.points.mean(0) - middle).sum()))


def prepare(sources: Sequence[Path], known: Collection[str], to: Path) -> Heads:
    """Looks at the people of `sources` who are `known`; ConfigError where none is seen."""
    observer, names = Observer(), list[str]()
    identity, reflectance = list[Floats](), list[Floats]()
    people = [(name, list(group)[:PICTURES]) for name, group in _by_person(sources, known)]
    for name, pictures in tqdm(people, "heads", mininterval=2):
        seen = observer.observe(p for p in (item.read() for item in pictures) if p is not None)
        if seen is not None:
            names.append(name)
            identity.append(seen.identity)
            size = (TEXELS, TEXELS)
            small = cv2.resize(seen.reflectance, size, interpolation=cv2.INTER_AREA)
            reflectance.append(np.asarray(small, np.float32))
    if not names:
        raise ConfigError(f"nobody of {', '.join(map(str, sources))} is both known and seen well")
    to.mkdir(parents=True, exist_ok=True)
    made = Heads(tuple(names), np.stack(identity), np.stack(reflectance).astype(np.float16))
    np.savez(to / FILE, people=np.array(names), identity=made.identity,
             reflectance=made.reflectance)  # fmt: skip
    return made


def _by_person(
    sources: Sequence[Path], known: Collection[str]
) -> Iterator[tuple[str, Iterable[Item]]]:
    every = sorted((i for s in sources for i in items(s) if i.person in known), key=_person)
    return groupby(every, key=_person)


def _person(item: Item) -> str:
    return item.person


def load(folder: Path) -> Heads:
    """What `prepare` stored; ConfigError where it is not there."""
    try:
        with np.load(folder / FILE) as file:
            people = tuple(map(str, file["people"]))
            return Heads(people, file["identity"], file["reflectance"])
    except OSError as e:
        raise ConfigError(
            f"{folder} holds no heads: python -m training.prepare voice2face --source FOLDER"
        ) from e
