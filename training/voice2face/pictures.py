"""Pictures of a run: its curves, and what it imagines. No real person's picture is in them."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from engine.errors import DeliveryError
from engine.head import Head
from engine.head.look import appearance
from engine.render.__main__ import moment
from engine.render.canvas import Canvas, create_context
from engine.render.config import RenderConfig
from engine.render.scene import load_scene
from engine.types import Bytes, Persona
from engine.voices.imagine import as_persona
from engine.voices.model import Model
from training.dimnet.data import Part

from . import noises
from .data import Material, of_noise
from .drawn import drawn
from .measure import Imagined, to_bytes
from .net import SIDE
from .run import KINDS, Generators, imagine

TERMS = ("spread", "quiet", "like")
EACH = 5  # voices of each class
LARGER = 3
GAP = 6
TILE = 288  # pixels of a drawn head


def curves(run: Path, to: Path) -> None:
    """The training's losses, from what it logged."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: 0.3 s
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.4), layout="constrained")
    FigureCanvasAgg(figure)
    groups = [(k, names) for k in KINDS for names in (("critic", "generator"), TERMS)]
    for axes, (kind, names) in zip(figure.subplots(1, len(groups)), groups, strict=True):
        logged = _logged(run / "board" / kind)
        for name in names:
            if name in logged:
                axes.plot(*zip(*logged[name], strict=True), label=name)
        axes.set(xlabel="step", title=f"{kind}s")
        axes.legend()
    try:
        figure.savefig(to, dpi=100)
    except OSError as e:
        raise DeliveryError(f"cannot write {to}: {e.strerror}") from e


def _logged(folder: Path) -> dict[str, list[tuple[int, float]]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {n: [(e.step, e.value) for e in events.Scalars(n)] for n in events.Tags()["scalars"]}


def chosen(made: Imagined, classes: int) -> list[int]:
    """The first EACH held-out voices of each class: rows of what was made."""
    return [int(k) for c in range(classes) for k in np.flatnonzero(made.labels == c)[:EACH]]


def thumbnails(nets: Generators, material: Material, ears: Model, made: Imagined, to: Path) -> None:
    """Columns are voices, rows what is imagined after 1 s, 5 s and all of it; then noise."""
    rows = made.rows[chosen(made, len(material.classes))]
    lines = [to_bytes(imagine(nets, material.whole(rows, most))[0]) for most in (1, 5, 15)]
    kinds = (*noises.LEARNT, *noises.KEPT)
    still = [imagine(nets, of_noise(ears, kind, 1)[:1])[0][0] for kind in kinds]
    mean = material.mean_face()
    last = to_bytes(np.stack([*still, *[mean] * (len(rows) - len(still))])[: len(rows)])
    _write(_sheet([*lines, last], SIDE * LARGER), to)


def beside(nets: Generators, material: Material, part: Part, to: Path) -> None:
    """Made-up people: the face and the head imagined for a voice; below, the person's own face."""
    own = {material.face.names[r]: r for r in reversed(material.face.rows(part).tolist())}
    heard = {material.voice.names[r]: r for r in reversed(material.voice.rows(part).tolist())}
    names = sorted(set(own) & set(heard))[: 2 * EACH]
    faces, numbers = imagine(nets, material.whole(np.array([heard[n] for n in names])))
    real = material.pixels[[own[n] for n in names]]
    _write(_sheet([to_bytes(faces), drawn(material.space, numbers), real], SIDE * LARGER), to)


def _sheet(lines: list[Bytes], side: int) -> Bytes:
    wide = (side + GAP) * max(len(line) for line in lines) + GAP
    sheet = np.full(((side + GAP) * len(lines) + GAP, wide, 3), 24, np.uint8)
    for r, line in enumerate(lines):
        for c, tile in enumerate(line):
            y, x = GAP + r * (side + GAP), GAP + c * (side + GAP)
            large = cv2.resize(tile, (side, side), interpolation=cv2.INTER_CUBIC)
            sheet[y : y + side, x : x + side] = large
    return sheet


def heads(material: Material, made: Imagined, to: Path) -> None:
    """What the avatar scene makes of the heads: a line a class."""
    head, ctx, lines = Head.load(), create_context(), []
    for c, name in enumerate(material.classes):
        shown = []
        for k in np.flatnonzero(made.labels == c)[:EACH]:
            persona = as_persona(material.space, made.heads[k], kind=name)
            shown.append(_drawn(ctx, head, persona))
        lines.append(np.stack(shown))
    _write(_sheet(lines, TILE), to)


def _drawn(ctx: Any, head: Head, persona: Persona) -> Bytes:
    look = appearance(persona, head)
    config = RenderConfig(f"{TILE}x{TILE}", scene="avatar", quality="medium")
    canvas = Canvas(ctx, config)
    scene = load_scene("avatar")(canvas, head, look, config)
    canvas.begin()
    scene.draw(moment(head, head.person(look.identity), {"eyeBlink": 0.07}, 0.2))
    return canvas.read().copy()


def _write(sheet: Bytes, to: Path) -> None:
    if not cv2.imwrite(str(to), sheet[..., ::-1]):
        raise DeliveryError(f"cannot write {to}: give a folder that can be written to")
