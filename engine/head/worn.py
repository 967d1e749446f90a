"""A person's own face as an avatar: what CEST learned of them on an avatar that exists.

The shape and the reflectance are the person's; hair, eyes and clothes stay the avatar's, and the
skin around the face takes the face's own tone.
"""

import re
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from ..config import load
from ..errors import ConfigError
from ..types import Appearance, Bytes, Floats
from .avatar import Avatar, Identity, find_avatar, read_map, to_srgb, toml_text
from .model import Head
from .uv import face_uv, texel_map

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")


def wear(base: Appearance, head: Head, identity: Floats, reflectance: Floats) -> Appearance:
    """`base` with a face of its own: `identity` (<= k,), `reflectance` (s, s, 3) linear."""
    red, green, blue = _tone(head, reflectance)
    modes = np.zeros(len(head.identity_basis), np.float32)
    modes[: len(identity)] = identity
    return replace(
        base, name=f"{base.name}, worn", identity=modes, albedo=reflectance,
        skin=(red, green, blue), freckles=0.0, stubble=0.0,
    )  # fmt: skip


def _tone(head: Head, reflectance: Floats) -> tuple[float, float, float]:
    """The colour of most of the skin: the median, for lips, brows and nostrils are few."""
    face = face_uv(head)
    triangle, _ = texel_map(face, len(reflectance))
    skin = (triangle >= 0) & face.skin[face.faces[triangle.clip(0)]].all(-1)
    red, green, blue = np.median(reflectance[skin], 0).tolist()
    return red, green, blue


def save(look: Appearance, avatar: str, folder: Path, name: str) -> Path:
    """Writes folder/NAME.toml and NAME.png, readable by their owner alone; the TOML's path.

    `avatar`: whose hair and clothes it has. ConfigError where the name is none or is taken.
    """
    assert look.albedo is not None
    if not NAME.fullmatch(name):
        raise ConfigError("a name has up to 32 small letters, digits and hyphens")
    file, picture = folder / f"{name}.toml", folder / f"{name}.png"
    if file.exists() or picture.exists():
        raise ConfigError(f"{file} is there already: choose another name")
    base = load(Avatar, find_avatar(avatar))
    skin = "#" + "".join(f"{v:02x}" for v in to_srgb(np.array(look.skin, np.float32)).tolist())
    kept = replace(
        base, name=name.capitalize(),
        identity=Identity(modes=tuple(round(float(v), 4) for v in look.identity)),
        face=replace(base.face, skin=skin, freckles=0.0, stubble=0.0, albedo=picture.name),
    )  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    _write(picture, _png(to_srgb(look.albedo)))
    _write(file, toml_text(kept).encode())
    read_map(picture)  # what was written can be worn
    return file


def _png(pixels: Bytes) -> bytes:
    done, data = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()


def _write(file: Path, data: bytes) -> None:
    try:
        file.touch(mode=0o600)
        file.write_bytes(data)
    except OSError as e:
        raise ConfigError(f"cannot write {file}: {e.strerror}") from e
