"""Learns to read lids and lips from patches: python -m training.fit fine [--data DIR] [--to DIR].

Cross-validated first: each person's clips are judged by nets that never saw that person; then the
nets that are written see everybody.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from engine.errors import ConfigError
from engine.model import write_about
from engine.track.fine import OPEN, SHUT
from engine.types import Floats
from training.cest.measure import blink_counts, correlation, mouth_opening
from training.cest.sources import data_root
from training.loop import tell

from .data import Clip, gather, load

HIDDEN, STEPS, BATCH, RATE, DECAY = 24, 700, 256, 3e-3, 0.05
ROUNDS = 3  # of patches cut at random beside
NOISE = 0.15  # of a patch's own spread
FOLDS = 5
MOUTH = (
    3.0  # what differences of the mouth's opening are multiplied by, to be about as large as lids'
)


Samples = tuple[Tensor, Tensor]  # patches (n, h * w), and what they tell (n,)


def samples(clip: Clip) -> dict[str, Samples]:
    """How far each eye is open; how much further than the nets say the mouth is."""
    rng = np.random.default_rng(0)
    eyes, lips = zip(*(clip.looks(rng) for _ in range(ROUNDS)), strict=True)
    off = (clip.mouth - mouth_opening(clip.marks)) * MOUTH
    mirrored = [part[..., ::-1] for part in lips]
    return {
        "eye": _flat(np.concatenate(eyes), np.concatenate([clip.lids] * ROUNDS)),
        "lips": _flat(np.concatenate([*lips, *mirrored]), np.concatenate([off] * 2 * ROUNDS)),
    }


def _flat(looks: Floats, told: Floats) -> Samples:
    told = told.reshape(-1).astype(np.float32)
    return torch.from_numpy(looks.reshape(len(told), -1)), torch.from_numpy(told)


def together(parts: Sequence[Samples]) -> Samples:
    return torch.cat([looks for looks, _ in parts]), torch.cat([told for _, told in parts])


def rare(values: Tensor) -> Tensor:
    """How much each counts: shut eyes and open mouths are few."""
    edges = np.linspace(float(values.min()), float(values.max()), 13)
    place = np.clip(np.digitize(values.numpy(), edges) - 1, 0, 11)
    weight = 1 / np.sqrt(np.bincount(place, minlength=12)[place] + 50)
    return torch.from_numpy((weight / weight.mean()).astype(np.float32))


def fitted(looks: Tensor, opened: Tensor, steps: int = STEPS) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Linear(looks.shape[1], HIDDEN), nn.ReLU(), nn.Dropout(0.2), nn.Linear(HIDDEN, 1)
    )
    optimiser, counts = torch.optim.AdamW(net.parameters(), RATE, weight_decay=DECAY), rare(opened)
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / steps)
        pick = torch.randint(len(looks), (BATCH,))
        seen = looks[pick] + NOISE * torch.randn(BATCH, looks.shape[1])
        loss = (counts[pick] * (net(seen)[:, 0] - opened[pick]).abs()).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return net.eval()


@torch.no_grad()
def asked(net: nn.Module, looks: Floats) -> Floats:
    return np.asarray(net(torch.from_numpy(looks.reshape(len(looks), -1)))[:, 0].numpy())


def judged(clip: Clip, eye: nn.Module, lips: nn.Module) -> dict[str, Any]:
    """One clip's figures, of the nets and of the tracker without them."""
    eyes, mouth = clip.looks()
    opening = asked(eye, eyes.reshape(-1, *eyes.shape[2:])).reshape(-1, 2).mean(1)
    # as the engine takes it: from SHUT on an eye counts as shut, and the teacher's at 0.2
    opening = opening / np.percentile(opening, 80)
    opening = 1 - (1 - opening) * 0.8 / (1 - SHUT) * (opening < OPEN)
    before = mouth_opening(clip.marks)
    true, wide = clip.lids.mean(1), before + asked(lips, mouth) / MOUTH
    blinks, hit = blink_counts(opening, true)
    seen, right = blink_counts(true, opening)
    return {
        "blinks": blinks, "hit": hit, "false": seen - right,
        "eyes": correlation(opening, true), "mouth": correlation(wide, clip.mouth),
        "mouth before": correlation(before, clip.mouth),
        "opened": np.stack([wide, before, clip.mouth]),
    }  # fmt: skip


def cross_validate(clips: Sequence[Clip], steps: int = STEPS) -> dict[str, float]:
    """Everybody judged by nets that never saw them."""
    people = sorted({clip.person for clip in clips})
    rows, told = [], [samples(clip) for clip in tqdm(clips, "patches")]
    for fold in range(min(FOLDS, len(people))):
        held = set(people[fold::FOLDS])
        rest = [one for c, one in zip(clips, told, strict=True) if c.person not in held]
        eye, lips = (fitted(*together([one[k] for one in rest]), steps) for k in ("eye", "lips"))
        rows += [judged(clip, eye, lips) for clip in clips if clip.person in held]
    wide, before, true = np.concatenate([row["opened"] for row in rows], 1)
    total = {k: float(sum(row[k] for row in rows)) for k in ("blinks", "hit", "false")}
    means = {
        k: float(np.nanmedian([r[k] for r in rows])) for k in ("eyes", "mouth", "mouth before")
    }
    return total | {f"{k} correlation": v for k, v in means.items()} | {
        "mouth amplitude": float(np.polyfit(true, wide, 1)[0]),
        "mouth amplitude before": float(np.polyfit(true, before, 1)[0]),
    }  # fmt: skip


def write(clips: Sequence[Clip], to: Path, figures: dict[str, float], steps: int = STEPS) -> None:
    """The nets of all clips as fine.npz with its about.json."""
    arrays: dict[str, Any] = {}
    told = [samples(clip) for clip in clips]
    for kind, scale in (("eye", 1.0), ("lips", MOUTH)):
        net = fitted(*together([one[kind] for one in told]), steps)
        first, last = net[0], net[3]
        assert isinstance(first, nn.Linear) and isinstance(last, nn.Linear)
        parts = first.weight.T, first.bias, last.weight.T / scale, last.bias / scale
        arrays |= {f"{kind}{n}": p.detach().numpy().astype(np.float32) for n, p in enumerate(parts)}
    to.mkdir(parents=True, exist_ok=True)
    np.savez(to / "fine.npz", **arrays)
    write_about(
        to, ["fine.npz"], architecture="patch, 24 hidden units, opening; see training/fine",
        licence="Apache-2.0", data=["VoxCeleb clips", "GRID speaker 1 (CC BY 4.0)", "portraits"],
        metrics={k: float(f"{v:.3g}") for k, v in figures.items()},
        people=len({clip.person for clip in clips}),
    )  # fmt: skip


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m training.fit fine", description=__doc__)
    parser.add_argument("--source", type=Path, help="the folder of recordings")
    parser.add_argument("--teachers", type=Path, help="the folder of the teachers' wheels")
    parser.add_argument("--data", type=Path, default=Path("runs/fine-data"), help="tracked clips")
    parser.add_argument("--every", type=int, default=6, help="take every so many clips")
    parser.add_argument("--to", type=Path, default=Path("runs/fine"))
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    if not any(args.data.glob("*.npz")):
        gather(data_root(args.source), args.data, args.teachers, args.every)
    clips = load(args.data)
    if len({clip.person for clip in clips}) < 2:
        raise ConfigError(f"{args.data} has too few people to learn from: two at least")
    figures = cross_validate(clips)
    tell("\n".join(f"{k:28}{v:8.2f}" for k, v in figures.items()))
    write(clips, args.to, figures)
    tell(f"written to {args.to}")
