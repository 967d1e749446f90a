"""What people who are not in a gallery score against one another, by one model.

A cohort is similarities only, no templates: `similarity` (p, p), row: a picture of a person,
column: the template of their or another's other pictures. Off the diagonal are strangers, on it
the enrolled (NaN of people with a single picture). Where it was made from clips, `stream`, `t`,
`score` and `mated` (all (n,)) hold frames against templates, for how far frames repeat one another.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import ConfigError, ModelError
from ..types import Floats
from .scores import ScoreModel, Scores, fit

if TYPE_CHECKING:  # engine.model loads ONNX Runtime
    from ..model import ModelFolder

COHORT = "cohort.npz"
MOST = 1000  # people: a million pairs, 2 MB
LEAST = 20


@dataclass(frozen=True, slots=True)
class Clip:
    """One recording of somebody, frame by frame."""

    person: int  # row of the people that the cohort is made of
    t: Floats  # (n,) seconds
    embeddings: Floats  # (n, d)


@dataclass(frozen=True, slots=True)
class Cohort:
    """Similarities between people whom no gallery knows."""

    similarity: Floats  # (p, p)
    stranger_streams: list[tuple[Scores, Scores]]  # (seconds (n,), similarity (n,))
    enrolled_streams: list[tuple[Scores, Scores]]

    @property
    def people(self) -> int:
        return len(self.similarity)

    @property
    def strangers(self) -> Floats:
        """(p (p - 1),) in the order of the matrix."""
        return self.similarity[~np.eye(self.people, dtype=bool)]

    @property
    def enrolled(self) -> Floats:
        """(<= p,)"""
        own = np.diag(self.similarity)
        return own[np.isfinite(own)]

    def model(self) -> ScoreModel:
        return fit(
            self.strangers, self.enrolled, self.people, self.stranger_streams,
            self.enrolled_streams,
        )  # fmt: skip

    def save(self, file: Path) -> None:
        streams = [(s, False) for s in self.stranger_streams]
        streams += [(s, True) for s in self.enrolled_streams]
        sizes = [len(t) for (t, _), _ in streams]
        np.savez_compressed(
            file,
            similarity=self.similarity.astype(np.float16),
            stream=np.repeat(np.arange(len(streams)), sizes),
            mated=np.repeat([mated for _, mated in streams], sizes).astype(bool),
            t=_joined([t for (t, _), _ in streams]),
            score=_joined([s for (_, s), _ in streams]),
        )


def load(file: Path) -> Cohort:
    """ModelError where the file is no cohort."""
    try:
        with np.load(file) as held:
            similarity = held["similarity"].astype(np.float32)
            stream, mated, t, score = (held[k] for k in ("stream", "mated", "t", "score"))
    except (OSError, ValueError, KeyError) as e:
        raise ModelError(f"{file} is no cohort; 'python -m engine.verify cohort' makes one") from e
    each: dict[bool, list[tuple[Scores, Scores]]] = {False: [], True: []}
    for i in np.unique(stream):
        rows = stream == i
        each[bool(mated[rows][0])].append((t[rows], score[rows]))
    return Cohort(similarity, each[False], each[True])


def make(people: list[Floats], clips: list[Clip] | None = None, seed: int = 0) -> Cohort:
    """From the embeddings (k, d) of each person: the first picture against the others' mean."""
    if len(people) < LEAST:
        raise ConfigError(f"a cohort wants {LEAST} people or more, not {len(people)}")
    rng = np.random.default_rng(seed)
    kept = np.sort(rng.permutation(len(people))[:MOST])
    probes = np.stack([people[i][0] for i in kept])
    templates = np.stack(
        [_template(people[i][1:] if len(people[i]) > 1 else people[i]) for i in kept]
    )
    similarity = probes @ templates.T
    single = [row for row, i in enumerate(kept) if len(people[i]) == 1]
    similarity[single, single] = np.nan
    if not np.isfinite(np.diag(similarity)).sum() > 2:
        raise ConfigError("a cohort wants some people with two pictures or more")
    strangers, enrolled = [], []
    for clip in clips or []:
        own = _template(people[clip.person])
        others = [i for i in rng.permutation(len(people))[:6] if i != clip.person][:5]
        enrolled.append((clip.t, clip.embeddings @ own))
        strangers += [(clip.t, clip.embeddings @ _template(people[i])) for i in others]
    return Cohort(similarity, strangers, enrolled)


def beside(folder: "ModelFolder") -> Path | None:
    """The cohort's file in a recogniser's folder, where it has one."""
    return folder.path / COHORT if COHORT in folder.about["files"] else None


def attach(cohort: Cohort, folder: "ModelFolder") -> Path:
    """Puts it into a model's folder and lists it in the about.json."""
    from ..model import write_about

    file = folder.path / COHORT
    cohort.save(file)
    about = {k: v for k, v in folder.about.items() if k != "files"}
    write_about(folder.path, sorted({*folder.about["files"], COHORT}), **about)
    return file


def _joined(parts: list[Scores]) -> Floats:
    return np.concatenate([np.empty(0), *parts]).astype(np.float32)


def _template(embeddings: Floats) -> Floats:
    mean = embeddings.mean(0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-12), np.float32)
