"""What an imagined head looks like besides its shape and skin: as an avatar, to be kept.

A voice says nothing of hair, clothes or eyes, and nothing here pretends that it does: these are
this project's choice, by the class of voice, so that there is somebody to look at.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.types import Appearance, Persona

from .avatar import Avatar, Face, Garment, Hair, Identity, appearance_of, coloured
from .model import Head

_FACE = Face(skin="#d3a188", lips="#a9635c", brows="#3f2c20", iris="#5f5142", age=32.0)
_HAIR = Hair("swept", "#3b2a20")
_PLAIN = Avatar("Persona", face=_FACE, hair=_HAIR, garment=Garment("#3c4654"))
BASES = {
    "": _PLAIN,
    "female": replace(
        _PLAIN, hair=replace(_HAIR, style="bob"),
        face=replace(_FACE, lips="#b45f5d", brow_thickness=0.8, age=29.0)),
    "male": replace(
        _PLAIN, face=replace(_FACE, lips="#9c6258", stubble=0.55, brow_thickness=1.3, age=36.0)),
}  # fmt: skip


def avatar_of(persona: Persona) -> Avatar:
    """A persona as an avatar's TOML says it; its tint is kept beside (see engine.head.avatar)."""
    base = BASES.get(persona.kind, _PLAIN)
    modes = tuple(round(float(v), 4) for v in persona.identity)
    face = replace(base.face, skin=coloured(base.face.skin, persona.tone),
                   lips=coloured(base.face.lips, persona.tone))  # fmt: skip
    return replace(base, identity=Identity(modes=modes), face=face)


def appearance(persona: Persona, head: Head) -> Appearance:
    """A persona as the avatar scene draws it."""
    made = appearance_of(avatar_of(persona), head, Path("persona"))
    return replace(made, tint=persona.tint)


def base(kind: str, nobody: Appearance, head: Head) -> Appearance:
    """Nobody's head with what belongs to a class of voice."""
    made = appearance_of(BASES.get(kind, _PLAIN), head, Path("persona"))
    return replace(made, identity=nobody.identity, tint=np.ones_like(nobody.tint))
