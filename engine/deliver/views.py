"""What a page may ask of a scene with a camera: `POST /view {"view": NAME}`, `POST /challenge`."""

import json
from collections.abc import Callable

from aiohttp import web

from .guard import refuse


def view_route(known: tuple[str, ...], choose: Callable[[str], None]) -> web.RouteDef:
    """`choose` is called with one of `known`; anything else is refused."""

    async def answer(request: web.Request) -> web.Response:
        try:
            asked = json.loads((await request.read()).decode())
        except (ValueError, RecursionError):
            return refuse(400, "the body is not JSON")
        view = asked.get("view") if isinstance(asked, dict) else None
        if view not in known:
            return refuse(400, f"view should be one of {', '.join(known)}")
        choose(view)
        return web.json_response({"view": view})

    return web.post("/view", answer)


def challenge_route(begin: Callable[[], None]) -> web.RouteDef:
    """Whoever is before the camera is asked to turn and to speak; how it ends is an event."""

    async def answer(_: web.Request) -> web.Response:
        begin()
        return web.json_response({"ok": True})

    return web.post("/challenge", answer)
