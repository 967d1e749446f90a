"""WHEP: the session for players that speak the standard (draft-ietf-wish-whep; as RFC 9725).

POST /live/whep     an offer (application/sdp) -> 201, the answer; Location is this connection's own
PATCH Location      candidates that came later (application/trickle-ice-sdpfrag) -> 204; an ICE
                    restart is refused with 422: connect anew
DELETE Location     the end -> 200
OPTIONS             what may be sent, and ICE servers, for a page of another site that is allowed
"""

import secrets
from collections.abc import Awaitable, Callable

from aiohttp import web

from .guard import WHEP, refuse
from .ice import Ice
from .webrtc import Viewer

SDP, FRAGMENT = "application/sdp", "application/trickle-ice-sdpfrag"
Admit = Callable[[str], Awaitable[tuple[Viewer, str] | web.Response]]


class Whep:
    """The routes; `admit` gives whoever made an offer a place and the answer, or refuses."""

    def __init__(self, admit: Admit, ice: Ice) -> None:
        self._admit, self._ice = admit, ice
        self._viewers: dict[str, Viewer] = {}
        one = WHEP + "/{id}"
        self.routes = [
            web.post(WHEP, self._post),
            web.options(WHEP, self._options),
            web.patch(one, self._patch),
            web.delete(one, self._delete),
            web.options(one, self._options),
        ]

    async def _post(self, request: web.Request) -> web.Response:
        try:
            offer = (await request.read()).decode()
        except UnicodeDecodeError:
            return refuse(400, "the offer is no text")
        admitted = await self._admit(offer)
        if isinstance(admitted, web.Response):
            return admitted
        viewer, answer = admitted
        viewer.release()  # there is no page that would say when it is ready
        self._viewers = {k: v for k, v in self._viewers.items() if not v.closed.is_set()}
        name = secrets.token_urlsafe(18)
        self._viewers[name] = viewer
        response = web.Response(status=201, text=answer, content_type=SDP)
        response.headers["Location"] = f"{WHEP}/{name}"
        return self._linked(response)

    async def _options(self, request: web.Request) -> web.Response:
        return self._linked(web.Response(status=200, headers={"Accept-Post": SDP}))

    def _linked(self, response: web.Response) -> web.Response:
        for link in self._ice.links():
            response.headers.add("Link", link)
        return response

    async def _patch(self, request: web.Request) -> web.Response:
        viewer = self._known(request)
        if viewer is None:
            return _gone()
        try:
            restarts = not await viewer.trickle((await request.read()).decode())
        except ValueError as e:
            return refuse(400, str(e)[:200])
        if restarts:
            return refuse(422, "a connection here does not restart: DELETE it and POST a new offer")
        return web.Response(status=204)

    async def _delete(self, request: web.Request) -> web.Response:
        viewer = self._known(request)
        if viewer is None:
            return _gone()
        del self._viewers[request.match_info["id"]]
        await viewer.close("")
        return web.Response(status=200)

    def _known(self, request: web.Request) -> Viewer | None:
        viewer = self._viewers.get(request.match_info["id"])
        return None if viewer is None or viewer.closed.is_set() else viewer


def _gone() -> web.Response:
    return refuse(404, "no such connection: it has ended, or never was")
