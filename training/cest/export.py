"""A run -> a model folder: two nets of fixed shapes for one picture, and about.json.

`track.onnx` is for every frame (viewpoint, identity, expression), `appearance.onnx` for now and
then (reflectance and light, given what the first one found). Both take the crop as it is: bytes.

The exporter folds each normalisation into its convolution, and the file keeps large weights as
halves. So torch, too, is folded and rounded first: what is compared then is the graph, weight by
weight the same; what the rounding itself changes is told apart from that (`halves_difference`).
"""

import argparse
import copy
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from engine import config as settings
from engine.errors import ConfigError, ModelError
from engine.model import write_about
from training.halves import halve, in_halves
from training.loop import tell

from .net import BASE_VIEW, Cest
from .place import MIDDLE_Y, SIDE
from .shade import DARKEST, GAMMA
from .shape import CENTRE, EXPRESSIONS, UNIT, VIEW, in_range, project
from .steps import Config, load_net, row_name, saved_config

TOLERANCE = 2e-4  # of an output's own size where that is above 1: light has numbers around 4
TRACK, APPEARANCE = "track.onnx", "appearance.onnx"


class Track(nn.Module):
    """pixels (1, s, s, 3) uint8 -> viewpoint (1, 7), identity (1, modes), expression (1, 52)."""

    def __init__(self, net: Cest) -> None:
        super().__init__()
        self.net = net

    def forward(self, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        view, identity, raw = self.net.parameters_of(_shown(pixels))
        return view, identity, raw.clamp(0, 1)


class Appearance(nn.Module):
    """pixels and what Track found -> reflectance (1, t, t, 3) linear in [0, 1], light (1, 9)."""

    def __init__(self, net: Cest) -> None:
        super().__init__()
        self.net = net

    def forward(
        self, pixels: Tensor, viewpoint: Tensor, identity: Tensor, expression: Tensor
    ) -> tuple[Tensor, Tensor]:
        shape = self.net.model(identity, in_range(expression))
        _, reflectance, light = self.net.appearance(_shown(pixels), project(shape, viewpoint))
        return reflectance.permute(0, 2, 3, 1) ** GAMMA, light


def _shown(pixels: Tensor) -> Tensor:
    return pixels.permute(0, 3, 1, 2).float() / 255


def export(
    run: Path, to: Path, figures: Path | None = None, appearance: Path | None = None
) -> Path:
    """Writes both nets of a run, compared with torch, and about.json with evaluate's figures."""
    config, trained = load_net(run, appearance=appearance)
    net = as_stored(trained)
    to.mkdir(parents=True, exist_ok=True)
    nets = {TRACK: Track(net).eval(), APPEARANCE: Appearance(net).eval()}
    off = {name: _written(net, one, to / name) for name, one in nets.items()}
    halves = {
        TRACK: _rounding(trained, Track(trained).eval(), nets[TRACK], TRACK),
        APPEARANCE: _rounding(trained, Appearance(trained).eval(), nets[APPEARANCE], APPEARANCE),
    }
    rows = [row_name(config)] + ([row_name(saved_config(appearance))] if appearance else [])
    more = about(config, net, off, _metrics(config, figures), rows)
    write_about(to, list(nets), **more, halves_difference=_short(halves))
    return to


@torch.no_grad()
def as_stored(trained: Cest) -> Cest:
    """A copy whose numbers are those of the file: normalisations folded, then rounded to halves."""
    net = copy.deepcopy(trained).eval()
    for block in net.modules():
        if isinstance(block, nn.Sequential) and any(isinstance(m, nn.BatchNorm2d) for m in block):
            conv, norm = block[0], block[1]
            assert isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
            block[0], block[1] = fuse_conv_bn_eval(conv, norm), nn.Identity()
    halve(net)
    for value in net.buffers():  # the head's own bases are kept as halves too
        if value.is_floating_point():
            value.copy_(value.half().float())
    return net


def _metrics(config: Config, figures: Path | None) -> dict[str, Any]:
    """This row's of a file that training.evaluate wrote; ConfigError where it is not there."""
    if figures is None:
        return {}
    rows = json.loads(figures.read_text(encoding="utf-8"))
    if row_name(config) not in rows:
        raise ConfigError(f"{figures} has no row '{row_name(config)}'; it has {', '.join(rows)}")
    found: dict[str, Any] = rows[row_name(config)]
    return {n: float(f"{v:.4g}") for n, v in found.items() if np.isfinite(v)}


def _examples(net: Cest, name: str, seed: int = 0) -> dict[str, Tensor]:
    """Inputs of one of the nets."""
    torch.manual_seed(seed)
    side = net.sizes.size
    coarse = torch.rand(1, 3, 8, 8)
    smooth = nn.functional.interpolate(coarse, (side, side), mode="bilinear")
    inputs = {"pixels": (smooth.permute(0, 2, 3, 1) * 255).byte()}
    if name == APPEARANCE:
        inputs["viewpoint"] = torch.tensor([BASE_VIEW]) + 0.05 * torch.randn(1, VIEW)
        inputs["identity"] = torch.randn(1, net.sizes.modes)
        inputs["expression"] = torch.rand(1, EXPRESSIONS) * 0.3
    return inputs


OUTPUTS = {
    TRACK: ("viewpoint", "identity", "expression"),
    APPEARANCE: ("reflectance", "illumination"),
}


def _written(net: Cest, one: nn.Module, file: Path) -> float:
    """Exports one net; the largest difference between torch and ONNX Runtime."""
    example = _examples(net, file.name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            one, tuple(example.values()), dynamo=True, input_names=list(example),
            output_names=list(OUTPUTS[file.name]), verbose=False,
        )  # fmt: skip
    assert program is not None
    onnx.save(in_halves(program.model_proto), str(file))
    return _compare(net, one, file)


@torch.no_grad()
def _compare(net: Cest, one: nn.Module, file: Path) -> float:
    session = ort.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    worst = 0.0
    for seed in range(1, 4):
        inputs = _examples(net, file.name, seed)
        made = one(*inputs.values())
        theirs = session.run(None, {k: v.numpy() for k, v in inputs.items()})
        for a, b in zip(made, theirs, strict=True):
            worst = max(worst, _difference(a.numpy(), b))
    if worst > TOLERANCE:
        raise ModelError(f"torch and ONNX Runtime differ by {worst:.1e} in {file}")
    return worst


@torch.no_grad()
def _rounding(net: Cest, trained: nn.Module, stored: nn.Module, name: str) -> float:
    """What folding and halves change of a net's outputs at most."""
    inputs = _examples(net, name, 1).values()
    pairs = zip(trained(*inputs), stored(*inputs), strict=True)
    return max(_difference(a.numpy(), b.numpy()) for a, b in pairs)


def _difference(ours: NDArray[np.floating], theirs: NDArray[np.floating]) -> float:
    """The largest of numbers, as a share of the largest of them where that is above 1; of a map
    the mean, for a texel that is seen from the very side may face away for one of the two and not
    for the other."""
    off = np.abs(ours - theirs)
    return float(off.mean() if ours.ndim > 2 else off.max() / max(1.0, np.abs(ours).max()))


def _short(values: dict[str, float]) -> dict[str, float]:
    return {k: float(f"{v:.2g}") for k, v in values.items()}


def about(
    config: Config, net: Cest, off: dict[str, float], metrics: dict[str, Any], rows: list[str]
) -> dict[str, Any]:
    """What the engine must know to use the nets, and what a person should.

    rows: which row viewpoint and shape are of, and, where it is another run, the others.
    """
    return {
        "architecture": "CEST (ICCV 2021), see training/cest and docs/cest.md",
        "rows": rows,
        "licence": "Apache-2.0",
        "data": ["Labeled Faces in the Wild", "VoxCeleb clips", "GRID speaker 1 (CC BY 4.0)",
                 "portraits", "glint24", "renders of this project's head"],
        "size": net.sizes.size,
        "texels": net.sizes.texels,
        "modes": net.sizes.modes,
        "independent": net.sizes.independent,
        "crop": {"side_mm": SIDE, "middle_y_mm": MIDDLE_Y},
        "unit_mm": UNIT,
        "centre_mm": list(CENTRE),
        "gamma": GAMMA,
        "darkest": DARKEST,
        "viewpoint": "log scale, rotation vector, translation: head to picture, [-1, 1], y up",
        "illumination": "nine real harmonics, x right, y up, z to the viewer, of linear light",
        "onnx_difference": _short(off),
        "config": settings.as_dict(config),
        "metrics": metrics,
    }  # fmt: skip


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.export cest", description=__doc__)
    parser.add_argument("run", type=Path, help="the run's folder")
    parser.add_argument("--to", type=Path, help="the model's folder; RUN/model if not given")
    parser.add_argument("--figures", type=Path, help="what training.evaluate --json wrote")
    parser.add_argument(
        "--appearance", type=Path, metavar="RUN", help="reflectance and light of it"
    )
    args = parser.parse_args(argv)
    tell(str(export(args.run, args.to or args.run / "model", args.figures, args.appearance)))
