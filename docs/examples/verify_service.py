"""A service: POST a picture to /identify, get JSON.   python verify_service.py"""

import asyncio

import cv2
import numpy as np
from aiohttp import web

from engine import Verifier
from engine.errors import EngineError
from engine.verify.report import as_json


def application(verifier: Verifier) -> web.Application:
    async def identify(request: web.Request) -> web.Response:
        coded = np.frombuffer(await request.read(), np.uint8)
        picture = cv2.imdecode(coded, cv2.IMREAD_COLOR_RGB) if len(coded) else None
        if picture is None:
            return web.json_response({"error": "no picture"}, status=400)
        try:
            return web.json_response(as_json(await asyncio.to_thread(verifier.identify, picture)))
        except EngineError as e:
            return web.json_response({"error": str(e)}, status=422)

    app = web.Application(client_max_size=8 * 2**20)
    app.router.add_post("/identify", identify)
    return app


if __name__ == "__main__":
    web.run_app(application(Verifier.open()), host="127.0.0.1", port=8090)
