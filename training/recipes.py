"""What every recipe's command line has, and the configuration that a run folder keeps."""

import argparse
import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from engine import config as settings
from engine.errors import ConfigError

C = TypeVar("C")
FILE = "config.json"


def parser(
    name: str, doc: str | None, to: str = "--to", resume: bool = True
) -> argparse.ArgumentParser:
    """Of python -m training.fit NAME; `to` is how its option for a new run's folder is called.
    Without `resume`: what was stopped goes on by the same command."""
    made = argparse.ArgumentParser(
        prog=f"python -m training.fit {name}", description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = made.add_argument
    add("--config", type=Path, default=Path(f"configs/train/{name}.toml"))
    add("--set", action="append", default=[], metavar="a.b=c")
    add(to, type=Path, metavar="DIR", help=f"the run's folder; runs/{name}-TIME")
    if resume:
        add("--resume", type=Path, metavar="DIR", help="go on with this run")
    add("--minutes", type=float, default=float("inf"), help="save and stop after")
    add("--device", default="auto", help="auto, cpu or cuda")
    add("--threads", type=int, default=2)
    return made


def new_folder(name: str) -> Path:
    return Path("runs") / f"{name}-{datetime.now(UTC):%Y%m%d-%H%M%S}"


def configured(
    kind: type[C], args: argparse.Namespace, saved: Callable[[Path], C],
    fixed: Sequence[str] = ("set",),
) -> C:  # fmt: skip
    """A new run's configuration, or the one that --resume goes on with; ConfigError where options
    of `fixed` would then change nothing."""
    if args.resume is None:
        return settings.load(kind, args.config, args.set)
    if any(getattr(args, name) for name in fixed):
        names = " and ".join(f"--{name}" for name in fixed)
        verb = "change" if len(fixed) > 1 else "changes"
        raise ConfigError(f"{names} {verb} nothing in a resumed run; start a new one")
    return saved(args.resume)


def chosen(names: Collection[str], rows: Collection[str]) -> list[str]:
    """The rows of a comparison that are asked for, in its order; all of them where none is."""
    unknown = set(names) - set(rows)
    if unknown:
        raise ConfigError(f"no row {', '.join(sorted(unknown))}; there are {', '.join(rows)}")
    return [name for name in rows if name in (names or rows)]


def save_config(folder: Path, config: Any) -> None:
    """Keeps the resolved configuration with the run, whose folder is made."""
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(config), default=str, indent=2)
    (folder / FILE).write_text(text, encoding="utf-8")


def read_config(folder: Path) -> dict[str, Any]:
    """What `save_config` kept; ConfigError where the folder holds no run."""
    try:
        return dict(json.loads((folder / FILE).read_text(encoding="utf-8")))
    except (OSError, ValueError) as e:
        raise ConfigError(f"{folder} holds no run: {FILE} cannot be read") from e


def saved_config(folder: Path, start: C) -> C:
    """The configuration that a run was started with; `start` has the defaults."""
    return settings.merge(start, read_config(folder), str(folder / FILE))
