"""`python -m engine.verify`: enroll people with their consent, and tell who is before a camera."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from . import claims_command, commands, covariates_command
from .gallery import DEFAULT
from .protect import DEFAULT_KEY

_EXAMPLES = """\
a first session:
  python -m engine.verify enroll Anna anna1.jpg anna2.heic --purpose "door" --expires 1y
  python -m engine.verify calibrate --target-fmr 1e-3
  python -m engine.verify watch 0                 # the first camera; or a video's path
  python -m engine.verify identify somebody.jpg --json
  python -m engine.verify remove Anna

exit codes: 0 done, or verified; 3 answered, with no; 2 a wrong request; 1 a failure.
A recogniser of your own: --model FOLDER, with the ONNX file and about.json (docs/verify.md)."""


class Parser(argparse.ArgumentParser):
    """Tells a wrong command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"likeness: {message} (--help lists the options)\n")


def parser() -> Parser:
    p = Parser(
        prog="python -m engine.verify", description=__doc__, epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sub = p.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    _asking(sub)
    _keeping(sub)
    covariates_command.add_parser(sub)
    claims_command.add_parser(sub)
    return p


def _asking(sub: Any) -> None:
    """The commands that compare."""
    p = _command(sub, "compare", commands.compare, "whether two pictures show the same person")
    p.add_argument("one", type=Path, metavar="A")
    p.add_argument("other", type=Path, metavar="B")
    _target(p)
    p = _command(sub, "identify", commands.identify, "who of the gallery is in a picture")
    p.add_argument("picture", type=Path)
    _target(p)
    p = _command(sub, "watch", commands.watch, "tell, as it changes, who is before a camera")
    p.add_argument(
        "source", nargs="?", default="0", help="a camera's name or number (0), or a video"
    )
    p.add_argument("--expect", metavar="NAME", help="only ask whether it is this person")
    p.add_argument("--seconds", type=float, help="end after so long")
    _target(p)
    p = _command(
        sub, "calibrate", commands.calibrate_command,
        "the threshold for a rate of false matches, with how sure it is, and a DET picture",
    )  # fmt: skip
    p.add_argument("--picture", type=Path, default=Path("det.png"), help="where to draw (det.png)")
    _target(p)
    p = _command(
        sub, "cohort", commands.cohort,
        "what strangers score by a model of your own, from FOLDER/NAME/pictures and clips",
    )  # fmt: skip
    p.add_argument("folder", type=Path, help="people whom the model was not trained on")


def _keeping(sub: Any) -> None:
    """The commands that change who is enrolled, or how they are kept."""
    p = _command(sub, "enroll", commands.enroll, "add somebody, or many from a folder a person")
    p.add_argument("name", nargs="?")
    p.add_argument("pictures", nargs="*", type=Path, help="files or folders, one face in each")
    p.add_argument("--folder", type=Path, help="many people: FOLDER/NAME/pictures")
    p.add_argument("--camera", metavar="SOURCE", help="a camera's name or number, or a video")
    p.add_argument("--seconds", type=float, default=30.0, help="of the camera, at most (30)")
    p.add_argument("--purpose", required=True, help="what they agreed to be recognised for")
    p.add_argument("--expires", required=True, help="until when: 2027-01-31, 90d, 6m or 1y")
    _command(sub, "list", commands.list_people, "who is enrolled, for what, and until when")
    p = _command(sub, "remove", commands.remove, "forget people, and verify that they are gone")
    p.add_argument("names", nargs="+", metavar="NAME")
    p = _command(sub, "export", commands.export, "everybody in one file, under a passphrase")
    p.add_argument("file", type=Path)
    p = _command(sub, "import", commands.import_people, "everybody of such a file")
    p.add_argument("file", type=Path)
    p = _command(sub, "rekey", commands.rekey, "revoke: everybody under a new key")
    p.add_argument("new_key_file", type=Path)
    p = _command(sub, "key", commands.key, "make a key for galleries")
    p.add_argument("file", type=Path)


def _command(
    sub: Any, name: str, command: Callable[..., int], what: str
) -> argparse.ArgumentParser:
    p: argparse.ArgumentParser = sub.add_parser(name, help=what, description=what)
    p.set_defaults(command=command)
    p.add_argument("--gallery", default=str(DEFAULT), help=f"a file, or postgresql:// ({DEFAULT})")
    p.add_argument("--key-file", type=Path, help=f"the gallery's key ({DEFAULT_KEY})")
    p.add_argument("--model", type=Path, help="the folder of a recogniser of your own")
    p.add_argument("--provider", default="cpu", choices=("auto", "cpu", "cuda"))
    p.add_argument("--json", action="store_true", help="JSON, one object a line")
    return p


def _target(p: argparse.ArgumentParser) -> None:
    p.add_argument(
        "--target-fmr", type=float, default=1e-3, metavar="RATE",
        help="false matches a search, among all who are enrolled (1e-3)",
    )  # fmt: skip


def main(argv: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.WARNING, format="likeness: %(message)s")
    p = parser()
    args = p.parse_args(argv)
    if args.command is commands.enroll:
        _check_enroll(p, args)
    return commands.run(args)


def _check_enroll(p: Parser, args: argparse.Namespace) -> None:
    """Exactly one of pictures, a folder and a camera."""
    if (args.folder is None) == (args.name is None):
        p.error("enroll NAME pictures..., or enroll --folder FOLDER")
    if args.name is not None and bool(args.pictures) == (args.camera is not None):
        p.error(f"give pictures of {args.name}, or --camera 0")


if __name__ == "__main__":
    sys.exit(main())
