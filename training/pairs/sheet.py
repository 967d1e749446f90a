"""Some of the made-up people with their codes, as one picture."""

from pathlib import Path

import numpy as np

from engine.errors import DeliveryError

from .link import CLASSES

COLUMNS, ROWS = 8, 4


def sheet(folder: Path, to: Path) -> None:
    """Portraits of the first people of `folder` (of training.prepare pairs), each above its own
    code and, where they show another, what its face and its voice show."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # here: 0.3 s
    from matplotlib.figure import Figure

    with np.load(folder / "heads.npz") as heads:
        known = {n: heads[n][: COLUMNS * ROWS] for n in ("portrait", "own", "face", "voice")}
    figure = Figure(figsize=(1.5 * COLUMNS, 2.05 * ROWS), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, k in zip(
        figure.subplots(ROWS, COLUMNS).ravel(), range(len(known["own"])), strict=False
    ):
        axes.imshow(known["portrait"][k], interpolation="bicubic")
        axes.axis("off")
        lines = _words(known["own"][k]).split(", ")
        text = f"{', '.join(lines[:2])}\n{', '.join(lines[2:])}"
        for side in ("face", "voice"):
            other = known[side][k] != known["own"][k]
            if other.any():
                text += f"\n{side}: {_words(known[side][k], other)}"
        axes.text(0.5, -0.03, text, ha="center", va="top", fontsize=7, transform=axes.transAxes)
    try:
        figure.savefig(to, dpi=100)
    except OSError as e:
        raise DeliveryError(f"cannot write {to}: {e.strerror}; choose another --sheet") from e


def _words(code: np.ndarray, only: np.ndarray | None = None) -> str:
    words = [values[k] for values, k in zip(CLASSES.values(), code, strict=True)]
    return ", ".join(w for k, w in enumerate(words) if only is None or only[k])
