"""Trains the net that hears whether lips go with the sound.

python -m training.fit synchrony --data TRACKS... [--without PERSON...] [--config F] [--set a.b=c]
python -m training.fit synchrony --resume DIR

TRACKS are folders of python -m training.prepare synchrony, of training.synchrony.rendered, or data
sets of motion such as python -m training.prepare speech makes. --without keeps people (or all of
a data set, by its prefix) out, so that they can be reported.
"""

import argparse
import json
import time
from datetime import UTC, datetime
from pathlib import Path

import torch

from engine import config as settings
from engine.errors import ConfigError
from training.loop import Run, pick_device, tell

from .data import Take, takes
from .run import Config, fit, save_config, saved_config

PEOPLE = "people.json"


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    folder: Path = (
        args.resume or args.to or Path("runs") / f"synchrony-{datetime.now(UTC):%Y%m%d-%H%M%S}"
    )
    config = _config(args)
    if args.resume is None:
        save_config(folder, config)
        _write_sources(folder, args.data, args.without)
    torch.set_num_threads(args.threads)
    until = time.monotonic() + 60 * args.minutes
    run = Run(folder, config.seed, pick_device(args.device), until)
    shown = sources(folder)
    people = sorted({one.person for one in shown})
    (folder / PEOPLE).write_text(json.dumps(people, indent=1), encoding="utf-8")
    if fit(config, run, shown):
        tell(f"finished in {folder}; next: python -m training.export synchrony {folder} --to DIR")
    else:
        tell(f"stopped by the time limit; go on with --resume {folder}")


def people_of(folder: Path) -> set[str]:
    """Whom a run was trained on, who must not be reported."""
    try:
        return set(json.loads((folder / PEOPLE).read_text(encoding="utf-8")))
    except (OSError, ValueError) as e:
        raise ConfigError(f"{folder} holds no run of synchrony: {PEOPLE} cannot be read") from e


def sources(folder: Path) -> list[Take]:
    """What a run is trained on; ConfigError where nobody is left."""
    said = json.loads((folder / "sources.json").read_text(encoding="utf-8"))
    found = [one for place in said["data"] for one in takes(Path(place))]
    kept = [one for one in found if not one.person.startswith(tuple(said["without"]))]
    if not kept:
        raise ConfigError("nobody is left to train on; give more --data, or less --without")
    return kept


def _write_sources(folder: Path, data: list[Path], without: list[str]) -> None:
    if not data:
        raise ConfigError(
            "give --data TRACKS: folders made by python -m training.prepare synchrony"
        )
    said = {"data": [str(place.resolve()) for place in data], "without": without}
    (folder / "sources.json").write_text(json.dumps(said, indent=2), encoding="utf-8")


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.fit synchrony", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--data", type=Path, nargs="+", default=[], metavar="TRACKS")
    add("--without", nargs="+", default=[], metavar="PERSON")
    add("--config", type=Path, default=Path("configs/train/synchrony.toml"))
    add("--set", action="append", default=[], metavar="a.b=c")
    add("--to", type=Path, metavar="DIR", help="the run's folder; runs/synchrony-TIME")
    add("--resume", type=Path, metavar="DIR", help="go on with this run")
    add("--minutes", type=float, default=float("inf"), help="save and stop after")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--threads", type=int, default=2)
    return parser.parse_args(argv)


def _config(args: argparse.Namespace) -> Config:
    if args.resume is None:
        return settings.load(Config, args.config, args.set)
    if args.set or args.data:
        raise ConfigError("--set and --data change nothing in a resumed run; start a new one")
    return saved_config(args.resume)
