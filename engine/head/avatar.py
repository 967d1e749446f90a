"""Avatars: who is shown, from a TOML of identity and colours; some are built in."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from engine import config
from engine.errors import ConfigError
from engine.types import Appearance, Bytes, Colour, Floats

from .model import Head

AVATARS = Path(__file__).parent / "avatars"
TINT_SCALE = 2.0  # a tint's picture is white where it is so many times as bright

HairStyle = Literal["bald", "buzz", "short", "swept", "bob", "long", "bun", "afro"]


@dataclass(frozen=True, slots=True)
class Identity:
    """The shape of the head: a mix of the head model's presets, and modes on top."""

    mix: dict[str, float] = field(default_factory=dict)  # preset -> share; see head's about.json
    modes: tuple[float, ...] = ()  # standard deviations, added to the mix


@dataclass(frozen=True, slots=True)
class Hair:
    style: HairStyle = "short"
    colour: str = "#3a2a1e"
    volume: float = 1.0
    grey: float = 0.0  # share of grey hairs


@dataclass(frozen=True, slots=True)
class Face:
    skin: str = "#d9a58a"
    lips: str = "#b0605c"
    brows: str = "#3a2a1e"
    iris: str = "#5b4630"
    age: float = 30.0  # years
    freckles: float = 0.0
    stubble: float = 0.0
    brow_thickness: float = 1.0
    brow_density: float = 1.0
    tint: str = ""  # a PNG beside the TOML, on the face's map: how bright beside what is painted
    albedo: str = ""  # a PNG beside the TOML: a face's own colours on its map (engine.head.uv)


@dataclass(frozen=True, slots=True)
class Garment:
    colour: str = "#34465c"
    collar: Literal["crew", "vee"] = "crew"


@dataclass(frozen=True, slots=True)
class Avatar:
    """What an avatar's TOML may say. Colours are sRGB, #rrggbb."""

    name: str = ""
    identity: Identity = Identity()
    face: Face = Face()
    hair: Hair = Hair()
    garment: Garment = Garment()


def avatar_names() -> list[str]:
    return sorted(file.stem for file in AVATARS.glob("*.toml"))


def load_appearance(name_or_path: str, head: Head) -> Appearance:
    """A built-in avatar by name, or one's own by the path of a TOML; ConfigError if it is wrong."""
    file = find_avatar(name_or_path)
    return appearance_of(config.load(Avatar, file), head, file)


def appearance_of(avatar: Avatar, head: Head, file: Path) -> Appearance:
    """What a TOML's values look like; `file` is what errors name and pictures lie beside."""
    face, hair, garment = avatar.face, avatar.hair, avatar.garment
    colour = _Colours(file)
    return Appearance(
        name=avatar.name or file.stem,
        identity=_identity(avatar.identity, head, file),
        skin=colour("face.skin", face.skin),
        lips=colour("face.lips", face.lips),
        brows=colour("face.brows", face.brows),
        iris=colour("face.iris", face.iris),
        hair=colour("hair.colour", hair.colour),
        hair_style=hair.style,
        garment=colour("garment.colour", garment.colour),
        age=face.age,
        freckles=face.freckles,
        stubble=face.stubble,
        tint=_tint(file.with_name(face.tint)) if face.tint else None,
        extra={
            "hair_volume": hair.volume,
            "grey": hair.grey,
            "brow_thickness": face.brow_thickness,
            "brow_density": face.brow_density,
            "vee": float(garment.collar == "vee"),
            "scalp": 0.0 if hair.style == "bald" else 0.95,
        },
        albedo=read_map(file.parent / face.albedo) if face.albedo else None,
    )


def save_avatar(avatar: Avatar, tint: Floats, file: Path) -> None:
    """Writes FILE.toml and, beside it, FILE.png with the tint (s, s, 3); ConfigError where that is
    not possible."""
    face = replace(avatar.face, tint=file.with_suffix(".png").name)
    halves = np.rint(np.clip(tint / TINT_SCALE, 0, 1) * 255).astype(np.uint8)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(toml_text(replace(avatar, face=face)), encoding="utf-8")
        file.with_suffix(".png").write_bytes(cv2.imencode(".png", halves[..., ::-1])[1].tobytes())
    except OSError as e:
        raise ConfigError(f"cannot write {file}: {e.strerror}") from e


def toml_text(avatar: Avatar) -> str:
    """What `load_appearance` reads as this avatar."""
    lines = [f"name = {json.dumps(avatar.name)}"]
    for part in ("identity", "face", "hair", "garment"):
        values = asdict(getattr(avatar, part))
        lines += ["", f"[{part}]", *(f"{k} = {_toml(v)}" for k, v in values.items())]
    return "\n".join(lines) + "\n"


def _toml(value: object) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{k} = {_toml(v)}" for k, v in value.items()) + " }"
    return json.dumps(value)


def _tint(file: Path) -> Floats:
    read = cv2.imread(str(file), cv2.IMREAD_COLOR) if file.is_file() else None
    if read is None:
        raise ConfigError(f"{file} cannot be read: it should be the PNG that face.tint names")
    return np.asarray(read[..., ::-1] * (TINT_SCALE / 255), np.float32)


def read_map(file: Path) -> Floats:
    """(s, s, 3) linear RGB of a square sRGB picture; ConfigError where it is none."""
    picture = cv2.imread(str(file), cv2.IMREAD_COLOR_RGB) if file.is_file() else None
    if picture is None or picture.shape[0] != picture.shape[1]:
        raise ConfigError(f"{file} is no square picture: face.albedo names one beside the TOML")
    values = np.array([_linear(v / 255) for v in range(256)], np.float32)
    return np.asarray(values[picture], np.float32)


def to_srgb(linear: Floats) -> Bytes:
    """Linear RGB in [0, 1], any shape, as sRGB bytes."""
    c = np.clip(linear, 0, 1)
    curved = np.where(c <= 0.0031308, 12.92 * c, 1.055 * c ** (1 / 2.4) - 0.055)
    return np.rint(curved * 255).astype(np.uint8)


def find_avatar(name: str) -> Path:
    """The TOML of an avatar, by its name or its path."""
    if name.endswith(".toml"):
        return Path(name)
    name = name.lower()
    if name not in avatar_names():
        known = ", ".join(avatar_names())
        raise ConfigError(f"there is no avatar '{name}'; there are: {known}, or the path of a TOML")
    return AVATARS / f"{name}.toml"


def _identity(identity: Identity, head: Head, file: Path) -> Floats:
    count = len(head.identity_basis)
    if len(identity.modes) > count:
        raise ConfigError(
            f"{file}: identity.modes has {len(identity.modes)}; the head knows {count}"
        )
    total = np.zeros(count, np.float32)
    total[: len(identity.modes)] = identity.modes
    for preset, share in identity.mix.items():
        if preset not in head.presets:
            known = ", ".join(sorted(head.presets))
            raise ConfigError(f"{file}: no preset '{preset}' in identity.mix; there are: {known}")
        if isinstance(share, bool) or not isinstance(share, int | float):
            raise ConfigError(f"{file}: identity.mix.{preset} should be a number, not {share!r}")
        total += np.float32(share) * head.presets[preset]
    return total


@dataclass(frozen=True, slots=True)
class _Colours:
    """Reads '#rrggbb' as linear light (IEC 61966-2-1); names the file and key where it is wrong."""

    file: Path

    def __call__(self, key: str, text: str) -> Colour:
        match = re.fullmatch(r"#([0-9a-fA-F]{6})", text)
        if not match:
            raise ConfigError(f"{self.file}: '{key}' should be a colour like #d9a58a, not {text!r}")
        r, g, b = (_linear(int(match[1][k : k + 2], 16) / 255) for k in (0, 2, 4))
        return r, g, b


def _linear(c: float) -> float:
    return c / 12.92 if c <= 0.04045 else float(((c + 0.055) / 1.055) ** 2.4)


def coloured(colour: str, times: Floats) -> str:
    """An sRGB colour with its light multiplied (3,)."""
    linear = _Colours(AVATARS)("colour", colour)
    light = (min(float(c * t), 1.0) for c, t in zip(linear, times, strict=True))
    return "#" + "".join(f"{round(255 * _encoded(v)):02x}" for v in light)


def _encoded(c: float) -> float:
    return 12.92 * c if c <= 0.0031308 else 1.055 * c ** (1 / 2.4) - 0.055
