"""Verification to build in: pictures go in, identities come out, and handlers are called.

    verifier = Verifier.open("people.db", target_fmr=1e-3)
    verifier.enroll("Anna", [Path("anna.jpg")], Consent.until("opening the door", "1y"))

    @verifier.on("match")
    def welcome(identity): ...

    for identity in verifier.push(frame): ...

No event loop is needed; `async for identity in verifier.watch(frames)` is there for those who have
one. Scores are given to trusted callers only: with them, a template can be rebuilt.
"""

import logging
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import ConfigError, ModelError
from ..types import Bytes, Evidence, Face, Faces, Floats, Identity, VideoFrame
from .attempts import Attempts
from .calibrate import least_claim
from .cohort import beside, load
from .decision import DecisionConfig, Ruling, Stream
from .gallery import DEFAULT, Gallery
from .records import Consent, Person
from .scores import ScoreModel

if TYPE_CHECKING:  # what takes time to load is loaded by Verifier.open
    from ..faces import Finder, Follow
    from ..faces.recogniser import Recogniser

NOBODY = "nobody is enrolled; begin with: enroll NAME PICTURE"
EVENTS = ("pending", "match", "no_match", "unknown", "rejected", "gone", "change")
Handler = Callable[[Identity], Any]
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """The [verify] section."""

    every: float = 0.2  # seconds from one embedding of a face to the next: the best frame between
    least_quality: float = 0.3  # in [0, 1]: worse frames are not used
    forget: float = 2.0  # seconds after which a face that left is gone
    failures: int = 30  # faces refused within `window`, after which none is looked at
    window: float = 60.0  # seconds
    decision: DecisionConfig = field(default_factory=DecisionConfig)

    def __post_init__(self) -> None:
        if not 0 <= self.least_quality < 1:
            raise ConfigError("verify.least_quality should be at least 0 and below 1")
        if not (self.every > 0 and self.forget > 0 and self.window > 0 and self.failures > 0):
            raise ConfigError("verify.every, forget, window and failures should be above 0")


@dataclass(slots=True)
class _Seen:
    """One face that is followed."""

    stream: Stream
    began: float
    request: str
    seen: float = 0.0
    best: tuple[VideoFrame, Face] | None = None  # since the last embedding
    looked: float = -float("inf")
    identity: Identity | None = None
    ruling: Ruling | None = None  # the last one


class Verifier:
    """A stage: VideoFrame or Faces -> the identity, so far, of every face in it."""

    name, lookahead = "verify", 0.0

    def __init__(
        self, gallery: Gallery, recogniser: "Recogniser", finder: "Finder", model: ScoreModel,
        config: VerifyConfig, trusted: bool = False, floor: float = -1.0,
    ) -> None:  # fmt: skip
        self.gallery, self.recogniser, self.finder = gallery, recogniser, finder
        self.model, self.config, self.trusted = model, config, trusted
        self._floor = floor
        self._claim: str | None = None
        self._tracks: dict[int, _Seen] = {}
        self._attempts = Attempts(config.failures, config.window)
        self._asked = Attempts(config.failures, config.window)  # by single pictures
        self._handlers: dict[str, list[Handler]] = {event: [] for event in EVENTS}
        self._follow: Follow | None = None

    @classmethod
    def open(
        cls,
        gallery: str | Path = DEFAULT,
        *,
        target_fmr: float = 1e-3,
        model: Path | None = None,
        key: Path | None = None,
        trusted: bool = False,
        finder: "Finder | None" = None,
        config: VerifyConfig | None = None,
        provider: str = "cpu",
    ) -> "Verifier":
        """EngineError in one line where the gallery, the key or the model cannot be used."""
        from ..faces import Finder
        from ..faces.recogniser import Recogniser

        config = config or VerifyConfig()
        config = replace(config, decision=replace(config.decision, target_fmr=target_fmr))
        recogniser = Recogniser(model, provider)
        if (file := beside(recogniser.folder)) is None:
            raise ModelError(
                f"{recogniser.name} has no cohort, so no rate of false matches is known: "
                "'python -m engine.verify cohort FOLDER' makes one from pictures of people"
            )
        cohort = load(file)
        people = Gallery.open(gallery, recogniser, key)
        people.purge()
        least = least_claim(cohort, len(people))
        if target_fmr < least:
            _log.warning(
                "a false-match rate of %g is beyond what the cohort shows (%.1e)", target_fmr, least
            )
        floor = float(people.annotation("floor") or -1.0)
        return cls(
            people, recogniser, finder or Finder(provider), cohort.model(), config, trusted, floor
        )

    def __enter__(self) -> "Verifier":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.gallery.close()

    def on(self, event: str) -> Callable[[Handler], Handler]:
        """A decorator: the function is called with the Identity when a face's decision becomes
        `event`; "change" is any of them, "gone" a face that left."""
        if event not in EVENTS:
            raise ConfigError(f"no event is called '{event}'; there are {', '.join(EVENTS)}")

        def add(handler: Handler) -> Handler:
            self._handlers[event].append(handler)
            return handler

        return add

    def expect(self, name: str | None) -> None:
        """From now on this one person is asked for (1:1); None: whoever is enrolled."""
        if name is not None and self.gallery.find(name) is None:
            raise ConfigError(f"'{name}' is not enrolled")
        self._claim = name
        self._tracks.clear()

    def enroll(self, name: str, pictures: Sequence[Path | Bytes], consent: Consent) -> Person:
        """Adds somebody; each picture shows one face: an EngineError names the first not to."""
        return self.gallery.enroll(name, np.stack([self.embed(p) for p in pictures]), consent)

    def embed(self, picture: Path | Bytes) -> Floats:
        """(d,) of the one face in a picture. It stays inside: whoever has it can pass for it."""
        from .pictures import one_face

        crop = one_face(picture, self.finder)
        return np.asarray(self.recogniser.embed(crop.pixels[None])[0], np.float32)

    def identify(self, picture: Path | Bytes) -> Identity:
        """Who is in a single picture. No time to gather evidence: one comparison, one threshold."""
        embedding = self.embed(picture)
        found = self.gallery.nearest(embedding, 1)
        return self._single(found[0] if found else None, len(self.gallery), "unknown")

    def compare(self, one: Path | Bytes, other: Path | Bytes) -> Identity:
        """Whether two pictures show the same person; nobody need be enrolled."""
        similarity = float(self.embed(one) @ self.embed(other))
        return self._single(("", similarity), 1, "no_match")

    def testify(self, track: int) -> Evidence | None:
        """What a face has said by now for being who it is taken for; None before it said any."""
        seen = self._tracks.get(track)
        if seen is None or seen.ruling is None:
            return None
        return Evidence(seen.looked, track, "face", seen.ruling.llr)

    def push(self, item: VideoFrame | Faces) -> list[Identity]:
        """One for each face that is seen. Handlers are called before this returns."""
        faces = self._followed(item) if isinstance(item, VideoFrame) else item
        identities = [self._face(faces, face) for face in faces.faces]
        for number in [n for n, s in self._tracks.items() if faces.t - s.seen > self.config.forget]:
            self._leave(number)
        return identities

    def finish(self) -> list[Identity]:
        for number in list(self._tracks):
            self._leave(number)
        return []

    def events(self, frames: Iterable[VideoFrame | Faces]) -> Iterable[Identity]:
        """Only what changes, over all of `frames`."""
        for frame in frames:
            yield from (i for i in self.push(frame) if i.t_decision == i.t)
        self.finish()

    def watch(self, frames: Any) -> AsyncIterator[Identity]:
        """The same in an event loop; `frames` may be asynchronous. Work is done in a thread."""
        from .hooks import watch

        return watch(self, frames)

    def _followed(self, frame: VideoFrame) -> Faces:
        if self._follow is None:
            from ..faces import Follow

            self._follow = Follow(self.finder)
        return self._follow.push(frame)[0]

    def _face(self, faces: Faces, face: Face) -> Identity:
        seen = self._tracks.get(face.track)
        if seen is None:
            stream = Stream(self.model, self.config.decision, self._floor, self._claim)
            seen = self._tracks[face.track] = _Seen(stream, faces.t, uuid.uuid4().hex)
        seen.seen = faces.t
        if seen.best is None or face.quality >= seen.best[1].quality:
            seen.best = faces.frame, face
        before, identity = seen.identity, self._judge(seen, faces.t, face)
        if before is None or (before.decision, before.name) != (identity.decision, identity.name):
            identity = replace(identity, t_decision=faces.t, t=faces.t)
            seen.identity = identity
            self._changed(identity)
        else:
            identity = replace(identity, t_decision=before.t_decision)
            seen.identity = identity
        return identity

    def _judge(self, seen: _Seen, t: float, face: Face) -> Identity:
        held = seen.identity is not None and seen.identity.verified
        wait = 0.0 if held else self._attempts.wait(t)
        if wait > 0 and seen.identity and seen.identity.decision in ("unknown", "no_match"):
            return replace(seen.identity, t=t, quality=face.quality, advice=face.advice)
        if wait > 0:
            return self._plain(seen, t, face, "rejected", f"too many attempts: wait {wait:.0f} s")
        if t - seen.looked < self.config.every and seen.identity:
            return replace(seen.identity, t=t, quality=face.quality, advice=face.advice)
        if seen.best and seen.best[1].quality >= self.config.least_quality:
            return self._embedded(seen, *seen.best)
        if seen.identity and seen.identity.frames_used:
            return replace(seen.identity, t=t, quality=face.quality, advice=face.advice)
        if t - seen.began >= self.config.decision.patience:
            why = f"no picture is good enough: {face.advice or 'come closer'}"
            return self._plain(seen, t, face, "rejected", why)
        return self._plain(seen, t, face, "pending", "a better picture is needed")

    def _embedded(self, seen: _Seen, frame: VideoFrame, face: Face) -> Identity:
        from ..faces import IDENTITY, crop

        cut = crop(frame, face.points, IDENTITY, face.track, face.quality)
        embedding = self.recogniser.embed(cut.pixels[None])[0]
        ruling = seen.stream.push(frame.t, embedding, self.gallery)
        was = seen.identity.decision if seen.identity else "pending"
        if ruling.state in ("unknown", "no_match") and was != ruling.state:
            self._attempts.fail(frame.t)
        seen.best, seen.looked, seen.ruling = None, frame.t, ruling
        return self._ruled(seen, face, frame.t, ruling)

    def _ruled(self, seen: _Seen, face: Face, t: float, ruling: Ruling) -> Identity:
        identity = self._plain(seen, t, face, ruling.state, ruling.reason)
        identity = replace(identity, name=ruling.name, frames_used=ruling.frames)
        if not self.trusted:
            return identity
        threshold = max(self.model.similarity_of(ruling.accept, ruling.effective), self._floor)
        return replace(
            identity, similarity=ruling.similarity, threshold=threshold, evidence=ruling.evidence
        )

    def _plain(self, seen: _Seen, t: float, face: Face, decision: Any, reason: str) -> Identity:
        return Identity(
            t, face.track, decision, None, reason, self.config.decision.target_fmr,
            self.recogniser.name, face.quality, face.advice, 0, t, seen.request,
        )  # fmt: skip

    def _single(self, found: tuple[str, float] | None, size: int, otherwise: Any) -> Identity:
        now = time.monotonic()
        target = self.config.decision.target_fmr
        identity = Identity(
            0.0, 0, otherwise, None, "not similar enough", target, self.recogniser.name, 1.0, "",
            1, 0.0, uuid.uuid4().hex,
        )  # fmt: skip
        wait = 0.0 if self.trusted else self._asked.wait(now)
        if wait > 0:
            return replace(identity, decision="rejected", reason=f"too many attempts: {wait:.0f} s")
        if found is None:
            self._asked.fail(now)
            return replace(identity, reason=NOBODY) if self.trusted else identity
        threshold = max(self.model.threshold(target / size), self._floor if found[0] else -1.0)
        if found[1] >= threshold:
            identity = replace(identity, decision="match", name=found[0] or None, reason="similar")
        else:
            self._asked.fail(now)
        scores = replace(identity, similarity=found[1], threshold=threshold)
        return scores if self.trusted else identity

    def _changed(self, identity: Identity) -> None:
        for handler in (*self._handlers[identity.decision], *self._handlers["change"]):
            handler(identity)

    def _leave(self, number: int) -> None:
        identity = self._tracks.pop(number).identity
        for handler in self._handlers["gone"]:
            if identity is not None:
                handler(identity)
