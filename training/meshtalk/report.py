"""Tables and pictures of a comparison."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from engine.types import Floats
from training.data.clips import FPS

from .recorded import Values
from .rows import ROWS

mpl.use("Agg")
CENTRED = "lip error centred likely mm"
Rows = dict[str, Values]  # by speaker


def table(title: str, rows: Rows) -> str:
    """A row a figure, a column a speaker; blank where it was not measured."""
    keys = list(dict.fromkeys(key for values in rows.values() for key in values))
    wide = max([14, *(len(name) + 2 for name in rows)])
    lines = [title, f"{'':34}" + "".join(f"{name:>{wide}}" for name in rows)]
    for key in keys:
        cells = [f"{rows[n][key]:{wide}.3f}" if key in rows[n] else " " * wide for n in rows]
        lines.append(f"{key:34}" + "".join(cells))
    return "\n".join(lines)


def ratios(rows: Rows) -> dict[str, float]:
    """Each speaker's lip error over those of the regressions (the paper: 0.917 and 0.856)."""
    found = {}
    for base in ("regression", "voca"):
        if base not in rows:
            continue
        for name, values in rows.items():
            if name in (base, "recording") or CENTRED not in values:
                continue
            for key in (
                CENTRED,
                CENTRED.replace("likely", "sampled"),
                CENTRED.replace("centred ", ""),
            ):
                short = key.removeprefix("lip error ").removesuffix(" mm")
                found[f"{name} / {base}, {short}"] = values[key] / rows[base][key]
    return found


def bars(rows: Rows, title: str, file: Path) -> None:
    """Lip error by speaker, most likely and sampled; the noise of the truth as a line."""
    names = [n for n in rows if n != "recording" and CENTRED in rows[n]]
    figure = Figure(figsize=(1.6 + 1.1 * len(names), 4), layout="constrained")
    axes = figure.subplots()
    for shift, kind, colour in ((-0.2, "likely", "#4477aa"), (0.2, "sampled", "#ccbb44")):
        values = [rows[n][CENTRED.replace("likely", kind)] for n in names]
        drawn = axes.bar(
            [i + shift for i in range(len(names))], values, 0.38, color=colour, label=kind
        )
        axes.bar_label(drawn, fmt="%.2f", fontsize=8)
    if CENTRED in rows.get("recording", {}):
        axes.axhline(rows["recording"][CENTRED], color="black", ls=":", label="fit against refit")
    axes.set_xticks(range(len(names)), names, rotation=20, ha="right")
    axes.set(ylabel="lip vertex error, mean lip position removed, mm", title=title)
    axes.legend(frameon=False)
    _save(figure, file)


def traces(openings: Sequence[tuple[str, dict[str, Floats]]], file: Path) -> None:
    """The mouth's opening over time, a panel a clip, a line a speaker; the recording in black."""
    figure = Figure(figsize=(11, 2.4 * len(openings)), layout="constrained")
    panels = figure.subplots(len(openings), 1, squeeze=False)[:, 0]
    for axes, (title, lines) in zip(panels, openings, strict=True):
        for name, values in lines.items():
            style = {"color": "black", "lw": 2} if name == "recording" else {"lw": 1.2}
            axes.plot([k / FPS for k in range(len(values))], values, label=name, **style)
        axes.set(title=title, ylabel="opening, mm")
    panels[0].legend(frameon=False, ncols=6, fontsize=8)
    panels[-1].set_xlabel("seconds")
    _save(figure, file)


def lookaheads(rows: Rows) -> list[tuple[float, Values]]:
    """The rows that differ in their look-ahead alone, in seconds, shortest first."""
    found = [(0.1, rows["meshtalk"])] if "meshtalk" in rows else []
    for name in rows:
        if name.startswith("lookahead-") and name in ROWS:
            found.append((int(name.rpartition("-")[2]) / 1000, rows[name]))
    return sorted(found, key=lambda pair: pair[0])


def curve(rows: Rows, title: str, file: Path) -> None:
    """Quality against look-ahead: lip error and correlation."""
    points = lookaheads(rows)
    figure = Figure(figsize=(8, 3.4), layout="constrained")
    for axes, key in zip(figure.subplots(1, 2), (CENTRED, "correlation"), strict=True):
        axes.plot([1000 * t for t, _ in points], [v[key] for _, v in points], "o-", color="#4477aa")
        axes.set(xlabel="look-ahead, ms", ylabel=key)
    figure.suptitle(title)
    _save(figure, file)


def _save(figure: Figure, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, dpi=110)
