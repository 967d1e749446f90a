"""Pictures -> aligned crops (and a teacher's embeddings of them), decoded once.

python -m training.prepare sphereface2 --source data/lfw --source people.csv --source train.rec
"""

import argparse
from pathlib import Path

import numpy as np

from training.loop import tell

from . import clips, faces
from .teacher import teach


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare sphereface2",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--source", type=Path, action="append", default=[],
        help="folder of PERSON/picture, .csv with path,person, or MXNet .rec; people of one name "
             "in several sources are one")  # fmt: skip
    add("--to", type=Path, default=Path("runs/faces"))
    add("--align", choices=("live", "middle"), default="live",
        help="by the engine's face finder, or simply the middle half of each picture")  # fmt: skip
    add(
        "--clips", type=Path, help="PERSON/SESSION/clip.mp4 below: recordings, for evidence in time"
    )
    add("--teacher", action="store_true", help="embeddings of dlib's net as well; can be stopped")
    args = parser.parse_args(argv)
    if args.source:
        align = faces.middle if args.align == "middle" else faces.live_align()
        faces.prepare(args.source, args.to, align)
    if args.clips:
        clips.prepare(args.clips, args.to)
    found = faces.load(args.to)
    if args.teacher:
        parts = np.array([("train", "dev", "test").index(faces.part_of(p)) for p in found.people])
        teach(args.to, found.pixels, np.argsort(parts[found.person], kind="stable"))
    tell(summary(found))


def summary(found: faces.Faces) -> str:
    """One line a part: people, pictures, and people who can make a genuine pair."""
    rows = []
    for name in ("train", "dev", "test"):
        part = np.array([faces.part_of(p) == name for p in found.people])
        many = int((part & (found.counts > 1)).sum())
        rows.append(
            f"{name:6}{int(part.sum()):6} people, {many} with two or more of its "
            f"{int(part[found.person].sum())} pictures"
        )
    return "\n".join(rows)
