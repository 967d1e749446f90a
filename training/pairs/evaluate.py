"""Made-up people never met: what runs reach, beside what their link allows.

python -m training.evaluate pairs --data runs/pairs --run runs/ig --run runs/pairs-net ...
"""

import argparse
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from engine.errors import ConfigError
from engine.voices.model import unit
from training.dimnet import measure, trials
from training.dimnet.config import Config
from training.dimnet.data import IDENTITY, Material, Part
from training.dimnet.embed import face_embeddings, head, voice_embeddings
from training.dimnet.net import DIMNet
from training.dimnet.run import material_of, saved_config, trained
from training.dimnet.trials import AMONG, Items
from training.loop import tell
from training.voices import people as who

from . import link
from .link import CLASSES

WAYS = ("voice to face", "face to voice")
GROUPED = tuple(n for n in CLASSES if n != "gender")
Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One run, or one optimum."""

    name: str
    people: int  # learnt from; 0 for an optimum
    ways: dict[str, Figures]  # direction -> figure -> value
    accuracy: Figures  # "voice gender" -> share right
    error: Figures  # direction and figure -> standard error over people


def called(config: Config) -> str:
    """I, IG, IGA as in the paper, and the share of the people."""
    letters = "".join(c[0].upper() for c in config.data.covariates)
    name = "pairs" if config.learn == "pairs" else f"DIMNet-{letters}"
    return f"{name}, {100 * config.data.share:.0f} %"


def row(folder: Path, people: who.People, part: Part) -> tuple[Row, dict[str, int]]:
    """A run's figures on the people that it held out, and how many of all there are."""
    config = saved_config(folder)
    material = material_of(config)
    net = trained(folder, material)
    heard, seen = material.voice.rows(part), material.face.rows(part)
    if not len(heard) or not len(seen):
        raise ConfigError(
            f"{folder} has nobody in its part {part}: train with data.fold and data.dev"
        )
    made = {"voice": voice_embeddings(net, material, heard),
            "face": face_embeddings(net, material, seen)}  # fmt: skip
    names = {"voice": np.array([material.voice.names[r] for r in heard]),
             "face": np.array([material.face.names[r] for r in seen])}  # fmt: skip
    ways, error = _ways(made, names, people)
    learnt = {material.face.names[r] for r in material.face.rows("train")}
    counts = {"people": len(set(names["face"])), "voices": len(heard), "faces": len(seen)}
    accuracy = _accuracy(net, material, made, {"voice": heard, "face": seen})
    return Row(called(config), len(learnt), ways, accuracy, error), counts


def _ways(
    made: dict[str, Any], names: dict[str, Any], people: who.People
) -> tuple[dict[str, Figures], Figures]:
    sides = {s: {c: _items(made[s], names[s], people, c) for c in CLASSES} for s in made}
    ways, error = {}, {}
    for way in WAYS:
        probe, gallery = (sides[s] for s in way.split(" to "))
        ways[way], error[way] = _figures(probe["gender"], gallery["gender"])
        for c in CLASSES:
            ways[way][f"mAP {c}"] = trials.precision(probe[c], gallery[c], "group")
    return ways, {f"{w}, {k}": v for w, e in error.items() for k, v in e.items()}


def _items(embedding: Any, names: Any, people: who.People, covariate: str) -> Items:
    classes = CLASSES[covariate]
    group = np.array([classes.index(people[n][covariate]) for n in names])
    return Items(unit(embedding), names, group)


def _figures(probes: Items, gallery: Items) -> tuple[Figures, Figures]:
    rng = np.random.default_rng(0)
    found: Figures = {}
    error: Figures = {}
    for name, grouped in (("U", False), ("G", True)):
        drawn = trials.by_person(probes, gallery, measure.COUNT, max(AMONG), grouped, rng)
        alike = trials.similarities(probes, gallery, drawn)
        alike += rng.normal(0, 1e-9, alike.shape)  # ties by chance
        found |= {f"1:{n} {name}": trials.matching(alike, n) for n in AMONG}
        found[f"EER {name}"] = trials.eer(alike)
        error[f"1:2 {name}"] = _spread(alike[:, 0] > alike[:, 1], probes.person[drawn.probe])
    found["mAP person"] = trials.precision(probes, gallery, "person")
    return found, error


def _spread(right: Any, person: Any) -> float:
    """Standard error of a mean whose trials share people."""
    own = np.array([right[person == p].mean() for p in np.unique(person)])
    return float(own.std(ddof=1) / len(own) ** 0.5)


def _accuracy(
    net: DIMNet, material: Material, made: dict[str, Any], rows: dict[str, Any]
) -> Figures:
    found = {}
    for c in (c for c in material.classes if c != IDENTITY):
        for name, side in (("voice", material.voice), ("face", material.face)):
            said = (made[name] @ head(net, c).T).argmax(1)
            found[f"{name} {c}"] = float((said == side.labels[c][rows[name]]).mean())
    return found


def best(names: tuple[str, ...], counts: dict[str, int]) -> Row:
    """What nobody can pass who knows these covariates of a voice and a face, as they show them."""
    inside = tuple(n for n in names if n in GROUPED)
    ways: dict[str, Figures] = {}
    for way in WAYS:
        turned = way == WAYS[1]
        each = counts["voices" if turned else "faces"] // counts["people"]
        found = {"U": link.optimum(names, AMONG, counts["people"], each, turned),
                 "G": link.optimum(inside, AMONG, counts["people"], each, turned)}  # fmt: skip
        ways[way] = {f"1:{n} {g}": v for g, o in found.items() for n, v in o.matching.items()}
        ways[way] |= {f"EER {g}": o.eer for g, o in found.items()}
        ways[way]["mAP person"] = found["U"].precision
    name = "all four" if len(names) == len(CLASSES) else " and ".join(names) or "chance"
    return Row(f"best: {name}" if names else name, 0, ways, {}, {})


def way_there(r: Row, top: Row, figure: str) -> float:
    """Share of the way from chance to the optimum of 1:2 matching, the mean of both directions."""
    shares = [(r.ways[w][figure] - 0.5) / (top.ways[w][figure] - 0.5) for w in WAYS]
    return float(np.mean(shares))


def table(rows: list[Row], top: Row, counts: dict[str, int], part: str = "held") -> str:
    """The figures for a person, as Markdown."""
    shown = ("1:2 U", "1:2 G", "1:10 U", "1:10 G", "EER U", "EER G", "mAP person")
    about = ", ".join(f"{v} {k}" for k, v in counts.items())
    called = {"held": "held out", "dev": "by whom settings are chosen"}[part]
    out = [f"Made-up people {called}: {about}. G: impostors of the same gender.", ""]
    for way in WAYS:
        out += [f"| {way}, % | people | {' | '.join(shown)} | mAP gender | mAP age |",
                "|---" * (len(shown) + 4) + "|"]  # fmt: skip
        out += [_line(r, way, shown) for r in rows]
        out.append("")
    out += ["| 1:2, share of the way from chance to the best, % | U | G |", "|---|---|---|"]
    out += [
        f"| {r.name} | {100 * way_there(r, top, '1:2 U'):.0f} | "
        f"{100 * way_there(r, top, '1:2 G'):.0f} |"
        for r in rows
        if r.people
    ]
    out += ["", "| told right, % | voice | face |", "|---|---|---|"]
    for r in rows:
        for c in (c for c in CLASSES if f"voice {c}" in r.accuracy):
            both = [100 * r.accuracy[f"{s} {c}"] for s in ("voice", "face")]
            out.append(f"| {r.name}: {c} | {both[0]:.1f} | {both[1]:.1f} |")
    return "\n".join(out)


def _line(r: Row, way: str, shown: tuple[str, ...]) -> str:
    cells = []
    for key in (*shown, "mAP gender", "mAP age"):
        error = r.error.get(f"{way}, {key}")
        value = r.ways[way].get(key)
        text = "" if value is None else f"{100 * value:.1f}"
        cells.append(text if error is None else f"{text} ± {100 * error:.1f}")
    return f"| {r.name} | {r.people or ''} | {' | '.join(cells)} |"


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.evaluate pairs", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--data", type=Path, default=Path("runs/pairs"), help="of training.prepare pairs")
    add("--run", type=Path, action="append", default=[], help="of training.fit dimnet; repeat")
    add("--part", choices=("held", "dev"), default="held",
        help="people: held out, or those by whom settings are chosen (%(default)s)")  # fmt: skip
    add("--json", type=Path, help="the figures")
    add("--threads", type=int, default=2)
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    if not args.run:
        raise ConfigError("give --run DIR, a training's folder that held made-up people out")
    people = who.read([args.data / "people.csv"])
    found = [row(folder, people, args.part) for folder in args.run]
    counts = found[0][1]
    top = best(tuple(CLASSES), counts)
    bests = [best((), counts), *(best((n,), counts) for n in CLASSES), top]
    rows = [*bests, *(r for r, _ in found)]
    tell(table(rows, top, counts, args.part))
    if args.json:
        page = {args.part: counts, "rows": [asdict(r) for r in rows]}
        args.json.write_text(json.dumps(page, indent=1) + "\n", encoding="utf-8")
