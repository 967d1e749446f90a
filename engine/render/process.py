"""The renderer's process, seen from the engine.

OpenGL calls hold the interpreter lock for a whole frame, so drawing has a process of its own.
Worlds go in and pictures come out through one piece of shared memory; a pipe says when, and what
the camera sees, who is before it, or who is imagined, where a scene asks for that.
"""

import mmap
import os
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from engine import errors
from engine.errors import DeviceError
from engine.types import (
    Appearance,
    FaceMesh,
    Floats,
    Motion,
    Persona,
    Picture,
    Present,
    Seen,
    World,
)

from .config import RenderConfig

START_SECONDS = 60.0  # a slow machine compiles shaders for the first time
FRAME_SECONDS = 20.0
STOP_SECONDS = 3.0
_HEAD = 64  # numbers before the vertices: t, 3 angles, 52 weights


@dataclass(frozen=True, slots=True)
class Shape:
    """What passes between the two processes; both compute the same layout from it."""

    vertices: int
    width: int
    height: int
    channels: int

    @property
    def world_bytes(self) -> int:
        return 8 * _HEAD + 12 * self.vertices

    @property
    def bytes(self) -> int:
        return self.world_bytes + self.width * self.height * self.channels


@dataclass(frozen=True, slots=True)
class Order:
    """What the child is told at its start."""

    config: RenderConfig
    appearance: Appearance
    shape: Shape
    memory: int  # file descriptor


class Shared:
    """The shared memory: a world without what the camera sees, then a picture."""

    def __init__(self, file: int, shape: Shape) -> None:
        self._map = mmap.mmap(file, shape.bytes)
        self._head: Any = np.frombuffer(self._map, np.float64, _HEAD)
        self._vertices: Any = np.frombuffer(
            self._map, np.float32, shape.vertices * 3, 8 * _HEAD
        ).reshape(-1, 3)
        self.pixels: Any = np.frombuffer(self._map, np.uint8, offset=shape.world_bytes).reshape(
            shape.height, shape.width, shape.channels
        )

    def put(self, world: World) -> None:
        self._head[0] = world.t
        self._head[1:4] = world.motion.head
        self._head[4:56] = world.motion.weights
        self._vertices[:] = world.face.vertices

    def get(self) -> World:
        t = float(self._head[0])
        angles: Floats = self._head[1:4].astype(np.float32)
        weights: Floats = self._head[4:56].astype(np.float32)
        face, motion = FaceMesh(t, self._vertices.copy()), Motion(t, weights, angles)
        return World(t, face, motion)


class Renderer:
    """Draws worlds in a child process, which starts at once; `draw` is safe from any thread."""

    def __init__(self, config: RenderConfig, appearance: Appearance, vertices: int) -> None:
        """`vertices`: how many the head has. Does not wait for the child: see wait_ready."""
        channels = 4 if config.transparent else 3
        shape = Shape(vertices, config.width, config.height, channels)
        memory = _memory(shape.bytes)
        self._shared = Shared(memory, shape)
        self._pipe, child = Pipe()
        self._process = _start(child, memory)
        self._lock = threading.Lock()
        self._ready = False
        self.window_closed = False
        self.about = ""  # the GL renderer's name, once ready
        self._pipe.send(Order(config, appearance, shape, memory))
        os.close(memory)
        child.close()

    @property
    def pid(self) -> int:
        """The child's process, for measuring it."""
        return self._process.pid

    def wait_ready(self) -> str:
        """Waits until the child can draw; the name of the GL renderer. EngineError if it cannot."""
        with self._lock:
            if not self._ready:
                self.about = str(self._answer(START_SECONDS))
                self._ready = True
        return self.about

    def draw(self, world: World) -> Picture:
        """The picture of `world`. Waits for it: to be called from a pool, not from the loop."""
        self.wait_ready()
        with self._lock:
            self._shared.put(world)
            self._tell((world.seen, world.present, world.persona))  # small enough for the pipe
            self.window_closed = self._answer(FRAME_SECONDS) == "closed"
            return Picture(world.t, self._shared.pixels.copy())

    def close(self) -> None:
        """Ends the child; may be called twice."""
        with self._lock:
            self._pipe.close()  # the child reads the end of the pipe and leaves
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()

    def __enter__(self) -> "Renderer":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, more: tuple[Seen | None, Present | None, Persona | None]) -> None:
        try:
            self._pipe.send(more)
        except OSError as e:
            raise self._gone() from e

    def _answer(self, seconds: float) -> Any:
        """What the child says next; its errors are raised here."""
        try:
            if not self._pipe.poll(seconds):
                raise DeviceError(
                    f"the renderer gave no answer for {seconds:.0f} s; see ./run doctor"
                )
            kind, value = self._pipe.recv()
        except (EOFError, OSError) as e:
            raise self._gone() from e
        if kind == "error":
            name, text = value
            raise getattr(errors, name, DeviceError)(text)
        return value

    def _gone(self) -> DeviceError:
        return DeviceError(
            "the renderer's process ended; what it said is above, or see ./run doctor"
        )


def _memory(size: int) -> int:
    """A file descriptor of anonymous memory that a child can inherit."""
    if hasattr(os, "memfd_create"):
        file = os.memfd_create("likeness-render")
    else:  # macOS: a file that has no name any more does as well
        with tempfile.TemporaryFile() as nameless:
            file = os.dup(nameless.fileno())
    os.truncate(file, size)
    return file


def _start(pipe: Connection, memory: int) -> subprocess.Popen[bytes]:
    """A fresh interpreter, not a fork: it must not inherit threads or import engine.live again."""
    files = (pipe.fileno(), memory)
    command = [sys.executable, "-m", "engine.render.child", str(pipe.fileno())]
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    return subprocess.Popen(
        command,
        pass_fds=files,
        stdin=subprocess.DEVNULL,
        env=environment,
        start_new_session=True,  # Ctrl-C is the parent's to handle, from the first moment on
    )
