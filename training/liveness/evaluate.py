"""How often attacks get past the engine, and how often people who are there are kept out.

python -m training.evaluate liveness --data TRACKS... --net RUN --to DIR [--calibrate TRACKS...]

TRACKS are folders of python -m training.prepare synchrony (or training.synchrony.rendered); photos
made of the same videos lie in TRACKS-still. Whoever the net was trained on is left out; everybody
is judged by a calibration that other folders' people gave. DIR/liveness.json holds the figures of
every person, attack and length; liveness.png shows them; calibration.json is learnt from all, or
from the folders of --calibrate: people who are drawn, say, may be seen better than anybody is.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from engine.errors import ConfigError
from engine.types import Floats
from engine.verify.lips import Block, correlation, diagonals, levelled
from engine.verify.synchrony import KINDS, TOGETHER, Judges, Sums, motion
from training.loop import tell
from training.synchrony.data import STILL, takes
from training.synchrony.net import Synchrony
from training.synchrony.recipe import people_of
from training.synchrony.run import trained
from training.synchrony.take import Take

from .judge import BLOCKS, ENOUGH, MISSED, SECONDS, learn, unbounded
from .picture import picture
from .trials import ATTACKS, STOPPED, Judge, Person, people, windows

WINDOWS = 600  # of an attack and length, of a folder's people together
BOUNDS = {"still": 0.02, "swapped": 0.10, "delayed": 0.20}  # APCER at 12 s

Row = dict[str, Any]


def judge_of(net: Synchrony) -> Judge:
    """One block's say, by the torch net."""

    def vectors(lips: Floats, mel: Floats) -> tuple[Floats, Floats]:
        with torch.no_grad():
            seen, heard = net(torch.from_numpy(lips[None]), torch.from_numpy(levelled(mel)[None]))
        return seen[0].numpy(), heard[0].numpy()

    def say(block: Block, spoken: bool) -> Sums:
        none, moved = Sums.none(), motion(block)
        if not spoken:
            return Sums(1, 0, none.lips, none.synchrony, moved)
        agrees = correlation(block.lips[:, -1], block.foretold)
        return Sums(1, 1, agrees, diagonals(*vectors(block.lips, block.mel)), moved)

    return say


def everybody(folders: Sequence[Path], run: Path) -> list[Person]:
    """People whom the net has not seen; ConfigError where none is left."""
    trained_on = people_of(run)
    judge = judge_of(trained(run))
    found = {folder: [t for t in takes(folder) if t.person not in trained_on] for folder in folders}
    voices = [take for theirs in found.values() for take in _some(theirs)]
    made: list[Person] = []
    for folder, theirs in tqdm(found.items(), "judging", mininterval=5):
        still = folder.with_name(folder.name + STILL)
        photos = takes(still) if still.is_dir() else []
        made += people(folder.name, theirs, photos, voices, judge)
    if len({p.group for p in made}) < 2:
        raise ConfigError("give --data of two kinds of people at least: one judges by the other")
    return made


def _some(theirs: list[Take], each: int = 4) -> list[Take]:
    """A few takes of each person, to lend their voices."""
    names = sorted({t.person for t in theirs})
    return [t for name in names for t in [t for t in theirs if t.person == name][:each]]


def evaluate(found: Sequence[Person], by: Sequence[str]) -> dict[str, Any]:
    """Figures by person and by folder, and the calibration that the people of folders `by` give."""
    rows: list[Row] = []
    for group in dict.fromkeys(p.group for p in found):
        said = learn([p for p in found if p.group != group])
        theirs = [p for p in found if p.group == group]
        rows += _rows(group, theirs, said)
    if not (chosen := [p for p in found if p.group in by]):
        raise ConfigError(f"--calibrate {' '.join(by)}: nobody of --data is left to learn from")
    return {"rows": rows, "gate": gate(rows), "calibration": learn(chosen)}


def _rows(group: str, theirs: Sequence[Person], said: dict[str, Any]) -> list[Row]:
    """A row for the whole folder, and one for each person."""
    rng, weigh = np.random.default_rng(1), unbounded(said)
    rows = []
    for blocks, seconds in zip(BLOCKS, SECONDS, strict=True):
        long = [p for p in theirs if len(p.bona_fide) >= blocks]
        each = -(-WINDOWS // max(len(long), 1))
        scores = {
            (p.name, attack): _scores(windows(p, attack, blocks, each, rng), weigh)
            for p in theirs for attack in ("", *ATTACKS)
        }  # fmt: skip
        for names in ([p.name for p in theirs], *([p.name] for p in theirs if len(theirs) > 1)):
            label = "all" if len(names) > 1 or len(theirs) == 1 else names[0]
            rows.append({"folder": group, "person": label, "seconds": seconds}
                        | _row(scores, names, said, theirs, blocks))  # fmt: skip
    return rows


def _scores(made: list[Sums], weigh: Judges) -> Floats:
    """(n, kinds + 1)."""
    kinds = (*KINDS, TOGETHER)
    found = [[weighed[k] for k in kinds] for weighed in map(weigh, made)]
    return np.array(found, np.float32).reshape(-1, len(kinds))


def _row(
    scores: dict[tuple[str, str], Floats], names: Sequence[str], said: dict[str, Any],
    theirs: Sequence[Person], blocks: int,
) -> Row:  # fmt: skip
    """APCER of each attack at BPCER 5 %, for all kinds together and for each alone."""
    own = np.concatenate([scores[name, ""] for name in names])
    if not len(own):
        return {"windows": 0}
    lines = np.quantile(own, MISSED, axis=0)
    row: Row = {
        "windows": len(own), "bpcer_fixed": round(float((own[:, -1] < said["accept"]).mean()), 4),
        "disjoint": sum(len(p.bona_fide) for p in theirs if p.name in names) // blocks,
    }  # fmt: skip
    for attack in ATTACKS:
        got = np.concatenate([scores[name, attack] for name in names])
        if len(got):
            row[attack] = {
                "windows": len(got), "apcer": _rate(got[:, -1] >= lines[-1]),
                "apcer_fixed": _rate(got[:, -1] >= said["accept"]),
                **{k: _rate(got[:, j] >= lines[j]) for j, k in enumerate(KINDS)},
            }  # fmt: skip
    return row


def _rate(passed: "np.ndarray[Any, np.dtype[np.bool_]]") -> float:
    return round(float(passed.mean()), 4)


def gate(rows: Sequence[Row]) -> dict[str, bool]:
    """Whether each folder holds the bounds at 12 seconds, with 300 windows of each."""
    at = SECONDS[BLOCKS.index(ENOUGH)]
    held = {}
    for row in rows:
        if row["person"] == "all" and row["seconds"] == at and row["windows"]:
            held[row["folder"]] = all(
                a in row and row[a]["windows"] >= 300 and row[a]["apcer"] <= most
                for a, most in BOUNDS.items()
            ) and row["windows"] >= 300  # fmt: skip
    return held


def table(rows: Sequence[Row]) -> list[str]:
    """As Markdown: APCER in per cent at BPCER 5 %."""
    head = ["folder", "person", "s", "windows", *STOPPED, "replay", "BPCER at the others' line"]
    lines = [" | ".join(head), " | ".join(["---"] * len(head))]
    for row in rows:
        if row["windows"]:
            rates = [f"{100 * row[a]['apcer']:.1f}" if a in row else "-" for a in ATTACKS]
            cells = [row["folder"], row["person"], row["seconds"], row["windows"], *rates,
                     f"{100 * row['bpcer_fixed']:.1f}"]  # fmt: skip
            lines.append(" | ".join(map(str, cells)))
    return [f"| {line} |" for line in lines]


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate liveness", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("--data", type=Path, nargs="+", required=True, metavar="TRACKS")
    parser.add_argument("--net", type=Path, required=True, metavar="RUN")
    parser.add_argument("--to", type=Path, required=True, metavar="DIR")
    parser.add_argument("--calibrate", type=Path, nargs="+", metavar="TRACKS", help="all of --data")
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    chosen = args.calibrate or args.data
    if not {f.resolve() for f in chosen} <= {f.resolve() for f in args.data}:
        raise ConfigError("--calibrate takes folders of --data alone")
    by = [folder.name for folder in chosen]
    found = evaluate(everybody(args.data, args.net), by)
    args.to.mkdir(parents=True, exist_ok=True)
    figures = {k: found[k] for k in ("rows", "gate")}
    (args.to / "liveness.json").write_text(json.dumps(figures, indent=1), encoding="utf-8")
    said = {"calibration": found["calibration"], "metrics": found["gate"]}
    (args.to / "calibration.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    picture(found["rows"], args.to / "liveness.png")
    for line in table(found["rows"]):
        tell(line)
    for folder, held in found["gate"].items():
        tell(f"{folder}: the bounds at 12 s are {'held' if held else 'NOT held'}")
