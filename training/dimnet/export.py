"""A run -> a model folder: voice.onnx, face.onnx, heads.npz and about.json."""

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
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ModelError
from engine.faces.recogniser import Recogniser
from engine.model import write_about
from engine.voices.features import HEARD, MELS
from training.halves import halve, in_halves
from training.loop import tell

from .data import IDENTITY, Material
from .embed import head
from .net import TEMPLATE, fuse
from .run import material_of, saved_config, trained

TOLERANCE = 1e-3


def export(run: Path, to: Path, calibration: Path | None = None) -> Path:
    """Writes both nets, weights in half precision and computing in single. `calibration`: of
    training.evaluate dimnet, on people who were held out."""
    config = saved_config(run)
    material = material_of(config)
    net = trained(run, material)
    for tower in (net.voice, net.face):
        fuse(tower)
    with torch.no_grad():
        halve(net)
    to.mkdir(parents=True, exist_ok=True)
    side, takes = config.sizes.pixels, "pixels"
    shown = torch.rand(2, 3, side, side) * 2 - 1
    if config.sizes.sees == "templates":
        shown, takes = F.normalize(torch.randn(2, TEMPLATE)), "template"
    worst = max(
        write(net.voice, torch.randn(2, 100, MELS), "mel", to / "voice.onnx"),
        write(net.face, shown, takes, to / "face.onnx"),
    )
    named = [c for c in net.heads if c != IDENTITY]  # people stay unnamed
    np.savez(to / "heads.npz", **{c: head(net, c) for c in named})  # type: ignore[arg-type]
    measured = json.loads(calibration.read_text(encoding="utf-8")) if calibration else {}
    about = _about(material, measured, worst)
    about["config"] = json.loads(json.dumps(asdict(config), default=str))
    write_about(to, ["voice.onnx", "face.onnx", "heads.npz"], **about)
    return to


def write(
    net: nn.Module, example: Tensor, name: str, file: Path, output: str = "embedding"
) -> float:
    """One input, one output, any batch; the largest difference between torch and ONNX Runtime."""
    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            net, (example,), dynamo=True, input_names=[name], output_names=[output],
            dynamic_shapes=({0: batch},), verbose=False,
        )  # fmt: skip
    assert program is not None
    onnx.save(in_halves(program.model_proto), str(file))
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    x = torch.cat([example, example[:1]])
    with torch.no_grad():
        worst = float(np.abs(net(x).numpy() - session.run(None, {name: x.numpy()})[0]).max())
    if not worst <= TOLERANCE:
        raise ModelError(f"torch and ONNX Runtime differ by {worst:.1e}; the export is wrong")
    return worst


def _about(material: Material, measured: dict[str, Any], worst: float) -> dict[str, Any]:
    counts = {
        name: {"people": len({side.names[r] for r in side.rows("train")}),
               "items": len(side.rows("train"))}
        for name, side in (("voices", material.voice), ("faces", material.face))
    }  # fmt: skip
    return {
        "architecture": f"DIMNet, covariates {', '.join(material.classes)}",
        "licence": "Apache-2.0",
        "data": ["voices: LibriSpeech, CC BY 4.0", "faces: LFW with gender labels, research use"],
        "trained_on": counts,
        "features": HEARD,
        **_sight(material),
        "covariates": {c: list(v) for c, v in material.classes.items() if c != IDENTITY},
        "onnx_difference": float(f"{worst:.2g}"),
        "calibration": measured.get("calibration", {}),
        "metrics": measured.get("metrics", {}),
    }


def _sight(material: Material) -> dict[str, Any]:
    """What the face net takes: pictures so large, or the templates of one recogniser."""
    if material.templates is None:
        return {"pixels": int(material.pixels.shape[1])}
    made = Recogniser()
    return {"templates": {"model": made.folder.name, "sha256": made.sha256}}


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export dimnet")
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, help="the model's folder; RUN/model if not given")
    parser.add_argument("--calibration", type=Path, help="JSON of training.evaluate dimnet --json")
    args = parser.parse_args(argv)
    tell(str(export(args.run, args.to or args.run / "model", args.calibration)))
