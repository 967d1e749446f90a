"""Plots of the evaluation and of the bench, as PNG files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from scipy.stats import norm

from .measures import Curve, Doubles

INK = ("#0b6e8a", "#b8442c", "#6a8f2b", "#8a5a9e", "#c08a1e", "#4a4a4a", "#d1719c", "#3f7f6f")
TICKS = np.array([1e-4, 1e-3, 1e-2, 0.05, 0.2, 0.5, 0.8])


def canvas(columns: int = 1, rows: int = 1, wide: float = 4.6) -> tuple[Figure, list[Any]]:
    figure = Figure(figsize=(wide * columns, 3.9 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for one in axes:
        one.grid(alpha=0.25)
        one.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save(figure: Figure, to: Path) -> Path:
    to.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(to, dpi=110)
    return to


def det(curves: Mapping[str, Curve], to: Path) -> Path:
    """False match against false non-match, both on normal deviates (ISO/IEC 19795-1)."""
    figure, (axes,) = canvas(wide=6)
    for ink, (name, c) in zip(INK * 3, curves.items(), strict=False):
        seen = (c.fmr > 0) & (c.fnmr > 0)
        label = f"{name}, EER {100 * c.eer:.1f} %"
        axes.plot(norm.ppf(c.fmr[seen]), norm.ppf(c.fnmr[seen]), color=ink, label=label)
    places, words = norm.ppf(TICKS), [f"{100 * t:g}" for t in TICKS]
    axes.set(xlim=places[[0, -1]], ylim=norm.ppf([2e-3, 0.95]), xlabel="false match rate, %",
             ylabel="false non-match rate, %")  # fmt: skip
    axes.set_xticks(places, words)
    high = TICKS[TICKS > 2e-3]
    axes.set_yticks(norm.ppf(high), [f"{100 * t:g}" for t in high])
    axes.legend()
    return save(figure, to)


def lines(
    axes: Any, x: Sequence[float] | Doubles, series: Mapping[str, Sequence[float] | Doubles]
) -> None:
    """Named curves over one x."""
    for ink, (name, y) in zip(INK * 3, series.items(), strict=False):
        axes.plot(x, y, "o-" if len(x) < 12 else "-", markersize=4, color=ink, label=name)
    axes.legend()


def bars(axes: Any, values: Mapping[str, Sequence[float]]) -> None:
    """Means over runs, with each run as a point."""
    for k, (name, runs) in enumerate(values.items()):
        axes.barh(k, np.mean(runs), color=INK[0], alpha=0.55, height=0.6)
        axes.plot(runs, [k] * len(runs), "o", color=INK[5], markersize=3, label=name)
    axes.set_yticks(range(len(values)), list(values))
    axes.invert_yaxis()
