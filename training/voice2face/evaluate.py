"""Faces and heads imagined for people who were held out: matches, noise, diversity, pictures.

python -m training.evaluate voice2face --pictures DIR --json figures.json      # what is shipped
python -m training.evaluate voice2face --run runs/voice2face                   # or a run
python -m training.evaluate voice2face --run RUN --judge DIMNET-RUN      # people with both
python -m training.evaluate voice2face --trials t.csv --root DIR --scores out.csv
"""

import argparse
import json
from pathlib import Path
from typing import Any

import torch

from engine.errors import ConfigError
from engine.voices.model import unit
from training.loop import tell

from . import measure, paired, pictures
from .data import Material, held
from .judge import FaceJudge
from .run import Generators, material_of, saved_config, trained
from .shipped import opened


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    if args.trials:
        if args.root is None or args.scores is None:
            raise ConfigError("--trials needs --root DIR and --scores OUT.csv")
        from .scores import score  # reads films and sound, which figures of a run do not need

        empty = score(args.model, args.trials, args.root, args.scores)
        tell(f"scores in {args.scores}; {empty} pairs without speech or without a face")
        return
    if args.run and args.model:
        raise ConfigError("give --run or --model, not both")
    if args.judge:
        found = _of_pairs(args)
    else:
        found = report(*_measured(args.run, args.model), args.pictures)
        tell(table(found))
        if args.run and args.pictures:
            pictures.curves(args.run, args.pictures / "voice2face-curves.png")
    if args.json:
        args.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _measured(run: Path | None, model: Path | None) -> tuple[Generators, Material]:
    if run is None:
        return opened(model)
    material = material_of(saved_config(run))
    return trained(run, material), material


def _of_pairs(args: argparse.Namespace) -> dict[str, Any]:
    if args.run is None:
        raise ConfigError("--judge wants --run DIR, a training on people who have both")
    config = saved_config(args.run)
    material, judge = material_of(config), paired.Judge.load(args.judge)
    nets = trained(args.run, material)
    found = paired.report(nets, material, config, judge, args.part)
    tell(paired.table(found))
    if args.pictures:
        args.pictures.mkdir(parents=True, exist_ok=True)
        pictures.beside(nets, material, args.part, args.pictures / "voice2face-people.png")
    return found


def report(nets: Generators, material: Material, to: Path | None) -> dict[str, Any]:
    """All figures on whom the nets' data held out; pictures into the folder `to`."""
    if not len(held(material.voice, material.label)):
        raise ConfigError("nobody was held out: train with data.fold")
    ears = material.ears
    judge, made = FaceJudge(material), measure.for_held(nets, material)
    if to is not None:
        to.mkdir(parents=True, exist_ok=True)
        pictures.thumbnails(nets, material, ears, made, to / "voice2face-faces.png")
        pictures.heads(material, made, to / "voice2face-heads.png")
    matches = measure.matches(nets, material, judge)
    if (found := measure.by_axis(made, material)) is not None:
        matches["heads, clean, all: nearer to the head model's own"] = found
    if material.label in ears.heads:
        matches["faces by DIMNet's face net, whole"] = measure.second_judge(made, ears)
    return {
        "label": material.label,
        "held out": {"speakers": len({material.voice.names[r] for r in made.rows})},
        "right": matches,
        "1:2": measure.matching(made, material, judge.templates, "SphereFace2's templates")
        | measure.matching(made, material, lambda f: unit(ears.faces(f)), "DIMNet's face net"),
        "noise": measure.noise(nets, material, ears, made),
        "diversity": measure.diversity(nets, material, made),
    }


def table(found: dict[str, Any]) -> str:
    """The figures for a person, as Markdown."""
    rows = [f"Labels: {found['label']}. {found['held out']['speakers']} speakers held out.", "",
            "| taken for the voice's class, % | right | of |", "|---|---|---|"]  # fmt: skip
    rows += [f"| {n} | {100 * v:.1f} | {c} |" for n, (v, c) in found["right"].items()]
    for name in ("1:2", "noise", "diversity"):
        rows += ["", f"| {name} | % |", "|---|---|"]
        rows += [f"| {n} | {100 * v:.1f} |" for n, v in found[name].items()]
    return "\n".join(rows)


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate voice2face", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--run", type=Path, help="a training's folder, which held people out")
    add(
        "--pictures", type=Path, metavar="DIR", help="faces and heads as PNG; of a --run its curves"
    )
    add("--json", type=Path, help="the figures; and what training.export --figures takes")
    add("--judge", type=Path, metavar="DIR", help="a DIMNet run on people with voice and face")
    add("--part", choices=("held", "dev"), default="held", help="whom --judge looks at; else held")
    add("--trials", type=Path, metavar="CSV", help="columns voice,face: files below --root")
    add("--root", type=Path)
    add("--scores", type=Path, metavar="CSV", help="voice,face,similarity; empty without either")
    add(
        "--model",
        type=Path,
        help="a model folder; the shipped one if neither it nor --run is given",
    )
    add("--threads", type=int, default=2)
    return parser.parse_args(argv)
