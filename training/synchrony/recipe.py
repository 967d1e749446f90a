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
from pathlib import Path

import torch

from engine.errors import ConfigError
from training import recipes
from training.loop import Run, pick_device, tell

from .run import Config, fit, saved_config
from .take import Take, read

PEOPLE = "people.json"


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    folder: Path = args.resume or args.to or recipes.new_folder("synchrony")
    config = recipes.configured(Config, args, saved_config, ("set", "data"))
    if args.resume is None:
        recipes.save_config(folder, config)
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
    found = [one for place in said["data"] for one in read(Path(place))]
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
    made = recipes.parser("synchrony", __doc__)
    made.add_argument("--data", type=Path, nargs="+", default=[], metavar="TRACKS")
    made.add_argument("--without", nargs="+", default=[], metavar="PERSON")
    return made.parse_args(argv)
