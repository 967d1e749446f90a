"""`POST /enroll`: whoever is before the session's camera agrees to be known from now on."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ..errors import EngineError
from .guard import refuse

Begin = Callable[[str, str, str], None]  # name, purpose, until when
_LONGEST = 200  # characters of each


def enroll_routes(begin: Begin) -> list[web.RouteDef]:
    """The body: {"name", "purpose", "expires", "consent": true}; behind the server's guard."""

    async def enroll(request: web.Request) -> web.Response:
        asked = _parsed(await request.read())
        if isinstance(asked, str):
            return refuse(400, asked)
        try:
            begin(asked["name"], asked["purpose"], asked["expires"])
        except EngineError as e:
            return refuse(400, str(e))
        return web.json_response({"ok": True})

    return [web.post("/enroll", enroll)]


def _parsed(body: bytes) -> dict[str, str] | str:
    """What is asked, or what is wrong with it."""
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError):
        return "the body is not JSON"
    if not isinstance(asked, dict) or asked.get("consent") is not True:
        return "nobody is enrolled without their consent: tick the box"
    found = {k: asked.get(k) for k in ("name", "purpose", "expires")}
    for word, value in found.items():
        if not isinstance(value, str) or not 0 < len(value.strip()) <= _LONGEST:
            return f"say the {word} in up to {_LONGEST} characters"
    return {k: str(v).strip() for k, v in found.items()}
