"""What a page may ask of a scene: `POST /view {"view": NAME}`, `POST /wear`,
`POST /persona {"do": WHAT}`, `POST /challenge`."""

import asyncio
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


def persona_route(known: tuple[str, ...], do: Callable[[str], dict[str, Any]]) -> web.RouteDef:
    """`do` is called with one of `known`, beside the loop, for it may write a file; 409 with its
    reason where it cannot."""

    async def answer(request: web.Request) -> web.Response:
        what = await _asked(request, "do", known)
        if isinstance(what, web.Response):
            return what
        try:
            return web.json_response(await asyncio.to_thread(do, what))
        except EngineError as e:
            return refuse(409, str(e))

    return web.post("/persona", answer)


async def _asked(request: web.Request, key: str, known: tuple[str, ...]) -> "str | web.Response":
    """The body's one word, or what to answer instead."""
    try:
        asked = json.loads((await request.read()).decode())
    except (ValueError, RecursionError):
        return refuse(400, "the body is not JSON")
    word = asked.get(key) if isinstance(asked, dict) else None
    if not isinstance(word, str) or word not in known:
        return refuse(400, f"{key} should be one of {', '.join(known)}")
    return word


def challenge_route(begin: Callable[[], None]) -> web.RouteDef:
    """Whoever is before the camera is asked to turn and to speak; how it ends is an event."""

    async def answer(_: web.Request) -> web.Response:
        begin()
        return web.json_response({"ok": True})

    return web.post("/challenge", answer)
