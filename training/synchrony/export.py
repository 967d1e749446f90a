"""A run -> a model folder: model.onnx and about.json.

python -m training.export synchrony RUN --to DIR [--calibration FILE]

FILE is calibration.json of python -m training.evaluate liveness; without one the engine refuses
the model, for a score that was never measured is no evidence.
"""

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
from torch import Tensor

from engine.errors import ConfigError, ModelError
from engine.model import write_about
from engine.verify.lips import CHANNELS, HEARD, MEL_ROWS, MELS, ROWS
from training.halves import without_notes
from training.loop import tell

from .net import Synchrony
from .recipe import people_of
from .run import saved_config, trained

FILE = "model.onnx"
TOLERANCE = 1e-4


def export(run: Path, to: Path, calibration: dict[str, Any] | None = None) -> Path:
    """Writes the net and what is known of it."""
    net = trained(run)
    to.mkdir(parents=True, exist_ok=True)
    worst = _write(net, to / FILE)
    config = saved_config(run)
    said = calibration or {}
    write_about(
        to, [FILE], architecture="two towers, see training/synchrony and docs/liveness.md",
        licence="Apache-2.0",
        data=["GRID speaker 1 (CC BY 4.0), for the calibration only",
              "VoxCeleb clips and portraits (research use)", "LibriSpeech voices (CC BY 4.0) with "
              "generated lips", "FaceGood's rig weights (MIT)", "renders of this project's head"],
        people=sorted(people_of(run)), features=HEARD,
        onnx_difference=worst, config=asdict(config), **said,
    )  # fmt: skip
    return to


def _write(net: Synchrony, file: Path) -> float:
    """The largest difference between torch and ONNX Runtime."""
    lips, mel = torch.randn(2, ROWS, CHANNELS), torch.randn(2, MEL_ROWS * ROWS, MELS)
    batch = torch.export.Dim("batch", min=1, max=1024)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            net, (lips, mel), dynamo=True, input_names=["lips", "mel"],
            output_names=["seen", "heard"], dynamic_shapes=({0: batch}, {0: batch}), verbose=False,
        )  # fmt: skip
    assert program is not None
    model = program.model_proto
    without_notes(model)
    onnx.save(model, str(file))
    return difference(net, file, torch.cat([lips, lips[:1]]), torch.cat([mel, mel[:1]]))


def difference(net: Synchrony, file: Path, lips: Tensor, mel: Tensor) -> float:
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    found = session.run(None, {"lips": lips.numpy(), "mel": mel.numpy()})
    with torch.no_grad():
        wanted = net(lips, mel)
    worst = max(float(np.abs(a.numpy() - b).max()) for a, b in zip(wanted, found, strict=True))
    if not worst <= TOLERANCE:
        raise ModelError(f"torch and ONNX Runtime differ by {worst:.1e}; the export is wrong")
    return worst


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.export synchrony", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("run", type=Path)
    parser.add_argument("--to", type=Path, required=True)
    parser.add_argument("--calibration", type=Path)
    args = parser.parse_args(argv)
    said = None
    if args.calibration is not None:
        try:
            said = json.loads(args.calibration.read_text(encoding="utf-8"))
        except (OSError, ValueError) as e:
            raise ConfigError(f"{args.calibration} is no calibration: {e}") from e
    tell(f"wrote {export(args.run, args.to, said)}")
