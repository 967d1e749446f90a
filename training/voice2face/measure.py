"""What a generator's faces are worth, on people who were held out."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.head import Head
from engine.types import Bytes, Floats
from engine.voices.model import Model
from training.dimnet import trials
from training.dimnet.data import Rows
from training.dimnet.trials import Items

from . import noises
from .data import Material, held, of_noise
from .judge import FaceJudge, head_judge
from .run import Generators, imagine

PREFIXES = (1, 2, 5, 15)  # seconds of speech
COUNT = 4000  # trials
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Imagined:
    """What is imagined for held-out recordings as they are."""

    rows: Rows  # of the recordings
    labels: Rows
    faces: Bytes  # (n, 64, 64, 3)
    heads: Floats  # (n, k + m)


def to_bytes(faces: Floats) -> Bytes:
    """[-1, 1] -> 0 to 255."""
    return np.asarray(np.rint(faces * 127.5 + 127.5), np.uint8)


def for_held(nets: Generators, material: Material) -> Imagined:
    rows = held(material.voice, material.label)
    rows = rows[np.array(material.how)[rows] == "clean"]
    faces, heads = imagine(nets, material.whole(rows))
    return Imagined(rows, material.voice.labels[material.label][rows], to_bytes(faces), heads)


def matches(nets: Generators, material: Material, judge: FaceJudge) -> dict[str, tuple[float, int]]:
    """How often what is imagined is taken for the voice's class, and of how many; beside how often
    the judges are right on real ones."""
    label = material.label
    real = held(material.face, label)
    shown = held(material.heads.side, label)
    heads = head_judge(material)
    found = {
        "judge of faces, real faces": _right(
            judge(material.pixels[real]), material.face.labels[label][real]),
        "judge of heads, real heads": _right(
            heads(material.heads.numbers[shown]), material.heads.side.labels[label][shown]),
    }  # fmt: skip
    rows, how = held(material.voice, label), np.array(material.how)
    for way in dict.fromkeys(material.how):
        for most in PREFIXES if way == "clean" else (PREFIXES[-1],):
            mine = rows[how[rows] == way]
            mine = mine[[len(material.seconds[r]) >= min(most, PREFIXES[-2]) for r in mine]]
            if not len(mine):  # nobody spoke for so long
                continue
            faces, numbers = imagine(nets, material.whole(mine, most))
            wanted = material.voice.labels[label][mine]
            name = f"{way}, {'whole' if most == PREFIXES[-1] else f'{most} s'}"
            found[f"faces, {name}"] = _right(judge(to_bytes(faces)), wanted)
            found[f"heads, {name}"] = _right(heads(numbers), wanted)
    return found


def by_axis(made: Imagined, material: Material) -> tuple[float, int] | None:
    """Heads by the head model's own person of either class: to whom each shape is nearer. It says
    that the class was heard (targets are made with those two), and needs no heads to learn from;
    None where the model knows no such persons."""
    presets = Head.load().presets
    if len(material.classes) != 2 or not set(material.classes) <= set(presets):
        return None
    shapes = np.stack([material.space.identity(n) for n in made.heads])
    low, high = (presets[c][: shapes.shape[1]] for c in material.classes)
    return _right(((shapes - (low + high) / 2) @ (high - low) > 0).astype(np.int64), made.labels)


def second_judge(made: Imagined, ears: Model) -> tuple[float, int]:
    """DIMNet's own face net on the imagined faces: never a part of the training's critics."""
    covariate = next(iter(ears.heads))
    said = ears.probabilities(covariate, ears.faces(made.faces), "face").argmax(1)
    return _right(np.asarray(said), made.labels)


def _right(said: Rows, wanted: Rows) -> tuple[float, int]:
    return float((said == wanted).mean()), len(wanted)


def matching(
    made: Imagined, material: Material, embed: Callable[[Bytes], Floats], name: str
) -> Figures:
    """1:2 by unit embeddings of faces, drawn by person where there are pairs, else by the
    covariate."""
    rows = held(material.face, material.label)
    faces = Items(
        embed(material.pixels[rows]), np.array([material.face.names[r] for r in rows]),
        material.face.labels[material.label][rows])  # fmt: skip
    people = np.array([material.voice.names[r] for r in made.rows])
    probes = Items(embed(made.faces), people, made.labels)
    pairs = len(set(people) & set(faces.person)) > 1
    draw = trials.by_person if pairs else trials.by_covariate
    found = {}
    for kind, grouped in (("ungrouped", False), ("within a class", True)):
        drawn = draw(probes, faces, COUNT, 2, grouped, np.random.default_rng(0))
        found[f"{name}, {kind}"] = trials.matching(trials.similarities(probes, faces, drawn), 2)
    return found


def noise(nets: Generators, material: Material, ears: Model, made: Imagined) -> Figures:
    """How far noise that is forced on the net leads from the mean face and head, as a share of how
    far voices do; by kinds of noise, those that were learnt from and those that were not."""
    mean, middle = material.mean_face(), material.space.middle
    face = np.abs(made.faces / 127.5 - 1 - mean).mean()
    head = np.abs(made.heads - middle).mean()
    found = {}
    for kind in (*noises.LEARNT, *noises.KEPT):
        faces, heads = imagine(nets, of_noise(ears, kind, 1))
        found[f"face, {kind}"] = float(np.abs(faces - mean).mean() / face)
        found[f"head, {kind}"] = float(np.abs(heads - middle).mean() / head)
    return found


def _unit(pixels: Bytes) -> Floats:
    return np.asarray(pixels / 127.5, np.float32)


def diversity(nets: Generators, material: Material, made: Imagined) -> Figures:
    """Mean difference between what is imagined for two people of one class, as a share of that
    between real ones; and what two halves of one recording differ by, as a share of the first."""
    label = material.label
    faces, heads = held(material.face, label), held(material.heads.side, label)
    real = _within(_unit(material.pixels[faces]), material.face.labels[label][faces])
    shapes = _within(material.heads.numbers[heads], material.heads.side.labels[label][heads])
    own = _within(_unit(made.faces), made.labels)
    own_heads = _within(made.heads, made.labels)
    long = [r for r in made.rows if len(material.seconds[r]) > 1]
    halves = [[material.seconds[r][k::2].mean(0) for r in long] for k in (0, 1)]
    unit = [np.stack(h) / np.linalg.norm(np.stack(h), axis=1, keepdims=True) for h in halves]
    (f1, h1), (f2, h2) = (imagine(nets, e) for e in unit)
    return {
        "faces of one class": own / real,
        "heads of one class": own_heads / shapes,
        "two halves of one voice, faces": float(np.abs(f1 - f2).mean()) / own,
        "two halves of one voice, heads": float(np.abs(h1 - h2).mean()) / own_heads,
    }


def _within(x: Floats, labels: Rows, most: int = 60) -> float:
    """Mean absolute difference between two of one class."""
    found = []
    for c in np.unique(labels):
        mine = x[labels == c][:most].reshape(min(most, int((labels == c).sum())), -1)
        apart = np.abs(mine[:, None] - mine[None]).mean(2)
        found.append(apart[~np.eye(len(mine), dtype=bool)].mean())
    return float(np.mean(found))
