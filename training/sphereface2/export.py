"""A run -> a model folder: model.onnx (112x112 RGB in, unit embedding out) and about.json."""

import argparse
import json
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch

from engine.errors import ModelError
from engine.model import write_about
from training.halves import halve, in_halves
from training.loop import tell

from .faces import SIDE, load
from .net import Deployed, parameters
from .run import Config, trained
from .whiten import whiten

TOLERANCE = 5e-4  # of unit vectors; a whitened layer enlarges what rounding leaves


def export(run: Path, to: Path, flip: bool = False, faces: Path | None = None) -> Path:
    """Writes model.onnx and about.json; weights in half precision, computing in single.

    With `faces` what varies within the people learnt from is made even (see whiten).
    """
    config, net, _ = trained(run)
    if faces is not None:
        whiten(net, load(faces), config.sizes.size)
    model = Deployed(net, config.sizes.size, flip).eval()
    halve(model)
    to.mkdir(parents=True, exist_ok=True)
    write_onnx(model, to / "model.onnx")
    difference = compare(model, to / "model.onnx")
    page = about(config, parameters(net), flip, difference)
    write_about(to, ["model.onnx"], **page, whitened=faces is not None)
    return to


def write_onnx(model: Deployed, file: Path) -> None:
    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            model, (torch.zeros(2, 3, SIDE, SIDE),), dynamo=True, input_names=["pixels"],
            output_names=["embedding"], dynamic_shapes=({0: batch},), verbose=False,
        )  # fmt: skip
    assert program is not None
    onnx.save(in_halves(program.model_proto), str(file))


@torch.no_grad()
def compare(model: Deployed, file: Path) -> float:
    """The largest difference between torch and ONNX Runtime over random pictures."""
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    torch.manual_seed(0)
    pixels = torch.rand(3, 3, SIDE, SIDE) * 2 - 1
    theirs = session.run(None, {"pixels": pixels.numpy()})[0]
    worst = float(np.abs(model(pixels).numpy() - theirs).max())
    if not worst <= TOLERANCE:
        raise ModelError(f"torch and ONNX Runtime differ by {worst:.1e}; the export is wrong")
    return worst


def about(config: Config, weights: int, flip: bool, difference: float) -> dict[str, Any]:
    """The flip is inside of the graph, so whoever runs it need not know."""
    sizes = config.sizes
    net = "MobileFaceNet-like" if sizes.kind == "mobile" else f"SFNet-{sizes.depth}"
    return {
        "architecture": f"{net}, width {sizes.width:g}, {sizes.size} pixels, {config.loss}",
        "licence": "Apache-2.0",
        "data": ["faces of runs/faces; see faces.json there and docs/sphereface2.md"],
        "colour": "rgb",
        "mean": 127.5,
        "scale": 127.5,
        "flip": False,
        "flip_inside": flip,
        "dim": sizes.dim,
        "weights": weights,
        "onnx_difference": float(f"{difference:.2g}"),
        "config": asdict(config),
        "metrics": {},
    }


def describe(folder: Path, data: list[str], report: Path | None, model: str) -> None:
    """Puts into about.json what the net was trained on and how it was measured.

    `report` is what `training.evaluate sphereface2 --json` wrote.
    """
    kept = json.loads((folder / "about.json").read_text(encoding="utf-8"))
    files = sorted(kept.pop("files"))
    if data:
        kept["data"] = data
    if report is not None:
        found = json.loads(report.read_text(encoding="utf-8"))
        if model not in found:
            raise ModelError(f"{report} says nothing of '{model}', only of {', '.join(found)}")
        kept["metrics"] = metrics(found[model])
    write_about(folder, files, **kept)


def metrics(found: dict[str, Any]) -> dict[str, Any]:
    """Of a report: shares with their 95 % intervals, and on how many people."""
    figures = {k: [round(f[x], 4) for x in ("value", "low", "high")]
               for k, f in found["figures"].items()}  # fmt: skip
    accuracy = [round(x, 4) for x in found["accuracy"]]
    return {"accuracy and its standard error": accuracy, **figures, **found["counts"]}


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export sphereface2")
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, help="the model's folder; RUN/model if not given")
    parser.add_argument("--flip", action="store_true", help="add the mirrored picture's embedding")
    parser.add_argument("--whiten", type=Path, metavar="FACES", help="of training.prepare: make "
                        "even what varies within the people learnt from")  # fmt: skip
    parser.add_argument("--data", action="append", default=[], metavar="WORDS",
                        help="what it was trained on, and under which licence")  # fmt: skip
    parser.add_argument("--report", type=Path, help="of training.evaluate sphereface2 --json")
    parser.add_argument("--name", default="sphereface2", help="of the model in that report")
    args = parser.parse_args(argv)
    made = export(args.run, args.to or args.run / "model", args.flip, args.whiten)
    describe(made, args.data, args.report, args.name)
    tell(str(made))
