"""What a page may ask of a scene with a camera: `POST /view {"view": NAME}` and `POST /wear`."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from ..errors import EngineError
from .guard import refuse

Ask = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


def ask_route(path: str, ask: Ask) -> web.RouteDef:
    """`ask` gets the JSON object that was sent and answers with one; its EngineErrors are told."""

    async def answer(request: web.Request) -> web.Response:
        try:
            asked = json.loads((await request.read()).decode())
        except (ValueError, RecursionError):
            return refuse(400, "the body is not JSON")
        if not isinstance(asked, dict):
            return refuse(400, "send a JSON object")
        try:
            return web.json_response(await ask(asked))
        except EngineError as e:
            return refuse(400, str(e))

    return web.post(path, answer)
