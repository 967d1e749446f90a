"""The one training loop: progress bar, TensorBoard, checkpoints, exact resume, a time limit.

Step k draws everything random from (seed, k), so a resumed run is the same run.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter
from tqdm import tqdm

from engine.errors import ConfigError, DeviceError


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast."""

    steps: int = 1000
    rate: float = 1e-3  # learning rate
    optimiser: Literal["adam", "sgd"] = "adam"
    momentum: float = 0.9  # of sgd
    beta: float = 0.9  # the same of adam; adversaries want less
    decay: float = 0.0  # of weights, as an L2 penalty
    drop_at: float = 0.8  # share of the steps after which the rate falls
    drop: float = 0.1  # by this factor, smoothly (half a cosine) from drop_at to the end
    clip: float = 1.0  # the gradient's norm at most
    log_every: int = 25
    save_every: int = 200
    seconds: float = 0.0  # where not 0: ends after so long, or at `steps`; its rate by the clock

    def factor(self, step: int, gone: float = 0.0) -> float:
        """What the learning rate is multiplied by at `step`, after `gone` seconds of training."""
        warm = min(1.0, (step + 1) / 50)
        share = gone / self.seconds if self.seconds else step / self.steps
        late = (share - self.drop_at) / max(1e-9, 1 - self.drop_at)
        fall = (1 - np.cos(np.pi * min(max(late, 0.0), 1.0))) / 2
        return float(warm * (1 - fall * (1 - self.drop)))

    def optimise(self, net: nn.Module) -> torch.optim.Optimizer:
        wanted = [p for p in net.parameters() if p.requires_grad]
        if self.optimiser == "sgd":
            return torch.optim.SGD(wanted, self.rate, self.momentum, weight_decay=self.decay)
        return torch.optim.Adam(wanted, self.rate, (self.beta, 0.999), weight_decay=self.decay)


@dataclass(frozen=True, slots=True)
class Run:
    """Where a training lives and when it must stop."""

    folder: Path
    seed: int
    device: torch.device
    until: float  # time.monotonic() at which to save and stop
    most: float = float("inf")  # steps of a net after which to do the same


StepLoss = Callable[[int, np.random.Generator], dict[str, Tensor]]  # 'total' is what is minimised


class OutOfTime(Exception):
    """The limit came; the run is saved and can be resumed."""


def tell(text: str) -> None:
    """One line to whoever started the command."""
    print(text)


def pick_device(name: str) -> torch.device:
    """`auto` takes CUDA where there is one; `cuda` without one is an error."""
    there = torch.cuda.is_available()
    if name not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"--device {name}: choose auto, cpu or cuda")
    if name == "cuda" and not there:
        raise DeviceError("no CUDA device here: use --device cpu, or --device auto")
    return torch.device("cuda" if there and name != "cpu" else "cpu")


def train(run: Run, name: str, net: nn.Module, loss: StepLoss, schedule: Schedule) -> None:
    """Minimises `loss` over the net's parameters, from the checkpoint NAME.pt if there is one.

    Under torchrun the first process alone writes; they all go by one clock and stop at the same
    step. What ended by `schedule.seconds` counts as all of its steps.
    """
    optimiser = schedule.optimise(net)
    file = run.folder / f"{name}.pt"
    begin, before = _restore(file, net, optimiser, run.device)
    if begin >= schedule.steps and file.exists():
        return  # where there are no steps, what it began as is written
    net.train()
    meter = _Meter(_board(run.folder, name), schedule.log_every)
    steps = range(begin, schedule.steps)
    bar = tqdm(steps, name, schedule.steps, initial=begin, mininterval=2, disable=not leads())
    start = time.monotonic()
    for step in bar:
        gone, late = _clock(run, before + time.monotonic() - start)
        if schedule.seconds and gone >= schedule.seconds:
            break
        if late or step - begin >= run.most:
            _save(file, net, optimiser, step, gone)
            raise OutOfTime
        torch.manual_seed(run.seed * 1_000_003 + step)
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate * schedule.factor(step, gone)
        parts = loss(step, np.random.default_rng([run.seed, step]))
        optimiser.zero_grad(set_to_none=True)
        parts["total"].backward()
        nn.utils.clip_grad_norm_(net.parameters(), schedule.clip)
        optimiser.step()
        meter.add(step, parts, bar)
        if (step + 1) % schedule.save_every == 0:
            _save(file, net, optimiser, step + 1, gone)
    _save(file, net, optimiser, schedule.steps, before + time.monotonic() - start)
    meter.close()


def leads() -> bool:
    """Whether this process writes: always, but for the second and later ones of torchrun."""
    return not dist.is_initialized() or dist.get_rank() == 0


def _clock(run: Run, gone: float) -> tuple[float, bool]:
    """Seconds of training and whether the run must stop: the same in all processes."""
    late = time.monotonic() > run.until
    if not dist.is_initialized():
        return gone, late
    most = torch.tensor([gone, late], dtype=torch.float32, device=run.device)
    dist.all_reduce(most, dist.ReduceOp.MAX)
    return float(most[0]), bool(most[1] > 0)


def _board(folder: Path, name: str) -> SummaryWriter | None:
    return SummaryWriter(str(folder / "board" / name)) if leads() else None


class _Meter:
    """Writes smoothed losses to TensorBoard and the bar."""

    def __init__(self, writer: SummaryWriter | None, every: int) -> None:
        self.writer, self.every = writer, every
        self._sums: dict[str, Tensor] = {}  # on the device: nobody waits until they are told
        self._count = 0

    def add(self, step: int, parts: dict[str, Tensor], bar: "tqdm[int]") -> None:
        for name, value in parts.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach()
        self._count += 1
        if self._count == self.every:
            means = {name: float(total) / self._count for name, total in self._sums.items()}
            for name, mean in means.items():
                self._write(name, mean, step + 1)
            shown = {name: f"{mean:.4f}" for name, mean in means.items()}
            bar.set_postfix(shown, refresh=False)
            self._sums, self._count = {}, 0

    def _write(self, name: str, value: float, step: int) -> None:
        if self.writer:
            self.writer.add_scalar(name, value, step)

    def close(self) -> None:
        if self.writer:
            self.writer.close()


def _save(
    file: Path, net: nn.Module, optimiser: torch.optim.Optimizer, step: int, gone: float
) -> None:
    """Written beside and then moved, so that a killed run leaves a whole checkpoint."""
    if not leads():
        return
    beside = file.with_suffix(".new")
    held = {"net": net.state_dict(), "optimiser": optimiser.state_dict()}
    torch.save(held | {"step": step, "seconds": gone}, beside)
    beside.replace(file)


def _restore(
    file: Path, net: nn.Module, optimiser: torch.optim.Optimizer, device: torch.device
) -> tuple[int, float]:
    """Steps and seconds that the checkpoint has seen."""
    if not file.exists():
        return 0, 0.0
    saved = torch.load(file, map_location=device, weights_only=True)
    net.load_state_dict(saved["net"])
    optimiser.load_state_dict(saved["optimiser"])
    return int(saved["step"]), float(saved.get("seconds", 0.0))
