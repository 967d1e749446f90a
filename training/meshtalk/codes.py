"""Do the codes keep what is heard apart from what is not? Their perplexity (paper, section 5)."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from . import data
from .recorded import Values
from .steps import Trained, encode, load_run, run_data

CROP = 64  # frames


def perplexity(run: Path, part: str = "test") -> Values:
    """A run's codes on data never trained on: how surprising they are, a head, given the own
    sound and given another moment's. The closer both, the less the code says of the sound."""
    trained = load_run(run)
    motions = data.load(run_data(run, trained.config.data), part)
    audio, labels = encode(trained.first, motions, torch.device("cpu"), trained.config.lookahead)
    told = torch.from_numpy(motions.template[:1])  # all clips of a part are in one manner
    audio = trained.second.heard(audio[None], told)[0].detach()
    own = surprise(trained, labels, audio)
    other = surprise(trained, labels, audio.roll(len(audio) // 2, 0))
    return {
        "perplexity": own, "perplexity, another's sound": other,
        "classes in use": in_use(labels),
    }  # fmt: skip


@torch.no_grad()
def surprise(trained: Trained, labels: Tensor, audio: Tensor) -> float:
    """exp of the mean negative log-likelihood a head."""
    count = len(labels) // CROP
    each = [
        float(trained.second.loss(labels[i : i + CROP][None], audio[i : i + CROP][None]))
        for i in range(0, count * CROP, CROP)
    ]
    return float(np.exp(np.mean(each)))


def in_use(labels: Tensor) -> float:
    """exp of the entropy of a head's classes, mean over heads."""
    found = []
    for h in range(labels.shape[1]):
        share = torch.bincount(labels[:, h]).float() / len(labels)
        share = share[share > 0]
        found.append(float(torch.exp(-(share * share.log()).sum())))
    return float(np.mean(found))
