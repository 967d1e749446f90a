"""A run -> a model folder that the engine loads: one step's net, spaces, about.json.

Weights are stored in half precision (the net is rounded to it before the comparison, and computes
in single precision), the spaces too.
"""

import argparse
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from torch import Tensor

from engine import config as settings
from engine.errors import ModelError
from engine.head import Head
from engine.model import write_about
from engine.speech.meshtalk import HEARD
from training.data import store
from training.data.clips import FPS
from training.halves import halve, in_halves
from training.loop import tell

from . import data
from .heads import Influence, influence
from .space import Space
from .step import Step, blank
from .steps import Trained, load_run, run_data

TOLERANCE = 1e-4
OUTPUTS = ("motion", "labels", "past_out", "memory_out")


def export(run: Path, to: Path) -> Path:
    """Writes model.onnx, space.npz and about.json of a finished run."""
    trained = load_run(run)
    folder = run_data(run, trained.config.data)
    space = data.load_space(folder)
    share = influence(trained, data.load(folder, "test"), space, Head.load())
    step = Step(trained.first, trained.second, torch.from_numpy(space.spread)).eval()
    halve(step)
    to.mkdir(parents=True, exist_ok=True)
    write_onnx(step, trained.sizes.templates, to / "model.onnx")
    difference = compare(step, trained.sizes.templates, to / "model.onnx")
    write_space(space, to / "space.npz")
    write_about(to, ["model.onnx", "space.npz"], **about(trained, space, share, step, difference))
    return to


@torch.no_grad()
def write_onnx(step: Step, templates: int, file: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=1024)
    example = blank(step, 2, templates)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            step, tuple(example.values()), dynamo=True, input_names=list(example), verbose=False,
            output_names=list(OUTPUTS), dynamic_shapes=tuple({0: batch} for _ in example),
        )  # fmt: skip
    assert program is not None
    onnx.save(in_halves(program.model_proto), str(file))


@torch.no_grad()
def compare(step: Step, templates: int, file: Path, frames: int = 20, batch: int = 3) -> float:
    """The largest difference between torch and ONNX Runtime over some frames of random streams."""
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    torch.manual_seed(0)
    feeds = blank(step, batch, templates)
    worst = 0.0
    for _ in range(frames):
        feeds["mel"] = torch.randn_like(feeds["mel"]) * 3 - 7
        feeds["template"] = torch.randn_like(feeds["template"])
        feeds["noise"] = -torch.empty_like(feeds["noise"]).exponential_().log()
        made: list[Tensor] = list(step(*feeds.values()))
        theirs = session.run(None, {k: v.numpy() for k, v in feeds.items()})
        if not np.array_equal(made[1].numpy(), theirs[1]):
            raise ModelError("torch and ONNX Runtime draw different codes; the export is wrong")
        worst = max(worst, *(float(np.abs(a.numpy() - b).max()) for a, b in
                             zip(made, theirs, strict=True)))  # fmt: skip
        feeds["past"], feeds["memory"] = made[2], made[3]
    if worst > TOLERANCE:
        raise ModelError(f"torch and ONNX Runtime differ by {worst:.1e}; the export is wrong")
    return worst


def write_space(space: Space, file: Path) -> None:
    np.savez_compressed(
        file,
        modes=space.modes.astype(np.float16),
        template_mean=space.template_mean,
        template_modes=space.template_modes.astype(np.float16),
        template_spread=space.template_spread,
    )


def about(
    trained: Trained, space: Space, share: Influence, step: Step, difference: float
) -> dict[str, Any]:
    shapes = {k: list(v.shape[1:]) for k, v in blank(step, 1, trained.sizes.templates).items()}
    return {
        "architecture": "MeshTalk (ICCV 2021), causal: see training/meshtalk",
        "licence": "Apache-2.0",
        "data": sources(trained.config.data.recorded),
        "bad_at": [
            "no smiles from the voice, no laughter",
            "singing and music move the lips; whisper moves them little",
            "trained on English phones only",
        ],
        "features": HEARD | {"lookahead": trained.config.lookahead},
        "manners": list(space.manners),
        "fps": FPS,
        "lookahead": trained.config.lookahead,
        "sizes": {k: getattr(trained.sizes, k) for k in trained.sizes.__slots__},
        "state": {name: shapes[name] for name in ("past", "memory")},
        "temperature": [1.0] * trained.sizes.heads,
        "free": [round(float(f), 4) for f in share.free],
        "explained": {
            "motion": round(space.explained, 6), "templates": round(space.template_explained, 4)
        },
        "onnx_difference": float(f"{difference:.2g}"),
        "config": settings.as_dict(trained.config),
        "metrics": {},
    }  # fmt: skip


def sources(recorded: data.Recorded) -> list[str]:
    """What was learnt from, in words."""
    told = [
        "sentences of this project spoken by flite (awb, kal, kal16, slt) and espeak-ng;"
        " motion by the generator in training/data"
    ]
    for folder in recorded.folders:
        page = store.read_page(folder)
        motion = page.get("motion", "motion fitted to the videos")
        people = page["people"] if isinstance(page["people"], int) else len(page["people"])
        told.append(
            f"{folder.name}: {len(recorded.names(folder))} clips, {people} people; {motion}"
        )
    return told


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export meshtalk", description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, help="the model's folder; RUN/model if not given")
    args = parser.parse_args(argv)
    tell(str(export(args.run, args.to or args.run / "model")))
