"""Clips as the tracker sees them, with a teacher's landmarks: what fine learns from."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from tqdm import tqdm

from engine.capture.video import VideoFile
from engine.faces import Finder, Follow
from engine.head import Head
from engine.track import Nets, Track, TrackConfig
from engine.track.fine import patches
from engine.track.place import apply, inverse
from engine.types import Bytes, Face, Floats, VideoFrame
from training.cest.measure import LIDS, mouth_opening
from training.cest.sources import Amounts, Item, clips
from training.head.landmarks import USUAL_68
from training.talking.watch import Watcher

MOST = 220  # frames of a clip
FEWEST = 20
USUAL_OPEN = 80  # percentile of a clip's eye opening that counts as open


class _Tracks(Track):
    """A tracker without this correction that says what it looked at."""

    def _crop(self, frame: VideoFrame, face: Face) -> Floats:
        self.way = super()._crop(frame, face)
        return self.way


@dataclass(frozen=True, slots=True)
class Clip:
    """n frames of one person."""

    person: str
    grey: Bytes  # (n, s, s)
    marks: Floats  # (n, 68, 2) what the nets found, on the crop
    wanted: Floats  # (n, 68, 2) the teacher's, in pixels of the frame

    @property
    def lids(self) -> Floats:
        """(n, 2) the person's right eye and left: height over width, 1 where it is open."""
        high = [
            np.linalg.norm(self.wanted[:, a] - self.wanted[:, b], axis=1)
            + np.linalg.norm(self.wanted[:, c] - self.wanted[:, d], axis=1)
            for a, b, c, d, _, _ in LIDS
        ]
        wide = [np.linalg.norm(self.wanted[:, e] - self.wanted[:, f], axis=1) for *_, e, f in LIDS]
        found = np.stack(high, 1) / (2 * np.stack(wide, 1))
        return np.asarray(found / np.percentile(found, USUAL_OPEN, axis=0), np.float32)

    @property
    def mouth(self) -> Floats:
        return mouth_opening(self.wanted)

    def looks(self, rng: np.random.Generator | None = None) -> tuple[Floats, Floats]:
        """Patches of the eyes (n, 2, h, w) and of the lips (n, h, w)."""
        both = [patches(g, m, rng) for g, m in zip(self.grey, self.marks, strict=True)]
        return np.stack([eyes for eyes, _ in both]), np.stack([lips for _, lips in both])


def gather(root: Path, to: Path, teachers: Path | None, every: int) -> None:
    """Tracks every so many clips of the recordings; what is there already is kept."""
    to.mkdir(parents=True, exist_ok=True)
    head, finder = Head.load(), Finder("cpu")
    nets = Nets(head, "cpu")
    items = list(clips(root, Amounts()))
    chosen = [i for n, i in enumerate(items) if i.source == "portraits" or n % every == 0]
    for item in tqdm(chosen, "clips"):
        file = to / f"{item.source}-{item.person}-{item.file.stem}.npz"
        if not file.exists():
            track = _Tracks(head, nets, TrackConfig(fine=False))
            rows = list(_rows(item, track, Follow(finder), Watcher(teachers)))
            if len(rows) >= FEWEST:
                grey, marks, wanted = (np.stack(column) for column in zip(*rows, strict=True))
                np.savez(file, person=item.person, grey=grey, marks=marks, wanted=wanted)


def _rows(
    item: Item, track: _Tracks, follow: Follow, watcher: Watcher
) -> Iterator[tuple[Bytes, Floats, Floats]]:
    for _, frame in zip(range(MOST), VideoFile(item.file).frames(), strict=False):
        [tracked] = track.push(follow.push(frame)[0])
        points, _, _ = watcher._see(frame.pixels)
        if tracked.params is not None and np.isfinite(points).all():
            crop = track._place.cut(frame.pixels, track.way)
            grey = np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)
            yield (
                grey,
                apply(inverse(track.way), tracked.params.landmarks68),
                points[list(USUAL_68)],
            )


def load(folder: Path) -> list[Clip]:
    """All clips that gather wrote."""
    found = []
    for file in sorted(folder.glob("*.npz")):
        with np.load(file) as one:
            found.append(Clip(str(one["person"]), one["grey"], one["marks"], one["wanted"]))
    return found
