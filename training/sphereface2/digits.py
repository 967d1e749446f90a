"""L-Softmax where it is easily seen: 1,797 digits of 8x8 (scikit-learn), a small net."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training import margins
from training.loop import Run, Schedule, train

from .verdicts import Result


def load(seed: int) -> tuple[Tensor, Tensor, Any]:
    """Pictures (n, 1, 8, 8), labels (n,), and which third is held out."""
    from sklearn.datasets import load_digits  # here: half a second

    found = load_digits()
    pixels = torch.from_numpy((found.images / 8 - 1).astype(np.float32))[:, None]
    held = np.random.default_rng(seed).random(len(pixels)) < 1 / 3
    return pixels, torch.from_numpy(found.target.astype(np.int64)), held


class Net(nn.Module):
    """Two convolutions and a 32-d feature, with the head."""

    def __init__(self, head: margins.Margin) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 16, 3, 1, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, 1, 1), nn.BatchNorm2d(32), nn.ReLU(), nn.Flatten(),
            nn.Linear(512, 32),
        )  # fmt: skip
        self.head = head


def digits(loss: str, m: float | None, folder: Path, seed: int, steps: int) -> Result:
    """One training; error on what was and was not learnt from, and angles of the features."""
    pixels, labels, held = load(seed)
    options = {} if m is None else {"m": m, "annealing": (100.0, 30.0 / steps, 2.0, 0.0)}
    torch.manual_seed(seed)
    net = Net(margins.build(loss, 32, 10, **options))
    learnt = np.flatnonzero(~held)

    def step_loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        net.head.begin(step)
        rows = torch.from_numpy(rng.choice(learnt, 64))
        return {"total": net.head(net.body(pixels[rows]), labels[rows])}

    schedule = Schedule(steps=steps, rate=2e-3, drop_at=0.5, drop=0.02, save_every=steps + 1)
    train(Run(folder, seed, torch.device("cpu"), float("inf")), "digits", net, step_loss, schedule)
    (folder / "digits.pt").unlink()
    return measure(net.eval(), pixels, labels, held)


@torch.no_grad()
def measure(net: Net, pixels: Tensor, labels: Tensor, held: Any) -> Result:
    features = net.body(pixels)
    logits = features @ net.head.weight.T + getattr(net.head, "bias", torch.zeros(()))
    wrong = (logits.argmax(1) != labels).numpy()
    unit = nn.functional.normalize(features[held], dim=1).numpy().astype(np.float64)
    mine = labels[held].numpy()
    same = mine[:, None] == mine[None]
    degrees = np.degrees(np.arccos(np.clip(unit @ unit.T, -1, 1)))
    error = {"train error": float(wrong[~held].mean()), "test error": float(wrong[held].mean())}
    return error | {
        "gap": error["test error"] - error["train error"],
        "intra": float(degrees[same].mean()), "inter": float(degrees[~same].mean()),
        "separation": float(degrees[~same].mean() - degrees[same].mean()),
        "finished": 1.0, "diverged": float(error["train error"] > 0.5),
    }  # fmt: skip
