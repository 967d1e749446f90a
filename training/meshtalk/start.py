"""Beginning from a shipped model: its audio encoder and decoder, in another data set's space.

The exported step has both nets' weights; the expression encoder and the fusion, which choose codes
while training, are not in it and are learnt anew. For the first `hold` steps they alone learn, so
that the gradient of codes not yet chosen well does not undo what the decoder knows.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F

from engine.errors import ConfigError
from engine.model import open_model
from engine.types import Floats

from .net import MeshTalk
from .space import Space


@dataclass(frozen=True, slots=True)
class Start:
    """Which model to begin from; no model: from random weights."""

    model: Path | None = None
    hold: int = 300  # steps for which the model's own nets stay as they are

    def held(self, net: nn.Module, step: int) -> None:
        """Lets the model's nets learn from step `hold` on."""
        if self.model is not None and isinstance(net, MeshTalk):
            for part in (net.audio, net.decoder):
                part.requires_grad_(step >= self.hold)


# Matrices that the exporter has turned and renamed, in the order in which the step uses them.
TURNED = ("audio.last", "decoder.fuse_codes", "decoder.up.0", "decoder.up.1", "decoder.last")


def begin(net: MeshTalk, space: Space, model: Path) -> None:
    """Puts a shipped model's audio encoder and decoder into `net`, whose motion is in `space`.

    ConfigError where its sizes or its templates are other ones than the net's.
    """
    folder = open_model(model)
    theirs, ours, told = folder.about["sizes"], net.sizes, folder.about.get("manners", [])
    if told not in ([], list(space.manners)):
        raise ConfigError(f"{model} has the manners {', '.join(told)}: learn the same, in order")
    faces = {"templates": ours.templates - ours.manners + len(told)}
    for name in ("templates", "heads", "classes", "width"):
        if theirs[name] != (wanted := faces.get(name, getattr(ours, name))):
            raise ConfigError(f"{model} has {name} = {theirs[name]}, the net {wanted}")
    with np.load(folder.file("space.npz")) as file:
        modes, templates = file["modes"].astype(np.float32), file["template_modes"]
        spread = file["template_spread"]
    _check_templates(templates, spread, space, model)
    found = weights(folder.file("model.onnx"))
    turned = change(modes, found.pop("spread"), space)
    for name in ("decoder.last.weight", "decoder.last.bias"):
        found[name] = turned @ found[name]
    into = found["decoder.encode.0.weight"]  # a manner it was never told changes nothing yet
    found["decoder.encode.0.weight"] = F.pad(into, (0, ours.templates - into.shape[1]))
    for part in ("audio", "decoder"):
        own = {k.removeprefix(f"{part}."): v for k, v in found.items() if k.startswith(part)}
        getattr(net, part).load_state_dict(own)


def change(modes: Floats, spread: Tensor, space: Space) -> Tensor:
    """(k, k') that takes whitened coordinates along `modes` (k', v, 3) to those of `space`."""
    flat = space.modes.reshape(len(space.modes), -1) @ modes.reshape(len(modes), -1).T
    return torch.from_numpy(flat / space.spread[:, None]) * spread


def weights(file: Path) -> dict[str, Tensor]:
    """The exported step's weights by the names that they have in the nets, and its `spread`."""
    graph = onnx.load(str(file)).graph
    found: dict[str, Tensor] = {}
    unnamed = []
    for value in graph.initializer:
        array = torch.from_numpy(numpy_helper.to_array(value).astype(np.float32))
        name = value.name.removesuffix(".16")
        if name.startswith("val_") and array.ndim == 2:
            unnamed.append(array.T.contiguous())
        elif name.startswith(("audio.", "decoder.", "cells.", "spread")):
            found[name] = array
    found |= {f"{n}.weight": a for n, a in zip(TURNED, unnamed, strict=True)}
    return _recurrent(found)


def _recurrent(found: dict[str, Tensor]) -> dict[str, Tensor]:
    """The step's cells as torch's LSTM layers, whose two biases only ever count as their sum."""
    for layer in range(2):
        cell = {n: found.pop(f"cells.{layer}.{n}") for n in ("into", "back", "bias")}
        found[f"decoder.lstm.weight_ih_l{layer}"] = cell["into"]
        found[f"decoder.lstm.weight_hh_l{layer}"] = cell["back"]
        found[f"decoder.lstm.bias_ih_l{layer}"] = cell["bias"]
        found[f"decoder.lstm.bias_hh_l{layer}"] = torch.zeros_like(cell["bias"])
    return found


def _check_templates(modes: Floats, spread: Floats, space: Space, model: Path) -> None:
    a, b = (m.reshape(len(m), -1).astype(np.float32) for m in (modes, space.template_modes))
    same = np.abs((a * b).sum(1) - 1).max() < 0.01 and np.allclose(
        spread, space.template_spread, rtol=0.01
    )
    if not same:
        raise ConfigError(f"{model} was made with other faces: begin without start.model")
