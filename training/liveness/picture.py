"""Errors against evidence, as a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # noqa: E402

COLOURS = {"still": "#4477aa", "muted": "#228833", "swapped": "#ccbb44", "delayed": "#ee6677",
           "replay": "#999999"}  # fmt: skip
TITLES = {"grid_s1": "GRID, one man", "rendered": "rendered people", "voxceleb": "interviews",
          "portraits": "portraits"}  # fmt: skip


def picture(rows: Sequence[dict[str, Any]], to: Path) -> None:
    """One panel a folder: APCER of each attack over seconds of evidence, at BPCER 5 %."""
    whole = [row for row in rows if row["person"] == "all" and row["windows"]]
    folders = list(dict.fromkeys(row["folder"] for row in whole))
    figure, axes = plt.subplots(
        1, len(folders), figsize=(4.2 * len(folders), 3.6), sharey=True, squeeze=False
    )
    for axis, folder in zip(axes[0], folders, strict=True):
        theirs = [row for row in whole if row["folder"] == folder]
        for attack, colour in COLOURS.items():
            points = [(r["seconds"], 100 * r[attack]["apcer"]) for r in theirs if attack in r]
            if points:
                axis.plot(*zip(*points, strict=True), "o-", color=colour, label=attack, lw=1.8)
        axis.set_title(TITLES.get(folder, folder), fontsize=11)
        axis.set_xticks([3, 6, 12, 20])
        axis.set_xlabel("seconds of evidence")
        axis.grid(alpha=0.3)
        axis.set_ylim(-2, 102)
    axes[0][0].set_ylabel("attacks that pass, % (APCER)\nat BPCER 5 %")
    axes[0][-1].legend(fontsize=8, loc="center right")
    figure.tight_layout()
    figure.savefig(to, dpi=110)
    plt.close(figure)
