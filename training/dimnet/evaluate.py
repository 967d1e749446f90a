"""Voices and faces of people who were held out: covariates, 1:N matching, verification, retrieval.

python -m training.evaluate dimnet --run runs/dimnet/fold0 --run runs/dimnet/fold1 ...
python -m training.evaluate dimnet --trials t.csv --root DIR --scores out.csv
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.errors import ConfigError, DeliveryError
from engine.voices.model import Calibration
from training.loop import tell

from . import measure, trials
from .data import IDENTITY
from .measure import Held, Told
from .run import material_of, saved_config, trained


@dataclass(frozen=True, slots=True)
class Report:
    """All figures of a set of runs that hold out different people."""

    covariate: str
    truth: str  # what a true pair is: of one person, or of one class
    people: dict[str, int]
    accuracy: dict[str, tuple[float, int]]  # side and condition -> share right, of how many
    confusion: dict[str, list[list[float]]]
    ways: dict[str, dict[str, tuple[float, float]]]  # direction -> figure -> mean, its error
    best: dict[str, float]  # figure -> what labels with these confusions allow
    calibration: dict[str, dict[str, float]]
    sureness: dict[str, tuple[float, float]]  # side -> calibration error, mean probability


def report(held: list[Held], covariate: str, classes: int) -> Report:
    voice, face = (measure.together([getattr(h, n) for h in held])
                   for n in ("voice_told", "face_told"))  # fmt: skip
    seen = {"voice": voice.only(voice.how == "clean"), "face": face}
    tables = {n: trials.confusion(t.true, t.logits.argmax(1), classes) for n, t in seen.items()}
    shared = [set(h.voices.person) & set(h.faces.person) for h in held]
    truth = "person" if all(len(s) > 1 for s in shared) else "class"
    ways = {
        "voice to face": [measure.cross(h.voices, h.faces, truth, k) for k, h in enumerate(held)],
        "face to voice": [measure.cross(h.faces, h.voices, truth, k) for k, h in enumerate(held)],
    }
    fitted = {"voice": measure.together([h.prefixes for h in held]), "face": face}
    scales = {n: measure.calibrate(t) for n, t in fitted.items()}
    return Report(
        covariate, truth, _people(held), _accuracy(voice, face),
        {n: t.round(5).tolist() for n, t in tables.items()},
        {n: measure.mean(f) for n, f in ways.items()}, _best(tables, held),
        {n: {k: round(v, 4) for k, v in asdict(c).items()} for n, c in scales.items()},
        _sure(fitted, scales),
    )  # fmt: skip


def _people(held: list[Held]) -> dict[str, int]:
    return {
        "speakers": sum(len(set(h.voices.person)) for h in held),
        "recordings": sum(len(h.voices.person) for h in held),
        "faces' people": sum(len(set(h.faces.person)) for h in held),
        "faces": sum(len(h.faces.person) for h in held),
    }


def _accuracy(voice: Told, face: Told) -> dict[str, tuple[float, int]]:
    found = {}
    for name, told in (("voice", voice), ("face", face)):
        for how in dict.fromkeys(told.how.tolist()):
            mine = told.only(told.how == how)
            found[f"{name}, {how}"] = float(mine.right.mean()), len(mine.true)
    return found


def _best(tables: dict[str, Any], held: list[Held]) -> dict[str, float]:
    best = trials.optimum(tables["voice"], tables["face"], trials.AMONG)
    size = int(np.mean([len(trials.even(h.faces, np.random.default_rng(0)).group) for h in held]))
    return {**{f"1:{n} U": v for n, v in best.matching.items()}, "EER U": best.eer,
            **{f"1:{n} G": 1 / n for n in trials.AMONG}, "EER G": 0.5,
            "mAP class": best.retrieval(size)}  # fmt: skip


def _sure(told: dict[str, Told], scales: dict[str, Calibration]) -> dict[str, tuple[float, float]]:
    found = {n: measure.expected_error(t, scales[n]) for n, t in told.items()}
    for how in dict.fromkeys(told["voice"].how.tolist()):
        mine = told["voice"].only(told["voice"].how == how)
        found[f"voice, {how}"] = measure.expected_error(mine, scales["voice"])
    return found


def table(r: Report) -> str:
    """The figures for a person, as Markdown."""
    about = ", ".join(f"{v} {k}" for k, v in r.people.items())
    drawn = {"class": f"drawn by {r.covariate}, even priors; there are no true pairs of people",
             "person": "of one person"}[r.truth]  # fmt: skip
    rows = [f"Held out: {about}. True pairs: {drawn}.", "", "| | right, % | of |", "|---|---|---|"]
    rows += [f"| {n} | {100 * v:.1f} | {c} |" for n, (v, c) in r.accuracy.items()]
    rows += ["", f"| | {' | '.join(r.ways)} | best by labels alone |", "|---|---|---|---|"]
    for name in next(iter(r.ways.values())):
        cells = [f"{100 * w[name][0]:.1f} ± {100 * w[name][1]:.1f}" for w in r.ways.values()]
        best = f"{100 * r.best[name]:.1f}" if name in r.best else ""
        rows.append(f"| {name} | {' | '.join(cells)} | {best} |")
    rows += ["", "| | calibration error, % | mean probability, % |", "|---|---|---|"]
    rows += [f"| {n} | {100 * e:.1f} | {100 * p:.1f} |" for n, (e, p) in r.sureness.items()]
    return "\n".join(rows)


def picture(r: Report, held: list[Held], classes: tuple[str, ...], to: Path) -> None:
    """1:N matching beside the optimum, and how both sides' evidence is spread, as a PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: 0.3 s
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4), layout="constrained")
    FigureCanvasAgg(figure)
    left, *sides = figure.subplots(1, 3)
    n = list(trials.AMONG)
    for (name, found), mark in zip(r.ways.items(), ("o-", "s--"), strict=True):
        left.plot(n, [100 * found[f"1:{k} U"][0] for k in n], mark, label=name)
    left.plot(n, [100 * r.best[f"1:{k} U"] for k in n], "k:", label="best by labels")
    left.plot(n, [100 / k for k in n], ":", color="#aaa", label="chance")
    left.set(xlabel="to choose among", ylabel="chosen right, %", title="1:N matching")
    left.legend()
    for axes, side in zip(sides, ("voice", "face"), strict=True):
        told = measure.together([getattr(h, f"{side}_told") for h in held])
        told = told.only(told.how == "clean")
        margin = told.logits[:, 1:].max(1) - told.logits[:, 0]
        for c in np.unique(told.true):
            axes.hist(margin[told.true == c], 40, alpha=0.6, density=True, label=classes[c])
        axes.set(xlabel=f"logit, over {classes[0]}", title=f"held-out {side}s")
        axes.legend()
    try:
        figure.savefig(to, dpi=110)
    except OSError as e:
        raise DeliveryError(f"cannot write {to}: {e.strerror}; choose another --picture") from e


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
    if not args.run:
        raise ConfigError("give --run DIR, a training's folder that held people out")
    held, covariate, classes = _held(args.run, args.covariate)
    found = report(held, covariate, len(classes))
    tell(table(found))
    picture(found, held, classes, args.picture)
    tell(f"picture in {args.picture}")
    if args.json:
        args.json.write_text(json.dumps(_plain(found), indent=1) + "\n", encoding="utf-8")


def _plain(r: Report) -> dict[str, Any]:
    """As training.export dimnet --calibration takes it."""
    whole = asdict(r)
    return {"calibration": {r.covariate: whole.pop("calibration")}, "metrics": whole}


def _held(runs: list[Path], covariate: str | None) -> tuple[list[Held], str, tuple[str, ...]]:
    held = []
    for folder in runs:
        config = saved_config(folder)
        material = material_of(config)
        names = [c for c in material.classes if c != IDENTITY]
        wanted = covariate or (names or [""])[0]
        if wanted not in names:
            raise ConfigError(f"{folder} was not trained on '{wanted}', but on {', '.join(names)}")
        if not len(material.voice.rows("held", wanted)) or not len(
            material.face.rows("held", wanted)
        ):
            raise ConfigError(f"{folder} held nobody out: train with data.fold, or with --folds")
        held.append(measure.held_out(trained(folder, material), material, wanted))
    return held, wanted, material.classes[wanted]


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate dimnet", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--run", type=Path, action="append", default=[], help="may be repeated: one a fold")
    add("--covariate", help="that pairs and groups go by; the run's first if not given")
    add("--picture", type=Path, default=Path("out.dimnet.png"), help="(%(default)s)")
    add("--json", type=Path, help="the figures; and what training.export --calibration takes")
    add("--trials", type=Path, metavar="CSV", help="columns voice,face: files below --root")
    add("--root", type=Path)
    add(
        "--scores", type=Path, metavar="CSV", help="voice,face,similarity,llr; empty without either"
    )
    add("--model", type=Path, help="a model folder for --trials; the shipped one if not given")
    add("--threads", type=int, default=2)
    return parser.parse_args(argv)
