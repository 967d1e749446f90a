"""One stretch of somebody who talks: what the net is shown, and what attacks are made of."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.types import Floats
from engine.verify.lips import FPS, MEL_ROWS, RATE, ROWS

ROW = RATE // FPS  # samples
FILE = "takes.npz"  # of a folder that was packed: lips and mel bands of all takes, and their page


@dataclass(frozen=True, slots=True)
class Take:
    """One video from where both sound and face are there; row k is at k / 25 seconds."""

    person: str
    name: str
    lips: Floats  # (n, CHANNELS)
    foretold: Floats  # (n,) centimetres
    mel: Floats  # (4 n, MELS)
    head: Floats  # (n, 3)
    face: Floats  # (n, 52)
    samples: Floats  # (640 n,)

    def __len__(self) -> int:
        return len(self.lips)

    def pieces(self) -> list["Take"]:
        """Whole blocks, one after another."""
        return [self.part(k * ROWS) for k in range(len(self) // ROWS)]

    def part(self, begin: int, rows: int = ROWS) -> "Take":
        cut = slice(begin, begin + rows)
        fine = slice(MEL_ROWS * begin, MEL_ROWS * (begin + rows))
        return Take(
            self.person, self.name, self.lips[cut], self.foretold[cut], self.mel[fine],
            self.head[cut], self.face[cut], self.samples[ROW * begin : ROW * (begin + rows)],
        )  # fmt: skip


def read(folder: Path) -> list[Take]:
    """Takes of a folder of tracks or of clips; of one that was packed, lips and sound alone."""
    if not (folder / FILE).exists():
        from .data import takes  # reads media, which is not there wherever a net can be trained

        return takes(folder)
    with np.load(folder / FILE) as held:
        said = json.loads(str(held["page"]))
        ends = np.cumsum([rows for _, _, rows in said])[:-1]
        lips, mel = np.split(held["lips"], ends), np.split(held["mel"], MEL_ROWS * ends)
    none = np.zeros(0, np.float32)
    return [
        Take(person, name, seen, none, heard, none, none, none)
        for (person, name, _), seen, heard in zip(said, lips, mel, strict=True)
    ]
