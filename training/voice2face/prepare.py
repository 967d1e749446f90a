"""Pictures of people who are known -> their heads, by the engine's own tracker: runs/heads.

python -m training.prepare voice2face --source data/lfw --source data/lfw_one
Voices, faces and the table of who is who come from training.prepare voices and sphereface2.
"""

import argparse
from pathlib import Path

from training.loop import tell
from training.voices import people as who

from . import people


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare voice2face", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--source", type=Path, action="append", required=True,
        help="folder of PERSON/picture, whole pictures and not crops; may be repeated")  # fmt: skip
    add("--people", type=Path, default=Path("runs/people.csv"), help="who is known (%(default)s)")
    add("--to", type=Path, default=Path("runs/heads"))
    args = parser.parse_args(argv)
    found = people.prepare(args.source, who.read([args.people]).keys(), args.to)
    tell(f"{len(found)} people in {args.to}")
