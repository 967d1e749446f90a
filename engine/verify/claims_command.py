"""`python -m engine.verify claims`: the owner's key, by which claims are signed."""

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import DeliveryError
from .commands import say
from .keys import DEFAULT_FILE, Keys, key_id, new_keys, open_keys, published, rotate


def add_parser(sub: Any) -> None:
    what = "make, show, publish and replace the key that signs who is before the camera"
    p = sub.add_parser("claims", help=what, description=what)
    each = p.add_subparsers(required=True, metavar="ACTION", parser_class=type(p))
    for name, command, words in (
        ("new", new, "make the owner's key"),
        ("show", show, "the key in use, the end of links that pin it, and those before it"),
        ("publish", publish, "write the public keys and their signatures to FILE"),
        ("rotate", replace, "a new key, signed by the old one, which is gone then"),
    ):
        action = each.add_parser(name, help=words, description=words)
        action.set_defaults(command=command)
        if name == "publish":
            action.add_argument("file", type=Path)
        action.add_argument("--key-file", type=Path, help=f"the private key ({DEFAULT_FILE})")
        action.add_argument("--json", action="store_true", help="JSON, one object a line")


def new(args: argparse.Namespace) -> int:
    keys = new_keys(args.key_file)
    return _tell(args, keys, ["a key was made; keep a copy of it elsewhere"])


def show(args: argparse.Namespace) -> int:
    keys = open_keys(args.key_file)
    days = [datetime.fromtimestamp(link["since"], UTC).date() for link in keys.chain]
    each = [f"{key_id(k['key'])}  since {day}" for k, day in zip(keys.chain, days, strict=True)]
    return _tell(args, keys, each)


def publish(args: argparse.Namespace) -> int:
    keys = open_keys(args.key_file)
    try:
        args.file.write_text(published(keys), "utf-8")
    except OSError as e:
        raise DeliveryError(f"cannot write {args.file}: {e.strerror}") from e
    return _tell(args, keys, [f"{args.file}: put it where people know it to be yours"])


def replace(args: argparse.Namespace) -> int:
    keys = rotate(args.key_file)
    return _tell(args, keys, ["pages that trust the old key follow by its signature: publish anew"])


def _tell(args: argparse.Namespace, keys: Keys, lines: list[str]) -> int:
    pin = f"#key={keys.id}"
    value = {"key": keys.public, "id": keys.id, "pin": pin, "keys": keys.chain}
    say(args, value, [*lines, f"key   {keys.id}", f"links end in  {pin}"])
    return 0
