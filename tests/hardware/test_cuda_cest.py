"""A step of CEST on a GPU is that of the CPU: the same losses, the same way down."""

import pytest
import torch

if not torch.cuda.is_available():
    pytest.skip("no CUDA device here", allow_module_level=True)

import json
from pathlib import Path

import numpy as np

from engine import config as settings
from training.cest import data, place, steps
from training.cest.render_synthetic import render_told
from training.cest.sources import PAGE

TINY = Path(__file__).parents[2] / "configs/train/cest-tiny.toml"


def test_step_on_cuda_is_the_cpus(tmp_path: Path) -> None:
    torch.backends.cudnn.allow_tf32 = False
    render_told(tmp_path, 40, people=2, workers=1)
    (tmp_path / PAGE).write_text(json.dumps({"size": 40, "room": place.ROOM}))
    config = settings.load(steps.Config, TINY, ["weights.truth=1"])
    faces = data.load(tmp_path, "train")
    parts, ways = [], []
    for name in ("cpu", "cuda"):
        device = torch.device(name)
        net = steps.new_net(config).to(device)
        made = steps.Trainer(config, net, faces, device).second(0, np.random.default_rng(0))
        made["total"].backward()
        parts.append({k: float(v.detach()) for k, v in made.items()})
        ways.append(
            torch.cat([p.grad.cpu().flatten() for p in net.parameters() if p.grad is not None])
        )
    assert parts[0] == pytest.approx(parts[1], rel=1e-3)
    assert float((ways[0] - ways[1]).norm() / ways[0].norm()) < 0.01
