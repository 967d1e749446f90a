"""Good pictures of the one person before a camera, until there are enough to enroll them."""

import numpy as np

from ..faces import IDENTITY, crop
from ..faces.recogniser import Recogniser
from ..types import Faces, Floats

_FRAMES, _GAP, _QUALITY = 8, 0.4, 0.5  # pictures, seconds between two, least quality


class Gathering:
    """Faces go in until `push` says that there are enough; `words` says what hinders."""

    wanted = _FRAMES

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._taken: list[Floats] = []
        self._last = -float("inf")  # t of the last one taken
        self.words = ""

    def push(self, seen: Faces) -> bool:
        """Whether there are enough."""
        self.words = _wanting(seen)
        if not self.words and seen.t - self._last >= _GAP:
            cut = crop(seen.frame, seen.faces[0].points, IDENTITY)
            self._taken.append(self._recogniser.embed(cut.pixels[None])[0])
            self._last = seen.t
        return len(self._taken) >= self.wanted

    def __len__(self) -> int:
        return len(self._taken)

    @property
    def embeddings(self) -> Floats:
        """(n, d)"""
        return np.stack(self._taken)


def _wanting(seen: Faces) -> str:
    """What hinders a picture for enrolment; "" if nothing does."""
    if len(seen.faces) != 1:
        return "nobody is seen" if not seen.faces else "only one person may be seen"
    good = seen.faces[0].quality >= _QUALITY
    return "" if good else seen.faces[0].advice or "come closer"
