"""The voice stage: sound in; for each second of speech, what the voice is like by then."""

from dataclasses import dataclass, field

import numpy as np

from ..types import AudioChunk, Floats
from .ears import Ears
from .features import RATE
from .level import Level
from .model import Model

SECOND = 100  # frames
SURE = 0.9  # probability from which on a class is named
ENOUGH = 2  # seconds of speech before anything is named
_CLIPPED = 0.995  # of full scale
_CLIPS = 0.02  # share of loud samples at the limit: more is heard as distortion
_HIGH = 56  # the first band above 4.9 kHz, where telephones carry nothing
_NARROW = 4.0  # nepers by which those bands lie under the speech of a telephone
_BOTH = 0.2  # share of the seconds that must speak for each of two classes


@dataclass(frozen=True, slots=True)
class Voice:
    """What is known of a voice after so much speech."""

    t: float  # the moment of the newest sound
    seconds: float  # of speech
    embedding: Floats  # (d,) the running mean. Personal: it never leaves the engine
    probabilities: dict[str, Floats]  # covariate -> (k,)
    doubts: tuple[str, ...]  # why it should be trusted less, in words

    def named(self, covariate: str, classes: list[str]) -> str | None:
        """The class that is sure enough; None says that it is not known."""
        p = self.probabilities[covariate]
        best = int(p.argmax())
        sure = self.seconds >= ENOUGH and p[best] >= SURE and not self.doubts
        return classes[best] if sure else None


@dataclass(slots=True)
class _Sound:
    """How the sound came, apart from who speaks."""

    loud: int = 0
    clipped: int = 0
    spectrum: Floats = field(default_factory=lambda: np.zeros(64, np.float32))
    frames: int = 0

    def hear(self, samples: Floats, spoken: Floats) -> None:
        level = np.abs(samples)
        self.loud += int((level > 0.1).sum())
        self.clipped += int((level >= _CLIPPED).sum())
        self.spectrum = self.spectrum + spoken.sum(0)
        self.frames += len(spoken)

    def doubts(self) -> list[str]:
        mean = self.spectrum / max(self.frames, 1)
        found = []
        if self.clipped > _CLIPS * max(self.loud, 1):
            found.append("the sound is clipped: turn the microphone down")
        if mean[10:40].mean() - mean[_HIGH:].mean() > _NARROW:
            found.append("narrow as a telephone")
        return found


class Listen:
    """Stage: 16 kHz AudioChunk -> Voice, one a second of speech. Any cutting gives the same."""

    name = "voices"
    rate = RATE
    lookahead = 0.0

    def __init__(self, model: Model, provider: str = "cpu") -> None:
        self.model = model
        self._ears, self._level, self._sound = Ears(provider), Level(), _Sound()
        self._frames = np.zeros((0, 64), np.float32)
        self._embeddings: list[Floats] = []  # (d,) one a second
        self._t = 0.0

    @property
    def seconds(self) -> float:
        """Of speech so far."""
        return len(self._embeddings) + len(self._frames) / SECOND

    def push(self, item: AudioChunk) -> list[Voice]:
        self._t = item.end
        spoken = self._ears.push(item.samples)
        self._sound.hear(item.samples, spoken)
        self._frames = np.concatenate([self._frames, spoken])
        heard = []
        while len(self._frames) >= SECOND:
            second, self._frames = self._frames[:SECOND], self._frames[SECOND:]
            self._embeddings.append(self.model.voices(self._level.push(second)[None])[0])
            heard.append(self._voice())
        return heard

    def finish(self) -> list[Voice]:
        """What is left is less than a second, which is not enough to say more."""
        return []

    def _voice(self) -> Voice:
        every = np.stack(self._embeddings)
        mean, n = every.mean(0), float(len(every))
        said = {c: self.model.probabilities(c, mean, "voice", n) for c in self.model.heads}
        doubts = [*self._sound.doubts(), *self._several(every)]
        return Voice(self._t, n, mean, said, tuple(doubts))

    def _several(self, every: Floats) -> list[str]:
        """Whether some seconds speak clearly for one class and others for another, or all until a
        moment for one and all after it for another."""
        n = np.arange(1, len(every), dtype=np.float32)[:, None]
        begun = np.cumsum(every, 0)[:-1]
        parts = begun / n, (every.sum(0) - begun) / (len(every) - n)
        for covariate in self.model.heads:
            p = self.model.probabilities(covariate, every, "voice")
            sure = np.bincount(p.argmax(1)[p.max(1) > SURE], minlength=p.shape[1])
            if (sure >= max(2, _BOTH * len(every))).sum() > 1:
                return ["more than one voice"]
            before, after = (
                self.model.probabilities(covariate, np.asarray(x, np.float32), "voice")
                for x in parts
            )
            sure = np.minimum(before.max(1), after.max(1)) > SURE
            if (sure & (before.argmax(1) != after.argmax(1))).any():
                return ["more than one voice"]
        return []
