"""A model folder as a run's nets and data, so that what is measured is what is shipped."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine import config as settings
from engine.errors import ModelError
from engine.model import MODELS, open_model
from engine.types import Floats
from engine.voices.imagine import Imagination
from engine.voices.model import Model

from .data import Material, load
from .run import Config, Generators

NAMED = {"data", "heads", "model", "shapes"}  # of a card; nets may have had other keys then


class _Exported(nn.Module):
    def __init__(self, net: Callable[[Floats], Floats]) -> None:
        super().__init__()
        self.net = net

    def forward(self, embedding: Tensor) -> Tensor:
        return torch.from_numpy(self.net(embedding.numpy()))


def opened(folder: Path | None) -> tuple[Generators, Material]:
    """The nets of a folder (None: the shipped one) and the data that its card names, in the
    numbers of its own space. ModelError, ConfigError where either is not there."""
    found = open_model(folder or MODELS / "voice2face")
    card = found.about.get("config", {})
    if missing := NAMED - set(card):
        raise ModelError(f"{found.path} is no model of Voice2Face: its card lacks {min(missing)}")
    asked = {k: card[k] for k in NAMED}
    config = settings.merge(Config(), asked, f"{found.path}/about.json")
    ears = Path(config.model) if config.model else None
    model = Imagination.load(Model.load(ears), found.path)
    material = load(config.data, Path(config.heads), ears, model.space, config.shapes)

    def faces(embedding: Floats) -> Floats:
        pixels = model.faces(embedding).transpose(0, 3, 1, 2)
        return np.asarray(pixels / 127.5 - 1, np.float32)

    return Generators(_Exported(model.heads), _Exported(faces)), material
