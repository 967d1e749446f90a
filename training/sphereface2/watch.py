"""Looks at the dev people while a net learns: dev.jsonl, a line a look."""

import json
import time
from copy import deepcopy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from engine.types import Floats

from . import measures, protocols
from .net import embeddings
from .whiten import whiten

if TYPE_CHECKING:
    from .run import Config, Material


class Watch:
    """What a run's net says of people that it does not learn from. Nobody of the test people."""

    def __init__(self, folder: Path, config: "Config", material: "Material") -> None:
        self.file, self.size = folder / "dev.jsonl", config.sizes.size
        self.dev, self.learnt = material.dev, material.faces
        self.targets, self.began = material.targets, time.monotonic()
        self.pairs = protocols.everyone(self.dev)

    def look(self, step: int, net: nn.Module) -> None:
        """Adds a line: as it is, with the mirrored picture, and whitened."""
        kept = deepcopy(net).eval()
        alone, both = (embeddings(kept, self.dev.pixels, self.size, flip) for flip in (False, True))
        page = {"step": step, "minutes": round((time.monotonic() - self.began) / 60, 2),
                "to teacher": self._near(both), "alone": self._rates(alone),
                "mirrored": self._rates(both)}  # fmt: skip
        if self.learnt.counts.max() >= 3:
            whiten(kept, self.learnt, self.size)
            white = embeddings(kept, self.dev.pixels, self.size)
            page["whitened"] = self._rates(white)
        with self.file.open("a", encoding="utf-8") as out:
            out.write(json.dumps(page) + "\n")

    def _near(self, e: Floats) -> float | None:
        """Mean cosine to what the teacher says of the stored crops."""
        if self.targets is None or self.dev.teacher is None or e.shape[1] != 128:
            return None
        said = self.targets.of(torch.from_numpy(self.dev.teacher)).numpy()
        return round(float(np.nanmean((said * e).sum(1))), 4)

    def _rates(self, e: Floats) -> dict[str, Any]:
        curve = measures.curve(protocols.scores(self.dev, self.pairs, e))
        found = {"eer": curve.eer} | {f"tar {r:g}": curve.tar(r) for r in measures.RATES[1:]}
        return {k: round(100 * v, 2) for k, v in found.items()}
