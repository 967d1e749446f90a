"""A voice side that stands: an exported model's voice net and classifiers, for a new face side.

What listens to that voice net, an imagined face above all, then need not be trained again.
"""

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper

from engine.errors import ConfigError
from engine.model import open_model
from engine.types import Floats

from .net import DIMNet, fuse


def stand_on(net: DIMNet, folder: Path) -> None:
    """Takes them over, fused and frozen. ConfigError where they are of other sizes or classes."""
    model = open_model(folder)
    fuse(net.voice.eval())
    kept = onnx.load(str(model.file("voice.onnx"))).graph.initializer
    state = {v.name.removesuffix(".16"): _tensor(numpy_helper.to_array(v)) for v in kept}
    with np.load(model.file("heads.npz")) as heads:
        known = {f"{name}.weight": _tensor(heads[name]) for name in heads.files}
    try:
        own = net.voice.state_dict()
        net.voice.load_state_dict({name: state[name] for name in own})
        net.heads.load_state_dict(known)
    except (KeyError, RuntimeError) as e:
        raise ConfigError(
            f"ears = {folder} is of other sizes or classes than sizes and data.covariates ask for"
        ) from e
    net.voice.requires_grad_(False)
    net.heads.requires_grad_(False)


def _tensor(values: Floats) -> torch.Tensor:
    return torch.from_numpy(np.array(values, np.float32))
