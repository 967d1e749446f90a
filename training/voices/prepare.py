"""Recordings -> the frames in which somebody speaks, heard once; and a table of who is who.

python -m training.prepare voices --source data/librispeech --labels data/librispeech/SPEAKERS.TXT
python -m training.prepare voices --source vox1/wav --labels vox1_meta.csv --labels lfw_gender.json
"""

import argparse
from pathlib import Path

from engine.errors import ConfigError
from training.loop import tell

from . import hear, people
from .degrade import DEGRADED


def main(argv: list[str]) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m training.prepare voices", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    add = parser.add_argument
    add("--source", type=Path, action="append", default=[],
        help="folder of PERSON/.../x.wav (VoxCeleb, LibriSpeech) or PERSON-x.ogg")  # fmt: skip
    add("--to", type=Path, default=Path("runs/voices"))
    add("--degrade", default=",".join(DEGRADED), metavar="A,B",
        help="also as heard through these; '' for none (%(default)s)")  # fmt: skip
    add("--labels", type=Path, action="append", default=[],
        help="what is known of people, of voices and faces alike")  # fmt: skip
    add("--people", type=Path, default=Path("runs/people.csv"), help="where --labels are gathered")
    args = parser.parse_args(argv)
    ways = [w for w in args.degrade.split(",") if w]
    if unknown := set(ways) - set(DEGRADED):
        raise ConfigError(f"--degrade {min(unknown)}: choose of {', '.join(DEGRADED)}")
    if args.labels:
        known = people.read(args.labels)
        people.write(known, args.people)
        tell(f"{len(known)} people in {args.people}")
    if args.source:
        found = hear.prepare(args.source, args.to, ways)
        tell(f"{len(set(found.people))} people, {len(found)} recordings in {args.to}")
