"""python -m training.prepare vocaset DIR --out DATASET: sound and tracked meshes -> our motion.

DIR is laid out as VOCASET (Cudeiro et al. 2019) is commonly unpacked:

    wav/SUBJECT_sentenceNN.wav             the sound
    vertices_npy/SUBJECT_sentenceNN.npy    (n, v, 3) or (n, 3 v), 60 a second, head pose removed
    templates.pkl or templates.npz         SUBJECT -> (v, 3), at rest
    landmarks.txt                          68 vertex numbers, in the usual order of the 68 points

The last is not part of VOCASET: which vertices are landmarks is the mesh's licence holder's to
say. The 51 points of the face are laid on our head at rest by a similarity; their displacements
are then explained by ARKit weights in [0, 1], frame by frame. A template is unpickled with arrays
allowed and nothing else. Scans know no blinks, so `upper` is not to be believed.
"""

import argparse
import pickle
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.optimize import lsq_linear

from engine.errors import ConfigError, DeviceError
from engine.head import Head
from engine.head.arkit import ARKIT
from engine.types import Floats
from training.data import recordings
from training.data.clips import FPS, Clip
from training.data.voices import RATE
from training.loop import tell

SCANS = 60.0  # a second
_FACE = slice(17, 68)  # of the 68 points: all but the outline of the jaw
_SMALL = (
    0.3  # millimetres that a weight of 1 must be worth: keeps weights that explain nothing at 0
)
_APART = 0.3  # seconds by which sound and meshes may differ in length
_MOUTH = [k for k, n in enumerate(ARKIT) if n.startswith(("jaw", "mouth"))]


class _Arrays(pickle.Unpickler):
    """Opens pickles of numpy arrays and refuses to call anything else."""

    _KNOWN = ("_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer")

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "numpy" and name in self._KNOWN:
            return super().find_class(module.replace("numpy.core", "numpy._core"), name)
        if (module, name) == ("_codecs", "encode"):  # bytes, as Python 3 writes them for Python 2
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it holds {module}.{name}, which is no array")


def templates(folder: Path) -> dict[str, Floats]:
    """SUBJECT -> (v, 3)."""
    for name in ("templates.npz", "templates.pkl"):
        file = folder / name
        if file.exists():
            try:
                return {k: np.asarray(v, np.float32) for k, v in _read(file).items()}
            except (OSError, ValueError, pickle.UnpicklingError, EOFError, AttributeError) as e:
                raise ConfigError(f"cannot read {file} as SUBJECT -> (v, 3): {e}") from e
    raise ConfigError(f"{folder} has no templates.pkl or templates.npz; is it VOCASET's layout?")


def _read(file: Path) -> dict[str, Any]:
    if file.suffix == ".npz":
        with np.load(file) as saved:
            return dict(saved)
    with file.open("rb") as stream:
        return dict(_Arrays(stream, encoding="latin1").load())


def landmarks(folder: Path) -> NDArray[np.intp]:
    """(68,) vertex numbers."""
    file = folder / "landmarks.txt"
    try:
        numbers = np.array([int(n) for n in file.read_text(encoding="utf-8").split()], np.intp)
    except (OSError, ValueError) as e:
        raise ConfigError(f"{file} must hold 68 vertex numbers: {e}") from e
    if len(numbers) != 68 or numbers.min() < 0:
        raise ConfigError(f"{file} holds {len(numbers)} numbers; 68 vertices are needed")
    return numbers


def similarity(points: Floats, wanted: Floats) -> Floats:
    """(3, 3) scale and turn that lay points (n, 3) on `wanted` best (Umeyama 1991, eq. 40-42)."""
    a, b = points - points.mean(0), wanted - wanted.mean(0)
    u, s, vt = np.linalg.svd(b.T @ a)
    flip = np.array([1, 1, np.sign(np.linalg.det(u @ vt))])
    scale = float((s * flip).sum() / (a**2).sum())
    return np.asarray(scale * (u * flip) @ vt, np.float32)


@cache
def _shapes() -> tuple[Floats, Floats]:
    """Our head's points at rest (51, 3), and what each weight of the mouth moves: (m, 51, 3)."""
    head = Head.load()
    rest = head.landmarks(head.neutral, 68)[_FACE]
    shapes = head.shapes(head.neutral)[_MOUTH]
    moved = [head.landmarks(head.neutral + s, 68)[_FACE] - rest for s in shapes]
    return rest, np.stack(moved).astype(np.float32)


def weights(moved: Floats) -> Floats:
    """ARKit weights (n, 52) of the mouth that explain displacements (n, 51, 3) in our head."""
    _, shapes = _shapes()
    matrix = np.vstack([shapes.reshape(len(shapes), -1).T, _SMALL * np.eye(len(shapes))])
    nothing = np.zeros(len(shapes))
    out = np.zeros((len(moved), len(ARKIT)), np.float32)
    for k, frame in enumerate(moved):
        right = np.concatenate([frame.ravel(), nothing])
        out[k, _MOUTH] = lsq_linear(matrix, right, (0, 1)).x
    return out


@dataclass(frozen=True, slots=True)
class Scans:
    """Makes the clips of one recording; sent to other processes whole."""

    folder: Path
    rest: dict[str, Floats]
    points: NDArray[np.intp]
    fps: float

    def __call__(self, file: Path) -> Iterator[recordings.Named]:
        subject = file.stem.rpartition("_")[0]
        if subject not in self.rest:
            raise DeviceError(f"{file.name}: no template of '{subject}'")
        samples = recordings.speech(file)
        motion = self._motion(file.stem, self.rest[subject])
        seconds, scanned = len(samples) / RATE, len(motion) / self.fps
        if abs(seconds - scanned) > _APART:
            raise DeviceError(f"{file.name} lasts {seconds:.1f} s and its meshes {scanned:.1f} s")
        times = np.arange(len(motion)) / self.fps
        at = np.arange(int(seconds * FPS)) / FPS
        rows = PchipInterpolator(times, motion)(np.clip(at, 0, times[-1]))
        yield file.stem, _clip(f"vocaset:{subject}", file.stem, samples, np.clip(rows, 0, 1))

    def _motion(self, name: str, rest: Floats) -> Floats:
        """(n, 52) at the meshes' own rate."""
        file = self.folder / "vertices_npy" / f"{name}.npy"
        try:
            mesh = np.load(file).astype(np.float32)
            mesh = mesh.reshape(len(mesh), *rest.shape)
            points, still = mesh[:, self.points[_FACE]], rest[self.points[_FACE]]
        except (OSError, ValueError, IndexError) as e:
            raise DeviceError(f"{file.name} does not fit its template: {e}") from e
        turn = similarity(still, _shapes()[0])
        return weights((points - still) @ turn.T)


def _clip(who: str, name: str, sound: Floats, rows: Floats) -> Clip:
    """The scans' shape is not ours to carry: each clip gets a face of its own."""
    rng, n = np.random.default_rng(recordings.seed(name)), len(rows)
    modes = len(Head.load().identity_basis)
    return Clip(
        voice=who, text="", samples=sound, phones=(), weights=rows.astype(np.float32),
        head=np.zeros((n, 3), np.float32),
        identity=np.clip(rng.standard_normal(modes), -2.2, 2.2).astype(np.float32),
        mouth=np.ones(n, np.float32), upper=np.zeros(n, np.float32), person=who,
    )  # fmt: skip


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare vocaset", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="DATASET")
    parser.add_argument("--fps", type=float, default=SCANS, help="meshes a second (60)")
    parser.add_argument("--processes", type=int, default=1)
    args = parser.parse_args(argv)
    if not args.fps > 0:
        raise ConfigError(f"--fps {args.fps}: give the meshes' rate, such as 60")
    make = Scans(args.folder, templates(args.folder), landmarks(args.folder), args.fps)
    files = sorted((args.folder / "wav").glob("*.wav"))
    page = {"kind": "vocaset", "motion": "scanned: weights that explain 51 points; no eyes"}
    tell(recordings.report(recordings.gather(args.out, files, make, page, args.processes)))
