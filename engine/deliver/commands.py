"""What may be asked of a session from outside: parsed, checked against the list, or refused.

A command is a JSON object, {"command": NAME, ...its arguments..., "id": anything}; `id` comes back
with the answer. Whoever may write to the topic may ask, so nothing here names files or code.
"""

import json
from collections.abc import Callable, Collection
from typing import Any, Literal, get_args

from ..errors import EngineError
from ..types import Command

Name = Literal["scene", "mute", "enrol", "verify"]
NAMES: tuple[str, ...] = get_args(Name)
_LONGEST = 4096  # bytes of a command
_LONGEST_ID = 64  # characters
_LONGEST_WORDS = 200  # characters of a name, a purpose, an end


class Refused(EngineError):
    """A command that is not carried out; its text says why."""


def parse(payload: bytes, allowed: Collection[str], t: float, source: str) -> Command:
    """The command in `payload`; Refused where it is none, or none of `allowed`."""
    if len(payload) > _LONGEST:
        raise Refused(f"a command has at most {_LONGEST} bytes, not {len(payload)}")
    try:
        said = json.loads(payload)
    except (ValueError, RecursionError) as e:
        raise Refused("a command is a JSON object") from e
    if not isinstance(said, dict) or not isinstance(name := said.pop("command", None), str):
        raise Refused('a command is a JSON object with the key "command"')
    if name not in NAMES:
        raise Refused(f"there is no command {name[:32]!r}; there are: {', '.join(NAMES)}")
    if name not in allowed:
        raise Refused(f"{name} is not among the commands that this session takes")
    return Command(t, source, name, _CHECKS[name](said))


def request_id(payload: bytes) -> str | int | None:
    """The `id` that came with a command, however wrong the rest of it is."""
    try:
        found = json.loads(payload[:_LONGEST]).get("id")
    except (ValueError, RecursionError, AttributeError):
        return None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return None
    return found if isinstance(found, str) and len(found) <= _LONGEST_ID else _small(found)


def _small(found: str | int) -> int | None:
    return found if isinstance(found, int) and abs(found) < 2**53 else None


def _scene(args: dict[str, Any]) -> dict[str, Any]:
    scene = args.get("scene")
    if not isinstance(scene, str) or not scene.isidentifier():
        raise Refused('scene wants the name of a built-in scene: {"command": "scene", "scene": …}')
    return {"scene": scene}


def _mute(args: dict[str, Any]) -> dict[str, Any]:
    on = args.get("on")
    if not isinstance(on, bool):
        raise Refused('mute wants true or false: {"command": "mute", "on": true}')
    return {"on": on}


def _enrol(args: dict[str, Any]) -> dict[str, Any]:
    if args.get("action") == "stop":
        return {"action": "stop"}
    if args.get("action") != "start":
        raise Refused('enrol wants an action: "start" or "stop"')
    return {"action": "start"} | consented(args)


def _verify(args: dict[str, Any]) -> dict[str, Any]:
    name = args.get("name")
    if not isinstance(name, str) or len(name) > _LONGEST_WORDS:
        raise Refused('verify wants a name: {"command": "verify", "name": "Anna"}, or "" for all')
    return {"name": name.strip()}


def consented(args: dict[str, Any]) -> dict[str, str]:
    """Who agrees to be known, what for and until when; Refused where somebody does not."""
    if args.get("consent") is not True:
        raise Refused('nobody is enrolled without their consent: tick the box, "consent": true')
    found = {k: args.get(k) for k in ("name", "purpose", "expires")}
    for word, value in found.items():
        if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST_WORDS:
            raise Refused(f"say the {word} in up to {_LONGEST_WORDS} characters")
    return {k: str(v).strip() for k, v in found.items()}


# Each gives the arguments that it knows: whatever else was sent goes no further.
_CHECKS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "scene": _scene,
    "mute": _mute,
    "enrol": _enrol,
    "verify": _verify,
}
