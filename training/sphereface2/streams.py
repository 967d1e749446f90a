"""What strangers score, and how often whole streams of them are let in.

The people who were held out from training are split once more, by name: `cohort` people say
what strangers score and go with the model (as similarities); the `live` ones are enrolled or stand
before the camera here. A live stream is a picture of somebody that moves as a recording of somebody
else does: picture + residuals of the recording's embeddings from their mean.
"""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.model import open_model
from engine.types import Floats
from engine.verify import cohort as cohorts
from engine.verify.cohort import Cohort
from engine.verify.decision import Candidate, DecisionConfig, Stream
from engine.verify.scores import ScoreModel, Stays

from . import clips as recordings
from .faces import Faces
from .trials import Model

SECONDS, STRANGERS_A_CLIP = 3.0, 6
GALLERIES = (1, 20, 300)
HEAD = f"{'':35}{'gallery':>9}{'streams':>9}{'matched':>9}{'':11}{'median':>10}"


@dataclass(frozen=True, slots=True)
class Recording:
    """A clip as embeddings."""

    person: str
    session: str
    t: Floats  # (n,) seconds
    embeddings: Floats  # (n, d)


@dataclass(frozen=True, slots=True)
class Outcome:
    """Of many streams before a gallery of that size."""

    gallery: int
    streams: int
    matched: int
    seconds: Floats  # (matched,) until the match


class Enrolled:
    """Templates (n, d) of unit length, for a Stream."""

    def __init__(self, templates: Floats) -> None:
        self._templates = templates

    def __len__(self) -> int:
        return len(self._templates)

    def nearest(self, mean: Floats, k: int) -> list[Candidate]:
        scores = self._templates @ mean
        best = np.argsort(-scores)[:k]
        return [(str(i), float(scores[i])) for i in best]

    def similarity(self, name: str, mean: Floats) -> float | None:
        return float(self._templates[int(name)] @ mean)


def side(name: str) -> str:
    """cohort or live, by the hash of a name: another one than that which holds people out."""
    return ("cohort", "live")[hashlib.sha256(f"side {name}".encode()).digest()[0] % 2]


def embedded(model: Model, folder: Path) -> list[Recording]:
    found = tqdm(recordings.load(folder), "recordings", mininterval=2)
    return [Recording(c.person, c.session, c.t, model.embed(c.crops)) for c in found]


def grouped(faces: Faces, embedding: Floats, wanted: str) -> list[Floats]:
    """Embeddings (k, d) of each person on one side; dev people are the cohort's."""
    order = np.argsort(faces.person, kind="stable")
    each = np.split(embedding[order], np.cumsum(faces.counts)[:-1])
    return [e for name, e in zip(faces.people, each, strict=True) if side(name) == wanted]


def make_cohort(people: list[Floats], clips: list[Recording], seed: int = 0) -> Cohort:
    """Similarities of people, and how the frames of recordings hang together."""
    rng = np.random.default_rng(seed)
    templates = np.stack([unit(e.mean(0)) for e in people])
    strangers, enrolled = [], []
    for clip in clips:
        for row in rng.choice(len(templates), STRANGERS_A_CLIP, replace=False):
            strangers.append((clip.t, clip.embeddings @ templates[row]))
        others = [c for c in clips if c.person == clip.person and c.session != clip.session]
        if others:
            own = unit(np.concatenate([c.embeddings for c in others]).mean(0))
            enrolled.append((clip.t, clip.embeddings @ own))
    made = cohorts.make(people)
    return replace(made, stranger_streams=strangers, enrolled_streams=enrolled)


def attach(cohort: Cohort, model: Path) -> Path:
    return cohorts.attach(cohort, open_model(model))


def unit(x: Floats) -> Floats:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-9), np.float32)


def stream(still: Floats, like: Recording) -> tuple[Floats, Floats]:
    """(seconds, embeddings (n, d)) of a person (d,) who moves as in a recording."""
    mean = like.embeddings.mean(0)
    frames = still * np.linalg.norm(mean) + (like.embeddings - mean)
    return like.t - like.t[0], unit(frames)


def strangers_let_in(
    model: ScoreModel, config: DecisionConfig, people: list[Floats], clips: list[Recording],
    gallery: int, count: int, seed: int = 0,
) -> Outcome:  # fmt: skip
    """`count` streams of people before galleries that they are not in; galleries change."""
    rng, times = np.random.default_rng([seed, gallery]), []
    templates = np.stack([unit(e.mean(0)) for e in people])
    for _ in tqdm(range(count), f"strangers, gallery of {gallery}", mininterval=2):
        drawn = rng.choice(len(people), min(gallery + 1, len(people)), replace=False)
        who = people[drawn[0]]
        seen = stream(who[rng.integers(len(who))], clips[rng.integers(len(clips))])
        t = matched_at(model, config, Enrolled(templates[drawn[1:]]), seen, None)
        times += [t] if t is not None else []
    return Outcome(gallery, count, len(times), np.array(times, np.float32))


def genuine(
    model: ScoreModel, config: DecisionConfig, people: list[Floats], clips: list[Recording],
    gallery: int, count: int, seed: int = 0,
) -> Outcome:  # fmt: skip
    """The same of enrolled people, by a picture that is not among those enrolled."""
    rng, times = np.random.default_rng([seed, gallery, 1]), []
    many = [i for i, e in enumerate(people) if len(e) > 1]
    templates = np.stack([unit(e.mean(0)) for e in people])
    for _ in tqdm(range(count), f"enrolled, gallery of {gallery}", mininterval=2):
        who = int(rng.choice(many))
        out = int(rng.integers(len(people[who])))
        others = rng.choice(np.delete(np.arange(len(people)), who), gallery - 1, replace=False)
        own = unit(np.delete(people[who], out, 0).mean(0))
        enrolled = Enrolled(np.concatenate([own[None], templates[others]]))
        seen = stream(people[who][out], clips[rng.integers(len(clips))])
        t = matched_at(model, config, enrolled, seen, "0")
        times += [t] if t is not None else []
    return Outcome(gallery, count, len(times), np.array(times, np.float32))


def matched_at(
    model: ScoreModel, config: DecisionConfig, enrolled: Enrolled,
    seen: tuple[Floats, Floats], wanted: str | None,
) -> float | None:  # fmt: skip
    """Seconds until the first match, with `wanted` only where it is that person's."""
    deciding = Stream(model, config)
    for t, e in zip(*seen, strict=True):
        if t > SECONDS:
            return None
        ruling = deciding.push(float(t), e, enrolled)
        if ruling.state == "match":
            return float(t) if wanted in (None, ruling.name) else None
    return None


def recorded(
    model: ScoreModel, config: DecisionConfig, clips: list[Recording], others: list[Floats]
) -> Outcome:
    """Real recordings of people enrolled from other sessions, beside 18 others."""
    templates = np.stack([unit(e.mean(0)) for e in others[:18]])
    times, count = [], 0
    for clip in clips:
        own = [c for c in clips if c.person == clip.person and c.session != clip.session]
        if own:
            count += 1
            me = unit(np.concatenate([c.embeddings for c in own]).mean(0))
            enrolled = Enrolled(np.concatenate([me[None], templates]))
            seen = clip.t - clip.t[0], clip.embeddings
            t = matched_at(model, config, enrolled, seen, "0")
            times += [t] if t is not None else []
    return Outcome(len(templates) + 1, count, len(times), np.array(times, np.float32))


def recorded_strangers(
    model: ScoreModel, config: DecisionConfig, clips: list[Recording], people: list[Floats],
    gallery: int, draws: int = 20, seed: int = 0,
) -> Outcome:  # fmt: skip
    """Real recordings before galleries, drawn anew each time, of people who are not in them."""
    rng, times = np.random.default_rng([seed, gallery, 2]), []
    templates = np.stack([unit(e.mean(0)) for e in people])
    seen = [(c.t - c.t[0], c.embeddings) for c in clips]
    for stream_seen in tqdm(seen * draws, "strangers' recordings", mininterval=2):
        enrolled = Enrolled(rng.permutation(templates)[:gallery])
        t = matched_at(model, config, enrolled, stream_seen, None)
        times += [t] if t is not None else []
    return Outcome(gallery, len(seen) * draws, len(times), np.array(times, np.float32))


def independent(model: ScoreModel) -> ScoreModel:
    """As if each frame were news: what the correction for correlated frames is held against."""
    return replace(model, strangers=Stays(0.0, 1e-6), enrolled=Stays(0.0, 1e-6))


def row(name: str, o: Outcome) -> str:
    """One line of the table."""
    share = 100 * o.matched / max(o.streams, 1)
    median = f"{np.median(o.seconds):.2f} s" if len(o.seconds) else "-"
    return f"{name:35}{o.gallery:>9}{o.streams:>9}{o.matched:>9}{share:>9.2f} %{median:>10}"
