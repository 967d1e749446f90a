"""Every value that travels between stages. This page is the engine's vocabulary.

`t` is always seconds on the session's Clock, and always the moment in the world that the
value describes (never when it was computed, sent or drawn). Values are frozen: a stage
answers with new ones. Arrays are read-only by custom; numpy inside, never torch, never av.
"""

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Bytes = NDArray[np.uint8]
Colour = tuple[float, float, float]  # linear RGB in [0, 1]
VIEWS = ("avatar", "face", "overlay", "layers")  # what a scene with a camera can show


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
class VideoFrame:
    """One picture of a camera or a file."""

    t: float
    pixels: Bytes  # (h, w, 3) RGB


@dataclass(frozen=True, slots=True)
class Face:
    """One face of a frame, in its pixels: the first one's centre is (0, 0), y goes down."""

    track: int  # the same number for the same face as long as it is followed
    box: Floats  # (4,) left, top, right, bottom
    points: Floats  # (6, 2) right eye, left eye, nose, mouth, right ear, left ear: the person's
    score: float  # in [0, 1]: how sure it is that this is a face
    quality: float  # in [0, 1]: how far the picture of it can be relied on
    advice: str  # what would better that, in words for the person; "" where it is good


@dataclass(frozen=True, slots=True)
class Faces:
    """The faces that are followed in one frame, possibly none."""

    t: float
    frame: VideoFrame
    faces: tuple[Face, ...]  # those first that have been followed longest


@dataclass(frozen=True, slots=True)
class FaceCrop:
    """One face cut out of a VideoFrame, upright and at a standard place (see engine.faces)."""

    t: float
    track: int  # the same number for the same face as long as it is followed
    pixels: Bytes  # (s, s, 3) RGB; s = 112 for identity, 256 (or 128) for CEST
    to_frame: Floats  # (2, 3): from pixels of the crop to those of the frame
    quality: float  # in [0, 1]: how far the picture of this face can be relied on


@dataclass(frozen=True, slots=True)
class FaceParams:
    """What CEST finds in one face of a frame (see engine.track): its own four words, and more."""

    t: float
    track: int
    viewpoint: Floats  # (7,) head to frame: log of pixels a millimetre, rotation vector (x right,
    # y up, z to the viewer), and where the face's middle lies: pixels right, down, towards us
    identity: Floats  # (k,) in standard deviations of the head's modes: the mean so far
    expression: Floats  # (52,) in [0, 1], in the order of engine.head.ARKIT
    reflectance: Floats  # (s, s, 3) linear RGB in [0, 1] on the face's map: the mean so far
    illumination: Floats  # (9,) harmonics, x right, y up, z to the viewer
    landmarks68: Floats  # (68, 2) pixels of the frame
    landmarks468: Floats  # (468, 2) the same
    head: Floats  # (3,) radians: yaw, pitch, roll, as in Motion
    confidence: float  # in [0, 1]: how far all this can be relied on
    mouth: float  # in [0, 1]: how far the mouth is seen, and not a hand before it


@dataclass(frozen=True, slots=True)
class Tracked:
    """A frame and what was found of the face that is followed in it, if there was one."""

    t: float
    frame: VideoFrame
    params: FaceParams | None


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
    tint: Floats | None = None  # (s, s, 3) on the face's map: how many times as bright it is there
    extra: dict[str, float] = field(default_factory=dict)
    albedo: Floats | None = None  # (s, s, 3) linear RGB on the face's map (engine.head.uv): a face
    # that was learned, worn in place of what would be painted there


@dataclass(frozen=True, slots=True)
class Evidence:
    """How much one source speaks for a face being who it is taken for (see engine.verify)."""

    t: float
    track: int
    kind: str  # what it comes from: face, voice; lips, synchrony, motion, and together: liveness
    llr: float  # log of the likelihood ratio by now: + for, - against; nats. A kind's newest counts


@dataclass(frozen=True, slots=True)
class Identity:
    """What is decided of one face at t; `similarity`, `threshold` and `evidence` are scores,
    which only trusted callers are given: to others they are None."""

    t: float  # the moment of the last frame that was used
    track: int
    decision: Literal["pending", "match", "no_match", "unknown", "rejected"]
    name: str | None  # who, where the decision is match; otherwise None
    reason: str
    target_fmr: float  # of the whole search
    model_id: str
    quality: float  # in [0, 1], of the last frame
    advice: str  # what would better the picture; "" where it is good
    frames_used: int
    t_decision: float  # the moment at which the decision last changed
    request_id: str
    similarity: float | None = None  # cosine, of the mean over frames; no probability
    threshold: float | None = None  # the similarity that would have been accepted
    evidence: float | None = None  # in [-1, 1]: 1 is enough to accept, -1 to reject

    @property
    def verified(self) -> bool:
        return self.decision == "match"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One face of a Present, and what is known of it."""

    box: Floats  # (4,) left, top, right, bottom in the Present's pixels
    identity: Identity
    evidence: tuple[tuple[float, float], ...]  # (t, in [-1, 1]) of the last seconds


@dataclass(frozen=True, slots=True)
class Present:
    """Who is before the camera, for a scene that needs "verify"."""

    t: float
    pixels: Bytes  # (h, w, 3) RGB
    faces: tuple[Sighting, ...]  # those first that have been followed longest
    words: str  # what the session says of it; "" where there is nothing to say
    liveness: str = ""  # whether lips go with the sound, in words


@dataclass(frozen=True, slots=True)
class Seen:
    """The camera's part of a moment, as a scene needs it to draw what was found."""

    view: str  # of VIEWS: what is asked for
    picture: Bytes  # (h, w, 3) RGB
    params: FaceParams  # in pixels of this picture


@dataclass(frozen=True, slots=True)
class Persona:
    """The head that is imagined for a voice: nobody's, and no likeness of whoever speaks."""

    t: float
    seconds: float  # of speech that it comes from; at 0 it is nobody in particular
    identity: Floats  # (k,) coefficients of the head's identity basis
    tone: Floats  # (3,) linear light: how many times as bright as nobody's the skin is
    tint: Floats  # (s, s, 3) the same place by place beside that, on the face's map
    kind: str  # the class of voice, where that is sure; "" where it is not
    words: str  # what there is to say to a person; "" where all is well
    share: float = 0.0  # in [0, 1]: how far it has come from nobody
    locked: bool = False  # whether further speech changes it


@dataclass(frozen=True, slots=True)
class World:
    """All that a scene may know of the moment t."""

    t: float
    face: FaceMesh
    motion: Motion
    seen: Seen | None = None  # where a scene needs "track" and shows more than an avatar
    present: Present | None = None  # where the scene needs "verify"
    persona: Persona | None = None  # where the scene needs "persona"


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
