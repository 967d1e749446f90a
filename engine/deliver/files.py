"""The [files] section, and all the files of a session behind one door."""

from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol

from ..errors import DeliveryError
from ..head import Head
from ..types import Appearance, AudioChunk, Picture, World
from .gltf import GlbFile
from .mesh import MeshFile
from .motion import MotionFile
from .params import ParamsFile
from .recorder import Recorder
from .shaping import Shaping


@dataclass(frozen=True, slots=True)
class FilesConfig:
    """What to write; nothing by default."""

    record: Path | None = None  # .mp4, .mkv or .webm: picture and sound
    motion: Path | None = None  # .csv: ARKit-52 weights and head angles; .glb: a head that moves
    mesh: Path | None = None  # .npz: vertices and landmarks
    params: Path | None = None  # .npz: what is tracked of the face before the camera
    persona: Path | None = None  # .toml: the avatar that was imagined by the end


Writer = Recorder | MotionFile | GlbFile | MeshFile


def _motion_file(path: Path, fps: int, head: Head, look: Appearance | None) -> MotionFile | GlbFile:
    if path.suffix.lower() == ".glb" and look is not None:
        return GlbFile(path, fps, head, look)
    return MotionFile(path, fps)


class Shown(Protocol):
    """What a writer needs to know of the pictures."""

    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...
    @property
    def fps(self) -> int: ...
    @property
    def transparent(self) -> bool: ...


class Writers:
    """Every file asked for, opened at once and finished on leaving, whatever the reason.

    All count from one zero, the first world or picture, so that row k, picture k and the
    sound at k / fps belong together. Give worlds before their pictures. Its methods block;
    pictures, worlds and sound may each come from a thread of their own.
    """

    def __init__(
        self,
        config: FilesConfig,
        shown: Shown,
        head: Head,
        look: Appearance | None = None,
        shaping: Shaping | None = None,
    ) -> None:
        """`look` is whose head a .glb shows; `shaping` is of the motion file's weights alone."""
        size = (shown.width, shown.height)
        self.recorder = self.mesh = self.params = None
        self.motion: MotionFile | GlbFile | None = None
        self._shaping = shaping
        with ExitStack() as undo:
            if config.record is not None:
                self.recorder = Recorder(config.record, size, shown.fps, shown.transparent)
                undo.callback(self.recorder.abort)
            if config.motion is not None:
                self.motion = _motion_file(config.motion, shown.fps, head, look)
                undo.callback(self.motion.abort)
            if config.mesh is not None:
                self.mesh = MeshFile(config.mesh, shown.fps, head)
                undo.callback(self.mesh.abort)
            if config.params is not None:
                self.params = ParamsFile(config.params)
            undo.pop_all()

    @property
    def any(self) -> bool:
        return any(self._each())

    def push_world(self, world: World) -> None:
        for writer in self._each():
            writer.places.begin(world.t)
        if self.motion:
            self.motion.push(self._shaping(world.motion) if self._shaping else world.motion)
        if self.mesh:
            self.mesh.push(world.face)

    def push_picture(self, picture: Picture) -> None:
        if self.recorder:
            self.recorder.push(picture)

    def push_sound(self, chunk: AudioChunk) -> None:
        """48 kHz."""
        if self.recorder:
            self.recorder.push_sound(chunk)

    def __enter__(self) -> "Writers":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with ExitStack() as closing:  # one that fails does not keep the others from finishing
            for writer in (*self._each(), self.params):
                if writer is not None:
                    closing.callback(_finish, writer)

    def _each(self) -> list[Writer]:
        return [w for w in (self.recorder, self.motion, self.mesh) if w is not None]


def _finish(writer: Writer | ParamsFile) -> None:
    try:
        writer.finish()
    except DeliveryError:
        writer.abort()  # a full disk is not helped by what is left of the file
        raise
