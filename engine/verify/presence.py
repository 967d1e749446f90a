"""Verification in a session: who is before its camera, for its scene, its page and events."""

import threading
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np

from ..errors import ConfigError, EngineError
from ..faces import Finder
from ..types import Bytes, Faces, Identity, Present, Sighting
from .claims import ClaimsConfig
from .decision import Bounds
from .fusion import Fusion
from .gallery import DEFAULT
from .gathering import Gathering
from .liveness import Liveness
from .records import Consent, checked_name
from .report import NOT_CHECKED, Change, as_json
from .verifier import Verifier, VerifyConfig

_SIDE = 640  # pixels of the longer side of what a scene is given, at most
_KEPT = 60  # pictures that wait for their moment: sound comes later than they do
_HISTORY = 8.0  # seconds of evidence that a scene is given
_WAIT = 5.0  # seconds for which a moment of a file waits for the camera's pictures
_SAID = 4.0  # seconds for which the end of an enrolment is told
NOBODY = "nobody"  # what is told once the last face has left
_WORDS = {
    "pending": "looking who it is",
    "match": "this is {name}",
    "no_match": "this is not {name}",
    "unknown": "nobody who is enrolled",
    "rejected": "not looked at: {reason}",
}


@dataclass(frozen=True, slots=True)
class PresenceConfig:
    """The [verify] section: who is looked for, and how surely."""

    gallery: str = ""  # a file, or postgresql://; "": the default place
    key: Path | None = None  # its key's file; else as docs/verify.md says
    model: Path | None = None  # the folder of a recogniser of one's own
    target_fmr: float = 1e-3  # false matches a search
    expect: str = ""  # only ask whether it is this person
    enroll: bool = True  # whether pages may enroll whoever is before the camera
    liveness: bool = True  # whether lips are held against the sound, which costs tracking the face
    deciding: VerifyConfig = field(default_factory=VerifyConfig)
    claims: ClaimsConfig = field(default_factory=ClaimsConfig)


class Presence:
    """A stage: Faces -> Changes; `at` is what a scene draws of a moment."""

    name, lookahead = "verify", 0.0

    def __init__(
        self,
        verifier: Verifier,
        config: PresenceConfig,
        live: bool,
        liveness: Liveness | None = None,
    ) -> None:
        self._verifier, self._config, self._live = verifier, config, live
        self._liveness = liveness
        self.fusion: Fusion | None = None  # where a claim is made of what is found
        self._moments: deque[Present] = deque(maxlen=_KEPT)
        self._evidence: dict[int, deque[tuple[float, float]]] = {}
        self._seen: float | None = None  # t of the last frame with a face in it
        self._news = threading.Condition()
        self._ended = False
        self._drawn = False  # moments are taken by somebody who draws
        self._enrolling: tuple[str, Consent, Gathering] | None = None
        self._said = "", -float("inf")  # the last word on an enrolment, and when it was said
        self._expected = config.expect
        self._asked: str | None = None  # who is to be expected from the next picture on
        self.words = ""  # for the page

    def close(self) -> None:
        self._verifier.close()

    def push(self, item: Faces) -> list[Change]:
        self._turn_to_asked()
        found = self._verifier.push(item)
        changes = [self._change(i) for i in found if i.t_decision == i.t]
        changes += self._left(item.t, bool(found)) + self._enroll(item)
        self._remember(item, found)
        self._testify(item.t, found)
        return changes

    def fuse(self) -> Fusion:
        """From now on what is found of the first face goes to this fusion too."""
        accept = Bounds.of(self._verifier.config.decision, 1).accept
        self.fusion = Fusion(self._config.claims.fusion, accept)
        return self.fusion

    @property
    def models(self) -> dict[str, str]:
        """The hash of each net that is asked."""
        recogniser = self._verifier.recogniser
        return {recogniser.folder.name: recogniser.sha256}

    def _testify(self, t: float, found: Sequence[Identity]) -> None:
        """Only of the face that was there first: it is the one that the scene follows."""
        if self.fusion is None or not found:
            return
        first = found[0]
        if (said := self._verifier.testify(first.track)) is not None:
            self.fusion.push(said)
        self.fusion.see(t, first.track, first.name)

    def finish(self) -> list[Change]:
        self._verifier.finish()
        with self._news:
            self._ended = True
            self._news.notify_all()
        return []

    def at(self, t: float) -> Present | None:
        """The last picture up to t, and who is in it; of liveness what is known by now, for that
        waits for the sound. A recording waits until there is one."""
        with self._news:
            self._let_go(t)
            if not self._live:
                self._news.wait_for(lambda: self._ended or self._newest >= t, _WAIT)
                self._let_go(t)
            if not self._moments:
                return None
            found = self._moments[0]
        return replace(
            found, liveness=self._liveness.words if self._liveness and found.faces else ""
        )

    def draws(self, drawn: bool) -> None:
        """Whether somebody takes moments by `at`: a recording's pictures wait for that."""
        with self._news:
            self._drawn = drawn
            self._news.notify_all()

    def _let_go(self, t: float) -> None:
        """All moments but the last up to t, which a later one may still need."""
        while len(self._moments) > 1 and self._moments[1].t <= t:
            self._moments.popleft()
        self._news.notify_all()

    def begin_enrolment(self, name: str, purpose: str, expires: str) -> None:
        """Takes good pictures of the one face that is seen from now on. ConfigError where it is
        not allowed, or something of the consent is missing."""
        if not self._config.enroll:
            raise ConfigError("this session enrolls nobody who asks for it: see verify.enroll")
        consent = Consent.until(purpose, expires)
        gathering = Gathering(self._verifier.recogniser)
        self._enrolling = checked_name(name), consent, gathering

    def stop_enrolment(self) -> None:
        """Keeps nothing of the pictures taken so far; ConfigError where none are being taken."""
        if self._enrolling is None:
            raise ConfigError("nobody is being enrolled")
        self._enrolling = None

    def expect(self, name: str) -> None:
        """From the next picture on only this person is asked for; "": whoever is enrolled.
        ConfigError, without the name, which might travel on, where there is no such person."""
        if name and self._verifier.gallery.find(name) is None:
            raise ConfigError("nobody of that name is enrolled")
        self._asked = name

    def _turn_to_asked(self) -> None:
        if self._asked is not None:
            self._expected, self._asked = self._asked, None
            with suppress(ConfigError):  # removed since they were asked for: it goes on as it was
                self._verifier.expect(self._expected or None)

    @property
    def _newest(self) -> float:
        return self._moments[-1].t if self._moments else -float("inf")

    def _change(self, identity: Identity) -> Change:
        known = self._liveness.verdict if self._liveness else None
        living = known.as_json() if known and known.track == identity.track else NOT_CHECKED
        return Change(identity.t, "person", identity.decision, as_json(identity, 0.0, living))

    def _left(self, t: float, seen: bool) -> list[Change]:
        """Told once, when the last face is gone for good."""
        if seen:
            self._seen = t
        elif self._seen is not None and t - self._seen > self._config.deciding.forget:
            self._seen = None
            return [Change(t, "person", NOBODY, {})]
        return []

    def _enroll(self, item: Faces) -> list[Change]:
        if self._enrolling is None:
            return []
        name, consent, gathering = self._enrolling
        if not gathering.push(item):
            return []
        self._enrolling = None
        try:
            self._verifier.gallery.enroll(name, gathering.embeddings, consent)
        except EngineError as e:  # the gallery's: the session goes on without that person
            self._said = f"{name} was not enrolled: {e}", item.t
            return [Change(item.t, "enrolment", "failed", {"name": name})]
        self._said = f"{name} is enrolled", item.t
        return [Change(item.t, "enrolment", "finished", {"name": name})]

    def _remember(self, item: Faces, found: Sequence[Identity]) -> None:
        pixels, scale = _fitted(item.frame.pixels)
        self._evidence |= {i.track: self._line(item.t, i) for i in found}
        old = item.t - self._config.deciding.forget
        self._evidence = {k: line for k, line in self._evidence.items() if line[-1][0] >= old}
        faces = tuple(
            Sighting(np.asarray(face.box * scale, np.float32), identity,
                     tuple(self._evidence[identity.track]))
            for face, identity in zip(item.faces, found, strict=True)
        )  # fmt: skip
        self.words = self._worded(item.t, found)
        with self._news:
            if self._drawn and not self._live:  # else a recording would show what comes later
                self._news.wait_for(lambda: not self._drawn or len(self._moments) < _KEPT, _WAIT)
            self._moments.append(Present(item.t, pixels, faces, self.words))
            self._news.notify_all()

    def _line(self, t: float, identity: Identity) -> deque[tuple[float, float]]:
        line = self._evidence.get(identity.track) or deque[tuple[float, float]]()
        line.append((t, identity.evidence or 0.0))
        while t - line[0][0] > _HISTORY:
            line.popleft()
        return line

    def _worded(self, t: float, found: Sequence[Identity]) -> str:
        if self._enrolling:
            name, _, gathering = self._enrolling
            done = f"enrolling {name}: {len(gathering)} of {gathering.wanted} pictures"
            return f"{done}; {gathering.words}" if gathering.words else done
        if t - self._said[1] < _SAID:
            return self._said[0]
        if not found:
            return ""
        first = found[0]
        name = first.name or self._expected
        words = _WORDS[first.decision].format(name=name, reason=first.reason)
        return f"{words}; {first.advice}" if first.advice and not first.verified else words


def open_presence(
    config: PresenceConfig,
    finder: Finder,
    provider: str,
    live: bool,
    liveness: Liveness | None = None,
) -> Presence:
    """EngineError in one line where the model, the gallery or the key cannot be used."""
    verifier = Verifier.open(
        config.gallery or DEFAULT, target_fmr=config.target_fmr, model=config.model, key=config.key,
        trusted=True, finder=finder, config=config.deciding, provider=provider,
    )  # fmt: skip
    if config.expect:
        verifier.expect(config.expect)  # says the name where nobody has it
    return Presence(verifier, config, live, liveness)


def _fitted(pixels: Bytes) -> tuple[Bytes, float]:
    """The picture with at most _SIDE pixels a side, and by how much it was scaled."""
    h, w = pixels.shape[:2]
    scale = min(1.0, _SIDE / max(h, w))
    if scale == 1.0:
        return pixels, scale
    size = max(1, round(w * scale)), max(1, round(h * scale))
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8), scale
