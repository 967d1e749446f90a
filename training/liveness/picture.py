"""Errors against evidence, as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLOURS = {"still": "#4477aa", "muted": "#228833", "swapped": "#ccbb44", "delayed": "#ee6677",
           "replay": "#999999"}  # fmt: skip
WORDS = {"still": "still photo", "muted": "another's sound", "swapped": "sound of another moment",
         "delayed": "sound 0.32 to 1 s late", "replay": "replay with own sound"}  # fmt: skip


def picture(rows: Sequence[dict[str, Any]], to: Path) -> None:
    """One panel a folder: APCER of each attack over seconds of evidence, at BPCER 5 %."""
    whole = [row for row in rows if row["person"] == "all" and row["windows"]]
    folders = list(dict.fromkeys(row["folder"] for row in whole))
    figure = Figure(figsize=(4.4 * len(folders) + 0.6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(folders), sharey=True, squeeze=False)[0]
    for axes, folder in zip(panels, folders, strict=True):
        theirs = [row for row in whole if row["folder"] == folder]
        for attack, colour in COLOURS.items():
            points = [(r["seconds"], 100 * r[attack]["apcer"]) for r in theirs if attack in r]
            if points:
                axes.plot(*zip(*points, strict=True), "o-", color=colour, label=WORDS[attack])
        axes.set(title=folder, xticks=[3, 6, 12, 20], xlabel="seconds of evidence", ylim=(-2, 102))
        axes.grid(alpha=0.3)
    panels[0].set_ylabel("attacks that pass, % (APCER)\nat BPCER 5 %")
    panels[-1].legend(fontsize=8, loc="center right")
    figure.savefig(to, dpi=110)
