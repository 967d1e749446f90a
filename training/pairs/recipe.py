"""Trains, on made-up people, DIMNet with several sets of covariates and a network of pairs.

As in the papers that train on pairs, those begin with towers that know something: of DIMNet-G.

python -m training.fit pairs --data runs/pairs --to runs/study  # stopped, it goes on
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch

from engine import config as settings
from engine.errors import ConfigError
from training import recipes
from training.dimnet.config import Config
from training.dimnet.run import fit, material_of
from training.loop import Run, pick_device, tell

from .link import CLASSES

CONFIG = Path("configs/train/dimnet-pairs.toml")
NAMES = {c[0].upper(): c for c in ("identity", *CLASSES)}
SHARES = ("100", "10", "30")
WANTED = ("G", "pairs", "IG", "I", "IGABS", "GABS", "IGS")


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    plain = settings.load(Config, args.config, args.set)
    wanted = args.only or [f"{n}-{s}" for s in SHARES for n in WANTED]
    configs = {name: variant(plain, name, args.data, args.to) for name in wanted}
    until = time.monotonic() + 60 * args.minutes
    for name, config in configs.items():
        if not one(config, args.to / name, args.device, until):
            tell(f"stopped by the time limit; go on with the same command: {args.to}")
            return
    tell(f"finished: {', '.join(configs)} in {args.to}")


def _arguments(argv: list[str]) -> argparse.Namespace:
    made = recipes.parser("pairs", __doc__, resume=False)
    made.set_defaults(config=CONFIG, to=Path("runs/study"))
    add = made.add_argument
    add("--data", type=Path, default=Path("runs/pairs"), help="of training.prepare pairs")
    add("--only", action="append", metavar="NAME-SHARE", help="IG-100, pairs-10, ...; repeat")
    return made.parse_args(argv)


def variant(plain: Config, name: str, data: Path, to: Path) -> Config:
    """Of a name such as IG-30 (30 % of the people) or pairs-100, which begins with G-100."""
    letters, _, share = name.partition("-")
    pairs = letters == "pairs"
    known = pairs or (letters and set(letters) <= set(NAMES))
    if not known or not share.isdecimal() or not 1 <= int(share) <= 100:
        raise ConfigError(f"--only {name}: write letters of {''.join(NAMES)}, or pairs, and -10")
    covariates = ("identity",) if pairs else tuple(NAMES[c] for c in letters)
    part = replace(
        plain.data, covariates=covariates, share=int(share) / 100,
        voices=str(data / "voices"), faces=str(data / "faces"), people=str(data / "people.csv"),
    )  # fmt: skip
    if pairs:
        return replace(plain, learn="pairs", start=str(to / f"G-{share}"), data=part)
    return replace(plain, data=part)


def one(config: Config, folder: Path, device: str, until: float) -> bool:
    """Whether it is finished."""
    recipes.save_config(folder, config)
    run = Run(folder, config.seed, pick_device(device), until)
    return fit(config, run, material_of(config))
