"""Every value that travels between stages. This page is the engine's vocabulary.

`t` is always seconds on the session's Clock, and always the moment in the world that the
value describes (never when it was computed, sent or drawn). Values are frozen: a stage
answers with new ones. Arrays are read-only by custom; numpy inside, never torch, never av.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Colour = tuple[float, float, float]  # linear RGB in [0, 1]


@dataclass(frozen=True, slots=True)
class AudioChunk:
    """Mono sound; `t` is the moment of its first sample."""

    t: float
    samples: Floats  # (n,) in [-1, 1]
    rate: int  # hertz

    @property
    def end(self) -> float:
        return self.t + len(self.samples) / self.rate


@dataclass(frozen=True, slots=True)
class FaceMesh:
    """A face's surface, in head space (see engine.head)."""

    t: float
    vertices: Floats  # (v, 3) millimetres, the head's own motion not applied


@dataclass(frozen=True, slots=True)
class Motion:
    """How a face moves, apart from whose it is."""

    t: float
    weights: Floats  # (52,) in [0, 1], in the order of engine.head.ARKIT
    head: Floats  # (3,) radians: yaw (+ to the person's left), pitch (+ down), roll; order Y X Z


@dataclass(frozen=True, slots=True)
class Appearance:
    """Who the avatar is: the shape of the head and what it is covered with."""

    name: str
    identity: Floats  # (<= k,) coefficients of the head's identity basis, in standard deviations
    skin: Colour
    lips: Colour
    brows: Colour
    iris: Colour
    hair: Colour
    hair_style: str
    garment: Colour
    age: float = 30.0  # years: drives wrinkles, pores and grey
    freckles: float = 0.0  # in [0, 1]
    stubble: float = 0.0  # in [0, 1]
    extra: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """All that a scene may know of the moment t."""

    t: float
    face: FaceMesh
    motion: Motion


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn frame, the top row first, sRGB with straight alpha."""

    t: float
    pixels: Bytes  # (h, w, 3) RGB or (h, w, 4) RGBA


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, told once and never dropped silently.

    `kind` and `what` are words of a fixed vocabulary (docs/mqtt.md); `about` holds plain JSON
    values. Today's kinds: session, speech, viewer, source, scene, mute, command, error.
    """

    t: float
    wall: float  # seconds since 1970, by the machine's clock
    id: str  # unique for ever: the session's own word and a number that counts up
    kind: str
    what: str
    source: str  # which sense it is about, such as "microphone"; "engine" for the session itself
    about: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody outside asks of the session."""

    t: float
    source: str  # the way that it came, such as "mqtt"
    name: str
    args: dict[str, Any] = field(default_factory=dict)
