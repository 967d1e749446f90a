"""A run -> a model folder: face.onnx, head.onnx, space.npz and about.json."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.model import MODELS, open_model, write_about
from training.dimnet.export import write
from training.halves import halve
from training.loop import tell

from .data import Material
from .run import Config, material_of, saved_config, trained

FILES = ["face.onnx", "head.onnx", "space.npz"]


class _Face(nn.Module):
    """Pictures as one looks at them: (b, 64, 64, 3) in [0, 1]."""

    def __init__(self, face: nn.Module) -> None:
        super().__init__()
        self.face = face

    def forward(self, embedding: Tensor) -> Tensor:
        made = self.face(embedding).clamp(-1, 1)
        return (made * 0.5 + 0.5).permute(0, 2, 3, 1)


def export(run: Path, material: Material, to: Path, figures: Path | None = None) -> Path:
    """Writes the averaged generators, weights in half precision and computing in single.
    `figures`: of training.evaluate voice2face --json, on people who were held out."""
    config = saved_config(run)
    nets = trained(run, material)
    with torch.no_grad():
        halve(nets.face)
        halve(nets.head)
    to.mkdir(parents=True, exist_ok=True)
    example = F.normalize(torch.randn(2, config.sizes.dim))
    worst = max(
        write(_Face(nets.face), example, "embedding", to / "face.onnx", "pixels"),
        write(nets.head, example, "embedding", to / "head.onnx", "numbers"),
    )
    material.space.save(to / "space.npz")
    measured = json.loads(figures.read_text(encoding="utf-8")) if figures else {}
    about = _about(config, material, worst)
    about |= {"metrics": measured, "config": json.loads(json.dumps(asdict(config), default=str))}
    write_about(to, FILES, **about)
    return to


def _about(config: Config, material: Material, worst: float) -> dict[str, Any]:
    listens = open_model(Path(config.model) if config.model else MODELS / "dimnet")
    sides = {"voices": material.voice, "faces": material.face, "heads": material.heads.side}
    return {
        "architecture": "Voice2Face (NeurIPS 2019), see training/voice2face and docs/voice2face.md",
        "licence": "Apache-2.0",
        "data": ["voices: LibriSpeech, CC BY 4.0", "faces: LFW with gender labels, research use",
                 "heads: those faces as this project's CEST sees them"],
        "labels": f"{material.label}; "
        + ("people with both voice and face" if material.label == "identity" else
           "voices and faces are of different people, who share no more than that"),
        "classes": list(material.classes) if material.label != "identity" else [],
        "trained_on": {
            name: {"people": len({s.names[r] for r in rows}), "items": len(rows)}
            for name, s in sides.items() for rows in [s.rows("train", material.label)]
        },
        "listens": {"voice.onnx": listens.about["files"]["voice.onnx"]},
        "not_for": "finding out who somebody is, or what somebody looks like",
        "onnx_difference": float(f"{worst:.2g}"),
    }  # fmt: skip


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export voice2face")
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, help="the model's folder; RUN/model if not given")
    parser.add_argument("--figures", type=Path, help="JSON of training.evaluate voice2face --json")
    args = parser.parse_args(argv)
    material = material_of(saved_config(args.run))
    tell(str(export(args.run, material, args.to or args.run / "model", args.figures)))
