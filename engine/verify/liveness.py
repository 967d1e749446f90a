"""Whether somebody is there and speaks: lips that go with the sound, and a face that moves.

Sees what the tracker found, hears the sound, is told what lips speech makes of it; every three
seconds of all of them are a block, and what blocks say adds up for as long as one face is
followed. A photo, another sound and a late sound are told from a person; a replay with its own
sound is not (docs/liveness.md).
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..head import Head
from ..types import AudioChunk, Evidence, FaceMesh, FaceParams, Floats, Tracked
from .challenge import Challenge, draw
from .lips import FPS, RATE, ROWS, SECONDS, Block, Lips, is_spoken, log_mel
from .report import Change
from .synchrony import TOGETHER, Sums, Synchrony

GAP = 0.25  # seconds without the face that are bridged
PATIENCE = 5.0  # seconds without news of the sound after which the pictures' end stops waiting
KEPT = 30.0  # seconds for which one stream waits for the others
SURE = 0.5  # FaceParams.confidence and mouth in the mean of a block, at least
WAITING, LIVE, SUSPECT = "waiting", "live", "suspect"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is decided of one face by now."""

    t: float
    track: int
    decision: str  # waiting, live, suspect
    llr: float  # of all evidence together, nats; + for somebody who is there
    blocks: int  # of three seconds with speech that were looked at
    enough: int  # that are needed

    @property
    def words(self) -> str:
        if self.decision == WAITING:
            seconds = round((self.enough - self.blocks) * SECONDS)
            return f"liveness: waiting, {seconds} s more of speech"
        return {LIVE: "liveness: lips and sound go together",
                SUSPECT: "liveness: lips and sound do not go together"}[self.decision]  # fmt: skip

    def as_json(self) -> dict[str, object]:
        """Of the score only what a decision needs: whoever attacks must not climb it."""
        return {"score": None, "decision": self.decision, "seconds": self.blocks * SECONDS}


class Liveness:
    """Takes three streams from three threads; `see` answers with evidence as blocks fill up.

    The newest Evidence of a kind and track replaces the one before: each is all that is said by
    then. "lips", "synchrony" and "motion" overlap: "liveness" is what they say together.
    """

    def __init__(self, model: Synchrony, head: Head) -> None:
        self._model, self._lips = model, Lips(head)
        self._lock = threading.Condition()
        self._ended = False
        self._sound = _Sound()
        self._foretold: deque[tuple[float, float]] = deque()
        self.challenge: Challenge | None = None
        self._begin(-1, 0.0)

    def _begin(self, track: int, t: float) -> None:
        self._track, self._rows, self._sums = track, deque[_Row](), Sums.none()
        self.verdict = Verdict(t, track, WAITING, 0.0, 0, self._model.enough)

    def see(self, item: Tracked) -> list[Evidence]:
        """One frame of the face that is followed."""
        with self._lock:
            params = item.params
            if params is None:
                return self._weigh()
            if params.track != self._track:
                self._begin(params.track, item.t)
            if self._rows and item.t - self._rows[-1].t > GAP:
                self._rows.clear()  # a block has no holes; what was said before still counts
            self._rows.append(_Row.of(params))
            if self.challenge is not None:
                self.challenge.see(item.t, float(params.head[0]))
            return self._weigh()

    def hear(self, item: AudioChunk) -> None:
        """Sound at 16 kHz."""
        with self._lock:
            self._sound.push(item)
            if self.challenge is not None:
                self.challenge.hear(item.end, item.samples)

    def foretell(self, item: FaceMesh) -> None:
        """What the face should look like with this sound, by engine.speech."""
        with self._lock:
            self._foretold.append((item.t, self._lips.of_mesh(item.vertices)))
            while item.t - self._foretold[0][0] > KEPT:
                self._foretold.popleft()
            self._lock.notify_all()

    def end_of_sound(self) -> None:
        """No more will be heard or foretold."""
        with self._lock:
            self._ended = True
            self._lock.notify_all()

    def finish(self) -> list[Evidence]:
        """What was seen and still waits for its sound, which a recording may be slow to write."""
        with self._lock:
            found = self._weigh()
            while not self._ended and self._is_ahead() and self._lock.wait(PATIENCE):
                found += self._weigh()
            return found

    def _is_ahead(self) -> bool:
        """Whether pictures wait for sound that may still come."""
        if not self._rows:
            return False
        t = self._rows[-1].t
        return self._sound.end < t or not self._foretold or self._foretold[-1][0] < t

    def challenge_now(self) -> None:
        """Asks for something that only who is there now can do."""
        with self._lock:
            self.challenge = Challenge(
                draw(), self.verdict.t if not self._rows else self._rows[-1].t
            )

    @property
    def words(self) -> str:
        """For the scene and the page."""
        challenge = self.challenge
        if challenge is not None and challenge.state == "asked":
            return challenge.words
        return self.verdict.words

    def _weigh(self) -> list[Evidence]:
        found: list[Evidence] = []
        while self._rows and (begin := self._ready()) is not None:
            block, samples = self._block(begin)
            trusted = self._trusted(begin)
            self._drop(begin + SECONDS)
            if trusted:
                found += self._add(block, is_spoken(samples))
        return found

    def _ready(self) -> float | None:
        """When the next block begins, if all of it has come."""
        begin = max(self._rows[0].t, self._sound.begin)
        end = begin + SECONDS
        heard = bool(self._foretold) and self._foretold[-1][0] >= end - 1 / FPS
        if self._rows[-1].t - begin > KEPT:  # sound never came: start again from now
            self._drop(self._rows[-1].t)
            return None
        return begin if self._rows[-1].t >= end and self._sound.end >= end and heard else None

    def _block(self, begin: float) -> tuple[Block, Floats]:
        at = begin + np.arange(ROWS) / FPS
        times = np.array([row.t for row in self._rows])
        foretold = np.array(self._foretold)
        samples = self._sound.cut(begin, round(SECONDS * RATE))

        def rows(values: Floats) -> Floats:
            return np.stack([np.interp(at, times, c) for c in values.T], 1).astype(np.float32)

        face = rows(np.stack([row.weights for row in self._rows]))
        return Block(
            begin + SECONDS, self._lips.of_weights(face),
            np.interp(at, foretold[:, 0], foretold[:, 1]).astype(np.float32),
            log_mel(samples), rows(np.stack([row.head for row in self._rows])), face,
        ), samples  # fmt: skip

    def _trusted(self, begin: float) -> bool:
        sure = [row.sure for row in self._rows if begin <= row.t <= begin + SECONDS]
        return float(np.mean(sure)) >= SURE

    def _drop(self, t: float) -> None:
        while self._rows and self._rows[0].t < t:
            self._rows.popleft()

    def _add(self, block: Block, spoken: bool) -> list[Evidence]:
        self._sums = self._sums + self._model.sums(block, spoken)
        said = self._model.weigh(self._sums)
        llr, blocks, enough = said[TOGETHER], self._sums.spoken, self._model.enough
        decision = WAITING
        if blocks >= enough:
            decision = LIVE if llr >= self._model.accept else SUSPECT
        self.verdict = Verdict(block.t, self._track, decision, llr, blocks, enough)
        return [Evidence(block.t, self._track, kind, value) for kind, value in said.items()]


@dataclass(frozen=True, slots=True)
class _Row:
    """What is kept of one frame."""

    t: float
    weights: Floats
    head: Floats
    sure: float

    @classmethod
    def of(cls, params: FaceParams) -> "_Row":
        return cls(params.t, params.expression, params.head, min(params.confidence, params.mouth))


class _Sound:
    """The last seconds of sound, in one piece."""

    def __init__(self) -> None:
        self.begin = self.end = 0.0
        self._samples = np.zeros(0, np.float32)

    def push(self, item: AudioChunk) -> None:
        """Sound that is missing before this chunk is silence."""
        if not len(self._samples):
            self.begin = self.end = item.t
        missing = max(0, round((item.t - self.end) * RATE)) if item.t - self.end > 0.02 else 0
        quiet = np.zeros(min(missing, round(KEPT * RATE)), np.float32)
        self._samples = np.concatenate([self._samples, quiet, item.samples])
        self._samples = self._samples[-round(KEPT * RATE) :]
        self.end = item.end
        self.begin = item.end - len(self._samples) / RATE

    def cut(self, t: float, count: int) -> Floats:
        first = max(0, round((t - self.begin) * RATE))
        found = self._samples[first : first + count]
        return np.pad(found, (0, count - len(found)))  # a sample may be missing by rounding


class Eyes:
    """A stage: Tracked -> what is to be told of liveness, whenever that changes."""

    name, lookahead = "liveness", 0.0

    def __init__(self, liveness: Liveness, tell: Callable[[Evidence], None] | None = None) -> None:
        """`tell` gets each piece of evidence, where something is to be decided from it."""
        self._liveness, self._tell = liveness, tell
        self._told: tuple[int, str] = (-1, WAITING)
        self._challenge = ""

    def push(self, item: Tracked) -> list[Change]:
        self._pass_on(self._liveness.see(item))
        return self._changes(item.t)

    def finish(self) -> list[Change]:
        self._pass_on(self._liveness.finish())
        return self._changes(self._liveness.verdict.t)

    def _pass_on(self, found: list[Evidence]) -> None:
        if self._tell:
            for item in found:
                self._tell(item)

    def _changes(self, t: float) -> list[Change]:
        verdict, found = self._liveness.verdict, list[Change]()
        now = verdict.track, verdict.decision
        if now != self._told:
            self._told = now
            about = {"track": verdict.track, **verdict.as_json()}
            found.append(Change(verdict.t, "liveness", verdict.decision, about))
        if (challenge := self._liveness.challenge) and challenge.state != self._challenge:
            self._challenge = challenge.state
            found.append(Change(t, "challenge", challenge.state, {"track": verdict.track}))
        return found
