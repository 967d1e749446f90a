"""`POST /enroll`: whoever is before the session's camera agrees to be known from now on."""

import json
from collections.abc import Callable
from typing import Any

from aiohttp import web

from ..errors import EngineError
from .commands import Refused, consented
from .guard import refuse

Begin = Callable[[str, str, str], None]  # name, purpose, until when


def enroll_routes(begin: Begin) -> list[web.RouteDef]:
    """The body: {"name", "purpose", "expires", "consent": true}; behind the server's guard."""

    async def enroll(request: web.Request) -> web.Response:
        try:
            asked = _parsed(await request.read())
            begin(asked["name"], asked["purpose"], asked["expires"])
        except EngineError as e:
            return refuse(400, str(e))
        return web.json_response({"ok": True})

    return [web.post("/enroll", enroll)]


def _parsed(body: bytes) -> dict[str, str]:
    """What is asked; Refused where something is wrong with it."""
    try:
        asked: Any = json.loads(body)
    except (ValueError, RecursionError) as e:
        raise Refused("the body is not JSON") from e
    return consented(asked if isinstance(asked, dict) else {})
