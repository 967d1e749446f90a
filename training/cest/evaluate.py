"""Trained rows of CEST, side by side: held-out people and renders with known parameters.

python -m training.evaluate cest --rows RUN ... [--data F] [--sheet PNG] [--json F] [--quick]
python -m training.evaluate cest --rows RUN --appearance RUN    a pair as training.export makes it
"""

import argparse
import copy
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from engine.errors import ConfigError
from engine.head import Head
from training.loop import pick_device, tell

from . import data, measure, sheet
from .data import Clip, Faces
from .losses import Ablation
from .measure import Seen
from .net import Cest
from .steps import FULL, Config, Trainer, load_net, row_name, spent

FEWER, MORE = 2, 12  # clips a person
STILL_FACES = 12
LEAD = 15  # % by which conditional estimation should lie below independent estimation


@dataclass(frozen=True, slots=True)
class Figures:
    """Of one row. Held-out people only; means unless said otherwise."""

    frames: int
    landmarks_median: float  # 68 points, share of the distance between the eyes' centres
    landmarks_95: float
    landmarks_outer_median: float  # of that between the eyes' outer corners
    own: float  # photometric, 0 to 255
    other: float  # with another frame's reflectance
    mirrored: float
    photographs_own: float
    photographs_mirrored: float
    photographs_landmarks: float  # median, by the eyes' centres
    mouth_correlation: float
    eyes_correlation: float
    blinks: int
    blink_recall: float
    jitter_pixels: float
    jitter_weight: float
    identity_within: float  # distance to the clip's mean over that between people
    reflectance_within: float
    rotation_degrees: float
    shape_mm: float
    albedo: float
    albedo_of_texture: float
    light_correlation: float
    turning: float  # of the reflectance over that of the texture
    relit: float
    step_seconds: float  # of one thread's time, or of a GPU
    cpu_minutes: float = 0.0  # that --rows spent on it; a shared first step is the full row's


class _Gathered:
    """Lists of figures by name, and their means."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}

    def add(self, **values: object) -> None:
        for name, value in values.items():
            self.values.setdefault(name, []).extend(np.ravel(np.asarray(value, float)))

    def mean(self, name: str) -> float:
        kept = np.asarray(self.values.get(name, []), float)
        kept = kept[np.isfinite(kept)]
        return float(kept.mean()) if len(kept) else float("nan")

    def share(self, name: str, percent: float) -> float:
        kept = self.values.get(name, [])
        return float(np.percentile(kept, percent)) if kept else float("nan")

    def total(self, name: str) -> float:
        return float(sum(self.values.get(name, [])))


def people(net: Cest, faces: Faces, got: _Gathered, most: int) -> None:
    """Held-out clips of people."""
    identities: dict[str, list[torch.Tensor]] = {}
    maps: dict[str, list[torch.Tensor]] = {}
    for clip, seen in tqdm(measure.each(faces, net, _talks, most), "clips", mininterval=2):
        _clip(net, seen, got)
        identities.setdefault(clip.person, []).append(seen.found.identity)
        maps.setdefault(clip.person, []).append(_small(seen.reflectance))
    for name, found in (("identity", identities), ("reflectance", maps)):
        if len(found) > 1:
            within = measure.spreads([c for own in found.values() for c in own])[0]
            between = measure.spreads([torch.cat(own) for own in found.values()])[1]
            got.add(**{f"{name}_within": within / between})


def _talks(clip: Clip) -> bool:
    return clip.source != "synthetic" and len(clip.pixels) > 7


def _small(maps: torch.Tensor) -> torch.Tensor:
    """Reflectances (n, 3, t, t) as rows of 16 x 16 colours."""
    return torch.nn.functional.adaptive_avg_pool2d(maps, 16).flatten(1)


def _clip(net: Cest, seen: Seen, got: _Gathered) -> None:
    made, wanted = seen.marks(net), seen.wanted()
    mouth = measure.mouth_opening(made), measure.mouth_opening(wanted)
    eyes = measure.eye_opening(made), measure.eye_opening(wanted)
    blinks, hit = measure.blink_counts(*eyes)
    other = seen.reflectance.roll(len(seen.reflectance) // 2, 0)
    got.add(
        landmarks=measure.landmark_errors(made, wanted),
        outer=measure.landmark_errors(made, wanted, outer=True),
        own=measure.photometric(net, seen, seen.reflectance),
        other=measure.photometric(net, seen, other),
        mirrored=measure.photometric(net, seen, seen.reflectance.flip(-1)),
        mouth=measure.correlation(*mouth), eyes=measure.correlation(*eyes),
        blinks=blinks, hit=hit,
    )  # fmt: skip


def photographs(net: Cest, faces: Faces, got: _Gathered, most: int) -> None:
    """Held-out photographs, in batches."""
    shown = faces.photographs[: most * 40]
    if not shown:
        return
    own = Faces(shown, faces.room)
    batches = data.Batches(own, net.sizes.size, data.Mix(0, 0, 2, 0), data.STILL, net.device)
    for k in range(0, len(shown), measure.AT_ONCE):
        groups: data.Groups = [(c, np.zeros(1, np.int32)) for c in shown[k : k + measure.AT_ONCE]]
        seen = measure.look(net, batches.assemble(groups, np.random.default_rng(0)))
        got.add(
            photo_landmarks=measure.landmark_errors(seen.marks(net), seen.wanted()),
            photo_own=measure.photometric(net, seen, seen.reflectance),
            photo_mirrored=measure.photometric(net, seen, seen.reflectance.flip(-1)),
        )
        if k < STILL_FACES:
            for picture in seen.batch.pictures[:STILL_FACES]:
                pixels, weight = measure.jitter(net, picture)
                got.add(jitter_pixels=pixels, jitter_weight=weight)


def renders(net: Cest, faces: Faces, head: Head, got: _Gathered) -> None:
    """Renders: what moves, and what only the light moves over."""
    for clip, seen in tqdm(
        measure.each(faces, net, lambda c: c.source == "synthetic", 1), "renders", mininterval=2
    ):
        if "light" in clip.name:
            there = measure.shown(net, seen).all(0)
            got.add(turning=measure.turning(seen.texture, seen.reflectance, there),
                    relit=measure.relit(net, seen, clip))  # fmt: skip
            continue
        albedo, of_texture = measure.albedo_errors(seen, clip, net)
        person = head.person(np.asarray(clip.known["identity"], np.float32))
        got.add(
            rotation=measure.rotation_errors(seen, clip),
            shape=measure.shape_errors(net, seen, person),
            albedo=albedo, of_texture=of_texture,
            light=measure.light_correlation(seen.light, np.asarray(clip.known["light"])),
        )  # fmt: skip


def evaluate(net: Cest, config: Config, faces: Faces, most: int) -> Figures:
    """All figures of one net."""
    got = _Gathered()
    people(net, faces, got, most)
    photographs(net, faces, got, most)
    renders(net, faces, Head.load(), got)
    count = got.total("blinks")
    return Figures(
        frames=len(got.values.get("landmarks", [])),
        landmarks_median=got.share("landmarks", 50), landmarks_95=got.share("landmarks", 95),
        landmarks_outer_median=got.share("outer", 50),
        own=got.mean("own"), other=got.mean("other"), mirrored=got.mean("mirrored"),
        photographs_own=got.mean("photo_own"), photographs_mirrored=got.mean("photo_mirrored"),
        photographs_landmarks=got.share("photo_landmarks", 50),
        mouth_correlation=got.mean("mouth"), eyes_correlation=got.mean("eyes"),
        blinks=int(count), blink_recall=got.total("hit") / count if count else float("nan"),
        jitter_pixels=got.mean("jitter_pixels"), jitter_weight=got.mean("jitter_weight"),
        identity_within=got.mean("identity_within"),
        reflectance_within=got.mean("reflectance_within"),
        rotation_degrees=got.mean("rotation"), shape_mm=got.mean("shape"),
        albedo=got.mean("albedo"), albedo_of_texture=got.mean("of_texture"),
        light_correlation=got.mean("light"), turning=got.mean("turning"), relit=got.mean("relit"),
        step_seconds=step_seconds(net, config, faces),
    )  # fmt: skip


def step_seconds(net: Cest, config: Config, faces: Faces, times: int = 3) -> float:
    """Seconds for a step with all losses, forth and back; on a CPU those of one thread."""
    mix = data.Mix(
        config.data.mix.real if faces.people else 0,
        config.data.mix.synthetic if faces.renders else 0, config.data.mix.frames,
        config.data.mix.photographs if faces.photographs else 0,
    )  # fmt: skip
    device = net.device
    trainer = Trainer(config, copy.deepcopy(net).train(), faces, device, mix)
    clock = time.process_time if device.type == "cpu" else time.perf_counter
    taken = []
    for k in range(times):
        began = clock()
        total = trainer.second(k, np.random.default_rng(k))["total"]
        total.backward()
        float(total.detach())  # which a GPU is waited for by
        taken.append(clock() - began)
    return float(np.median(taken))


def swap_and_averaging(net: Cest, config: Config, faces: Faces) -> tuple[float, float]:
    """One thread's seconds for a step with the clip's reflectances swapped, and averaged."""
    swap, mean = (
        replace(config, ablation=Ablation(averaging=averaging)) for averaging in (False, True)
    )
    return step_seconds(net, swap, faces), step_seconds(net, mean, faces)


def verdict(rows: dict[str, Figures]) -> list[str]:
    """How each row's error with another frame's reflectance stands to the full loss's."""
    full = rows.get(FULL)
    if full is None:
        return []
    lines = []
    for name, figures in rows.items():
        if name != FULL:
            less = 100 * (1 - full.other / figures.other)
            wanted = f" (wanted: {LEAD} %)" if name == "independent" else ""
            lines.append(f"{FULL} lies {less:.1f} % below {name} with another's{wanted}")
    return lines


def table(rows: dict[str, Figures]) -> str:
    """Figures down, rows across."""
    wide = max(16, *(len(name) + 2 for name in rows))
    lines = [" " * 24 + "".join(f"{name:>{wide}}" for name in rows)]
    for key in Figures.__slots__:
        values = "".join(f"{getattr(f, key):{wide}.4f}" for f in rows.values())
        lines.append(f"{key:24}{values}")
    return "\n".join(lines)


def main(argv: list[str]) -> None:
    args = _arguments(argv)
    torch.set_num_threads(args.threads)
    rows: dict[str, Figures] = {}
    nets: dict[str, Cest] = {}
    faces: Faces | None = None
    for run in args.rows:
        config, net = load_net(run, pick_device(args.device), args.appearance)
        faces = faces or data.load(args.data or config.data.folder, "test")
        name = row_name(config)
        if name in rows:
            name = f"{name} ({run.name})"
        nets[name] = net
        found = evaluate(net, config, faces, FEWER if args.quick else MORE)
        rows[name] = replace(found, cpu_minutes=spent(run))
        if args.json:
            plain = {n: asdict(f) for n, f in rows.items()}
            args.json.write_text(json.dumps(plain, indent=2), encoding="utf-8")
    tell(table(rows))
    tell("\n".join(verdict(rows)))
    assert faces is not None  # there is a row at least
    swap, averaging = swap_and_averaging(net, config, faces)
    tell(f"seconds a training step: swap {swap:.3f}, averaging {averaging:.3f}")
    if args.sheet:
        sheet.write(args.sheet, nets, faces, drawn=args.drawn)
        tell(str(args.sheet))


def _arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m training.evaluate cest", description=__doc__)
    parser.add_argument("--rows", type=Path, nargs="+", required=True, metavar="RUN")
    parser.add_argument("--appearance", type=Path, metavar="RUN", help="with its reflectance")
    parser.add_argument("--data", type=Path, help="crops; the first run's own if not given")
    parser.add_argument("--sheet", type=Path, help="write a sheet of pictures here (png)")
    parser.add_argument("--drawn", action="store_true", help="with drawn people on it alone")
    parser.add_argument("--json", type=Path, help="write the figures here as well")
    parser.add_argument("--quick", action="store_true", help="a few clips of each person only")
    parser.add_argument("--device", default="cpu", help="auto, cpu or cuda")
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args(argv)
    asked = [*args.rows, *([args.appearance] if args.appearance else [])]
    missing = [str(run) for run in asked if not run.is_dir()]
    if missing:
        raise ConfigError(f"no such run: {', '.join(missing)}")
    return args
