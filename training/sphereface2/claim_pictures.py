"""One picture a claim of the bench."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.margins.angles import eta_divided, psi, psi_clipped

from .pictures import INK, bars, canvas, lines, save
from .verdicts import Results, values

EER = "EER on unseen people, %"


def _shown(results: Results, measure: str, names: list[str] | None = None) -> dict[str, Any]:
    """name -> (seeds,) of all that have the measure, in per cent."""
    found = {n: 100 * values(results[n], measure) for n in names or results}
    return {n: v[np.isfinite(v)] for n, v in found.items() if np.isfinite(v).any()}


def losses(results: Results, to: Path) -> Path:
    figure, (left, right) = canvas(2, wide=6)
    bars(left, _shown(results, "eer"))
    left.set(xlabel=EER)
    bars(right, _shown(results, "tar at 1e-2"))
    right.set(xlabel="TAR at FMR 1e-2, %")
    return save(figure, to)


def sphereface_r(results: Results, to: Path) -> Path:
    """psi, eta, their difference, and how many runs learnt nothing."""
    figure, axes = canvas(3)
    degrees = np.linspace(0.5, 179.5, 400)
    cos = torch.from_numpy(np.cos(np.radians(degrees)))
    m = 1.5
    curves = {
        "v0": (psi(cos, m), cos),
        "v1": (psi_clipped(cos, m), cos),
        "v2": (cos, eta_divided(cos, m)),
    }  # fmt: skip
    lines(axes[0], degrees, {f"psi {k}": p.numpy() for k, (p, _) in curves.items()}
          | {"eta v2": curves["v2"][1].numpy(), "eta v0, v1": cos.numpy()})  # fmt: skip
    lines(axes[1], degrees, {f"eta - psi {k}": (e - p).numpy() for k, (p, e) in curves.items()})
    for one in axes[:2]:
        one.set(xlabel="angle, degrees", title=f"m = {m}")
    margins = sorted({float(n.split()[0][2:]) for n in results if n.endswith("detached")})
    for word, ink in (("detached", INK[0]), ("not detached", INK[1])):
        share = [float(np.mean(values(results[f"m={k:g} {word}"], "diverged"))) for k in margins]
        axes[2].plot(margins, share, "o-", color=ink, label=word)
    rest = values(results["SphereFace m=4, no annealing"], "diverged").mean()
    axes[2].plot(4, rest, "s", color=INK[5], label="SphereFace, no annealing")
    axes[2].set(xlabel="m", title="share of runs that diverged", ylim=(-0.05, 1.05))
    axes[2].legend()
    return save(figure, to)


def sphereface(results: Results, to: Path) -> Path:
    """Angles by m, and the embeddings of eight people on the sphere itself."""
    figure, axes = canvas(3, 2)
    names = ["m=1", "m=2", "m=3", "m=4"]
    m = [1.0, 2.0, 3.0, 4.0]
    mean = {k: [float(np.nanmean(values(results[n], k))) for n in names]
            for k in ("widest", "nearest", "met")}  # fmt: skip
    lines(axes[0], m, {"largest intra-class": mean["widest"], "smallest inter-class":
                       mean["nearest"]})  # fmt: skip
    axes[0].set(xlabel="m", ylabel="degrees, mean over unseen people")
    lines(axes[1], m, {"people who meet the criterion": [100 * v for v in mean["met"]]})
    axes[1].set(xlabel="m", ylabel="%")
    for k, axes_k in zip((1, 2, 3, 4), axes[2:], strict=True):
        place = axes_k.get_subplotspec()
        axes_k.remove()
        _sphere(figure.add_subplot(place, projection="3d"), results[f"sphere m={k}"][0], k)
    return save(figure, to)


def _sphere(axes: Any, result: dict[str, Any], m: int) -> None:
    points, labels = np.array(result.get("points", [])), np.array(result.get("labels", []))
    u, v = np.mgrid[0 : 2 * np.pi : 40j, 0 : np.pi : 20j]
    axes.plot_wireframe(np.cos(u) * np.sin(v), np.sin(u) * np.sin(v), np.cos(v), color="#ddd",
                        linewidth=0.3)  # fmt: skip
    if len(points):
        colours = np.array(INK)[labels % len(INK)]
        axes.scatter(*points.T, s=6, c=colours.tolist(), depthshade=False)
    axes.set(title=f"eight people, m = {m}")
    axes.set_axis_off()
    axes.set_box_aspect((1, 1, 1))


def sphereface2(results: Results, to: Path) -> Path:
    """What each part is worth, noise, and learnt against unseen people."""
    figure, axes = canvas(3, wide=5)
    plain = [n for n in results if "noise" not in n]
    bars(axes[0], _shown(results, "eer", plain))
    axes[0].set(xlabel=EER, title="one part taken away")
    bars(axes[1], _shown(results, "eer", [n for n in results if "noise" in n]))
    axes[1].set(xlabel="EER, %", title="60 % of labels wrong")
    from .bench import GRID

    runs = results["SphereFace2 C"]
    for ink, (key, word) in zip(INK, (("seen roc", "learnt"), ("roc", "unseen")), strict=False):
        found = [r[key] for r in runs if key in r]
        if found:
            axes[2].plot(GRID, 100 * np.mean(found, 0), color=ink, label=f"{word} people")
    axes[2].set(xscale="log", xlabel="false match rate", ylabel="TAR, %", title="SphereFace2 C")
    axes[2].legend()
    return save(figure, to)


def l_softmax(results: Results, to: Path) -> Path:
    figure, axes = canvas(3, wide=5)
    on_digits = [n for n in results if n.startswith("digits")]
    bars(axes[0], _shown(results, "test error", on_digits))
    axes[0].set(xlabel="test error, %", title="digits")
    for measure, ink in (("intra", INK[0]), ("inter", INK[1])):
        mean = [float(np.nanmean(values(results[n], measure))) for n in on_digits]
        axes[1].plot(range(len(mean)), mean, "o-", color=ink, label=f"{measure}-class angle")
    axes[1].set_xticks(range(len(on_digits)), [n.removeprefix("digits ") for n in on_digits])
    axes[1].set(ylabel="degrees, unseen digits", title="compact and apart")
    axes[1].legend()
    bars(axes[2], _shown(results, "eer", [n for n in results if n.startswith("faces")]))
    axes[2].set(xlabel=EER, title="faces")
    return save(figure, to)


def ranges(results: Results, to: Path) -> Path:
    head, tail = "TAR at FMR 1e-2: head, %", "TAR at FMR 1e-2: tail, %"
    return _beside(results, to, {"eer": EER, "head tar at 1e-2": head, "tail tar at 1e-2": tail})


def teacher(results: Results, to: Path) -> Path:
    return _beside(results, to, {"eer": EER, "tar at 1e-2": "TAR at FMR 1e-2, %"})


def _beside(results: Results, to: Path, words: dict[str, str]) -> Path:
    """Bars of each measure, in its own words."""
    figure, axes = canvas(len(words), wide=5)
    for one, (measure, word) in zip(axes, words.items(), strict=True):
        bars(one, _shown(results, measure))
        one.set(xlabel=word)
    return save(figure, to)
