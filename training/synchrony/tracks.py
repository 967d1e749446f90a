"""Videos of people who talk -> what the engine's own tracker sees in them, kept on disk.

python -m training.prepare synchrony DIR --out TRACKS [--each] [--still] [--only N]

One NAME.npz a video: the tracker's lips, head and sureness frame by frame, the sound at 16 kHz,
and when the first picture is shown on the sound's time line. With --still every video is made into
an attack first: one of its pictures, held in a hand before a camera, for as long as the video
lasts. A second run goes on where the first one stopped.
"""

import argparse
import zlib
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from engine.capture.decode import read_sound
from engine.capture.video import VideoFile
from engine.errors import ConfigError, DeviceError, EngineError
from engine.faces import Finder, Follow
from engine.head import Head
from engine.track import Nets, Track
from engine.types import Bytes, FaceParams, Floats, Tracked, VideoFrame
from training.data.voices import resample
from training.loop import tell
from training.talking.recordings import Recording, recordings

SHORTEST = 1.0  # seconds
SEEN = 0.5  # share of the frames in which a face has to be followed
MOUTH = (40, 48)  # pixels (h, w) of the grey picture of the mouth that is kept for studies


class Tracker:
    """The engine's way from pictures to FaceParams, once over for each video."""

    def __init__(self) -> None:
        self._head, self._finder = Head.load(), Finder("cpu")
        self._nets = Nets(self._head, "cpu")

    def track(self, frames: Iterator[VideoFrame]) -> list[tuple[Tracked, Bytes]]:
        """Frames with a face, and the grey mouth in each."""
        follow, track = Follow(self._finder), Track(self._head, self._nets)
        found = []
        for frame in frames:
            for faces in follow.push(frame):
                for one in track.push(faces):
                    if one.params is not None:
                        found.append((one, mouth_picture(frame.pixels, one.params)))
        return found


def mouth_picture(pixels: Bytes, params: FaceParams) -> Bytes:
    """The mouth (40, 48), upright, grey, as wide as 0.8 of the eyes' outer corners' distance."""
    right, left = params.landmarks68[36], params.landmarks68[45]
    across = (left - right) / MOUTH[1] * np.float32(0.8)
    down = np.array([-across[1], across[0]], np.float32)
    middle = params.landmarks68[48:68].mean(0)
    turn = np.stack([across, down], 1)
    corner = middle - turn @ np.array([MOUTH[1] / 2, MOUTH[0] / 2], np.float32)
    flags = cv2.INTER_AREA | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(pixels, np.c_[turn, corner], MOUTH[::-1], flags=flags)
    return np.asarray(cv2.cvtColor(cut, cv2.COLOR_RGB2GRAY), np.uint8)


def still(frames: list[VideoFrame], seed: int) -> Iterator[VideoFrame]:
    """One of the pictures held in a hand: it shifts, turns, tilts and comes nearer a little, and
    the camera adds its grain."""
    rng = np.random.default_rng(seed)
    picture = frames[int(rng.integers(len(frames)))].pixels
    h, w = picture.shape[:2]
    sway = _sway(rng, np.array([f.t for f in frames]))
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float32)
    for frame, moved in zip(frames, sway, strict=True):
        to = _held(corners, moved)
        warp = cv2.getPerspectiveTransform(corners, to)
        seen = cv2.warpPerspective(picture, warp, (w, h), borderMode=cv2.BORDER_REPLICATE)
        grain = rng.normal(0, 2.5, seen.shape)
        yield VideoFrame(frame.t, np.clip(seen + grain, 0, 255).astype(np.uint8))


def _sway(rng: np.random.Generator, times: NDArray[np.float64]) -> Floats:
    """(n, 6) slow, smooth wandering: shift x, y, roll, size, tilt x, y; unit deviation at the
    most restless, less with a calmer hand."""
    out = np.zeros((len(times), 6))
    for hertz in (0.3, 0.7, 1.5, 3.0):
        phase = rng.uniform(0, 2 * np.pi, 6)
        out += (
            rng.normal(0, 0.5, 6) / hertz**0.7 * np.sin(2 * np.pi * hertz * times[:, None] + phase)
        )
    return np.asarray(out * rng.uniform(0.2, 1.5), np.float32)


def _held(corners: Floats, moved: Floats) -> Floats:
    """Where the photo's corners are seen; a restless hand shifts it by 2 % and tilts it by some 5
    degrees."""
    size = corners.max(0)
    middle, centred = size / 2, corners - size / 2
    x, y, roll, near, tilt_x, tilt_y = moved * (0.02, 0.02, 0.015, 0.015, 0.08, 0.08)
    c, s = np.cos(roll), np.sin(roll)
    turned = centred @ np.array([[c, s], [-s, c]])
    away = 1 + (turned / size) @ np.array([tilt_x, tilt_y]) * 0.5
    flat = turned * np.array([np.cos(tilt_x), np.cos(tilt_y)]) * (1 + near) / away[:, None]
    return np.asarray(flat + middle + size * np.array([x, y]), np.float32)


def watch(one: Recording, to: Path, tracker: Tracker, held: bool) -> None:
    """Tracks one video and writes it down; DeviceError where it cannot serve."""
    video = VideoFile(one.file)
    if not video.has_sound:
        raise ConfigError("no sound in it")
    frames = still(list(video.frames()), zlib.crc32(one.name.encode())) if held else video.frames()
    found = tracker.track(frames)
    if len(found) < SEEN * video.seconds * video.fps or len(found) < SHORTEST * video.fps:
        raise DeviceError(f"a face is followed in {len(found)} pictures only")
    heard = read_sound(one.file)
    samples = resample(heard.samples, heard.rate)
    begins = video.begins - video.sound_begins
    write(to, one, found, samples, begins)


def write(
    to: Path, one: Recording, found: list[tuple[Tracked, Bytes]], samples: Floats, begins: float
) -> None:
    params = [tracked.params for tracked, _ in found if tracked.params is not None]
    beside = to.with_suffix(".part")
    with beside.open("wb") as file:
        np.savez_compressed(
            file,
            person=one.person, source=one.source,
            times=np.array([p.t + begins for p in params]),
            expression=np.stack([p.expression for p in params]).astype(np.float16),
            landmarks=np.stack([p.landmarks68 for p in params]).astype(np.float32),
            viewpoint=np.stack([p.viewpoint for p in params]).astype(np.float32),
            head=np.stack([p.head for p in params]).astype(np.float32),
            confidence=np.array([p.confidence for p in params], np.float32),
            seen=np.array([p.mouth for p in params], np.float32),
            mouth=np.stack([picture for _, picture in found]),
            samples=np.rint(np.clip(samples, -1, 1) * 32767).astype(np.int16),
        )  # fmt: skip
    beside.replace(to)


def watch_all(found: list[Recording], out: Path, held: bool) -> dict[str, str]:
    """Tracks every video that is not there yet; which were refused, and why."""
    out.mkdir(parents=True, exist_ok=True)
    tracker, refused = Tracker(), dict[str, str]()
    for one in tqdm(found, "tracking", unit="video", mininterval=5):
        file = out / f"{one.name}.npz"
        if file.exists():
            continue
        try:
            watch(one, file, tracker, held)
        except EngineError as e:
            refused[one.name] = str(e)
            tqdm.write(f"{one.file}: {e}")
    return refused


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare synchrony", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, help="videos of people who talk")
    parser.add_argument("--out", type=Path, required=True, help="where tracks are kept")
    parser.add_argument("--each", action="store_true", help="every file shows another person")
    parser.add_argument("--still", action="store_true", help="make photos held in a hand of them")
    parser.add_argument("--only", type=int, default=10**9, help="take so many videos, evenly")
    args = parser.parse_args(argv)
    found = recordings(args.folder, args.each)
    found = found[:: max(1, len(found) // args.only)][: args.only]
    refused = watch_all(found, args.out, args.still)
    tell(f"{len(found) - len(refused)} videos tracked in {args.out}, {len(refused)} refused")
