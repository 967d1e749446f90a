"""The renderer's process: `python -m engine.render.child FD`, started by process.Renderer."""

import signal
import sys
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection

from engine.errors import EngineError
from engine.head import Head

from .canvas import Canvas, create_context
from .config import RenderConfig
from .process import Order, Shared
from .scene import Scene, load_scene
from .window import Window


def main(file: int) -> int:
    """Draws what it is told to until the pipe ends, which it does when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    pipe = Connection(file)
    order: Order = pipe.recv()
    try:
        _serve(pipe, order)
    except EngineError as e:
        with suppress(OSError):  # the parent may have left for another reason
            pipe.send(("error", (type(e).__name__, str(e))))
        return e.exit_code
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return 0
    return 0


def _serve(pipe: Connection, order: Order) -> None:
    shared = Shared(order.memory, order.shape)
    window = _window(order.config)
    ctx = window.ctx if window else create_context()
    canvas = Canvas(ctx, order.config)
    scene = _scene(canvas, order)
    pipe.send(("ready", str(ctx.info["GL_RENDERER"])))
    while True:
        seen, present, persona = pipe.recv()
        canvas.begin()
        scene.draw(replace(shared.get(), seen=seen, present=present, persona=persona))
        shared.pixels[:] = canvas.read()
        closed = window.show(canvas) if window else False
        pipe.send(("drawn", "closed" if closed else ""))


def _scene(canvas: Canvas, order: Order) -> Scene:
    made = load_scene(order.config.scene)
    return made(canvas, Head.load(), order.appearance, order.config)


def _window(config: RenderConfig) -> Window | None:
    return Window(config) if config.window else None


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
