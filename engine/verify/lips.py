"""What lips and sound of the same three seconds look like to whoever asks if they go together.

Everything is brought to 25 rows a second. Training calls the same code.
"""

from dataclasses import dataclass

import numpy as np

from ..head import ARKIT, Head
from ..mel import mel_filters
from ..types import Floats

FPS = 25  # rows a second
ROWS = 75  # of a block: three seconds
SECONDS = ROWS / FPS
RATE = 16_000  # hertz
HOP, WINDOW, N_FFT, MELS = 160, 400, 512, 40
MEL_ROWS = 4  # mel frames a row
FLOOR = 1e-7  # power
STILL = 1e-5  # size of a correlation below which one of two curves does not move, but for rounding
REACH = 20  # rows by which sound is shifted either way to see where it fits best
SHAPES = (
    "jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthSmile", "mouthFrown",
    "mouthDimple", "mouthStretch", "mouthRollLower", "mouthRollUpper", "mouthShrugLower",
    "mouthShrugUpper", "mouthPress", "mouthLowerDown", "mouthUpperUp", "noseSneer",
)  # fmt: skip
CHANNELS = len(SHAPES) + 1  # and how far the lips are apart
HEARD = {"rate": RATE, "hop": HOP, "window": WINDOW, "n_fft": N_FFT, "mels": MELS, "fps": FPS,
         "rows": ROWS, "shapes": list(SHAPES)}  # fmt: skip
_INNER = (61, 62, 63), (65, 66, 67)  # of 68 landmarks: inner upper lip, inner lower lip
_FILTERS = mel_filters(MELS, N_FFT, RATE, 60.0, 7600.0)
_HANN = np.hanning(WINDOW + 1)[:-1].astype(np.float32)


class Lips:
    """Reads lips from expression weights and from meshes, in the same unit."""

    def __init__(self, head: Head) -> None:
        self._head = head
        moved = np.stack([aperture(head, basis) for basis in head.expression_basis])
        self._apart: Floats = moved.astype(np.float32)  # (52,) millimetres
        sides = [[k for k, name in enumerate(ARKIT) if name.removesuffix("Left").removesuffix(
            "Right") == shape] for shape in SHAPES]  # fmt: skip
        self._mix = np.zeros((len(ARKIT), CHANNELS), np.float32)
        for column, rows in enumerate(sides):
            self._mix[rows, column] = 1 / len(rows)
        self._mix[:, -1] = self._apart / 10  # centimetres

    def of_weights(self, weights: Floats) -> Floats:
        """(n, 52) -> (n, CHANNELS); the last is how far the lips are apart, centimetres."""
        return np.asarray(weights @ self._mix, np.float32)

    def of_mesh(self, vertices: Floats) -> float:
        """How far the lips of a face (v, 3) are apart, centimetres."""
        return aperture(self._head, vertices) / 10


def aperture(head: Head, vertices: Floats) -> float:
    """Height between the inner lips in the unit of `vertices`; linear in them."""
    marks = head.landmarks(vertices, 68)
    upper, lower = (marks[list(rows), 1].mean() for rows in _INNER)
    return float(upper - lower)


def log_mel(samples: Floats) -> Floats:
    """Whole rows of sound at 16 kHz -> (4 rows, MELS); frame j is centred at sample 160 j + 80."""
    padded = np.pad(samples, (WINDOW - HOP) // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    spectrum = np.fft.rfft(windows * _HANN, N_FFT)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return np.log(power @ _FILTERS + np.float32(FLOOR))


@dataclass(frozen=True, slots=True)
class Block:
    """Three seconds of one face, and of the sound there."""

    t: float  # where it ends
    lips: Floats  # (ROWS, CHANNELS)
    foretold: Floats  # (ROWS,) how far the lips should be apart with this sound, centimetres
    mel: Floats  # (4 ROWS, MELS)
    head: Floats  # (ROWS, 3) radians
    face: Floats  # (ROWS, 52) weights


RANGE = 2.5  # nepers between loud and quiet of speech, at least
QUIETEST = 5e-4  # root mean square: what is softer is no speech


def is_spoken(samples: Floats) -> bool:
    """Whether there is enough speech in a block of sound to say anything of lips."""
    power = (samples[: len(samples) // HOP * HOP].reshape(-1, HOP) ** 2).mean(1)
    level = np.log(power + 1e-10)
    low, high = np.percentile(level, [10, 90])
    return bool(high - low > RANGE and np.sqrt(power.mean()) > QUIETEST)


def levelled(mel: Floats) -> Floats:
    """(..., n, MELS) by their own mean in each band, as the microphone and the room are not to
    count."""
    return np.asarray((mel - mel.mean(-2, keepdims=True)) / 3, np.float32)


def correlation(seen: Floats, foretold: Floats) -> Floats:
    """(2 REACH + 1,) of two curves (n,), the second one shifted by -REACH to REACH rows; 0 where
    one of them does not move."""
    out = np.zeros(2 * REACH + 1, np.float32)
    a, b = smooth(seen), smooth(foretold)
    for k, lag in enumerate(range(-REACH, REACH + 1)):
        x, y = (a[: len(a) - lag], b[lag:]) if lag >= 0 else (a[-lag:], b[:lag])
        x, y = x - x.mean(), y - y.mean()
        size = float(np.sqrt((x @ x) * (y @ y)))
        out[k] = float(x @ y) / size if size > STILL else 0.0
    return out


def smooth(curve: Floats) -> Floats:
    """Over three rows."""
    return np.convolve(np.pad(curve, 1, "edge"), np.full(3, 1 / 3, np.float32), "valid")


def diagonals(seen: Floats, heard: Floats) -> Floats:
    """Embeddings (n, d) of lips and of sound -> (2 REACH + 1,) how alike they are in the mean,
    the sound shifted by -REACH to REACH rows."""
    alike = seen @ heard.T
    return np.array(
        [np.diagonal(alike, lag).mean() for lag in range(-REACH, REACH + 1)], np.float32
    )
