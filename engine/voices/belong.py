"""Whether the voice that is heard goes with the one face that is seen, as evidence over time."""

import threading

import numpy as np

from ..faces import IDENTITY, crop
from ..types import AudioChunk, Evidence, Faces, Floats
from .features import RATE
from .fit import fit
from .listen import Listen, Voice
from .model import Model

__all__ = ["RATE", "Belongs"]
_EVERY = 0.5  # seconds from one look at the face to the next
_GOOD = 0.3  # quality, in [0, 1], from which on a face is looked at
_FACES = 40  # looks that the mean face is made of, at most: they repeat one another
_SPEECH = 3.0  # seconds of speech before anything is said
_LONGEST = 120.0  # seconds of speech after which it is listened to anew: voices may change
_NONE: Voice | None = None


class Belongs:
    """A stage: Faces -> Evidence("voice"), while one face is in sight; `hear` takes the sound.

    With several faces nobody knows whose voice it is, so nothing is said. A new face begins
    anew with the voice too, for another face may speak with another.
    """

    name, lookahead = "voice and face", 0.0

    def __init__(self, model: Model, provider: str = "cpu") -> None:
        self.model, self._provider = model, provider
        self._lock = threading.Lock()  # sound and pictures come from different threads
        self._listen, self._voice = Listen(model, provider), _NONE
        self._track, self._looked, self._count = -1, -float("inf"), 0
        self._face: Floats = np.zeros((), np.float32)  # the sum of its embeddings

    def hear(self, item: AudioChunk) -> None:
        """Sound at 16 kHz."""
        with self._lock:
            listen = self._listen
        heard = listen.push(item)
        with self._lock:
            if heard and listen is self._listen:
                self._voice = heard[-1]
                if self._voice.seconds >= _LONGEST:
                    self._listen = Listen(self.model, self._provider)

    def push(self, item: Faces) -> list[Evidence]:
        if len(item.faces) != 1:
            return []
        [seen] = item.faces
        if seen.track != self._track:
            self._begin(seen.track)
        if item.t - self._looked < _EVERY or seen.quality < _GOOD:
            return []
        self._looked = item.t
        if self._count < _FACES:
            cut = crop(item.frame, seen.points, IDENTITY, seen.track, seen.quality)
            self._face = self._face + self.model.faces(cut.pixels[None])[0]
            self._count += 1
        with self._lock:
            voice = self._voice
        if voice is None or voice.seconds < _SPEECH or voice.doubts:
            return []
        face = np.asarray(self._face / self._count, np.float32)
        found = fit(self.model, voice.embedding, voice.seconds, face)
        return [Evidence(voice.t, seen.track, "voice", found.llr)]

    def finish(self) -> list[Evidence]:
        return []

    def _begin(self, track: int) -> None:
        self._track, self._looked, self._count = track, -float("inf"), 0
        self._face = np.zeros((), np.float32)
        with self._lock:
            self._listen, self._voice = Listen(self.model, self._provider), _NONE
