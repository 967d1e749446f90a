"""One stretch of somebody who talks: what the net is shown, and what attacks are made of."""

from dataclasses import dataclass

from engine.types import Floats
from engine.verify.lips import FPS, MEL_ROWS, RATE, ROWS

ROW = RATE // FPS  # samples


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
