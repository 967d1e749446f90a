"""Draws the pictures of the documentation: `python -m engine.render OUTDIR`."""

import argparse
from pathlib import Path

import cv2
import numpy as np

from engine.head import INDEX, Head
from engine.head.avatar import avatar_names, load_appearance
from engine.types import Bytes, FaceMesh, Floats, Motion, World

from .canvas import Canvas, create_context
from .config import RenderConfig
from .scene import load_scene

_AT_EASE = {"eyeBlink": 0.07}
FACES: dict[str, dict[str, float]] = {
    "neutral": {},
    "aa": {"jawOpen": 0.55, "mouthLowerDown": 0.25, "mouthUpperUp": 0.1},
    "oo": {"mouthPucker": 0.75, "mouthFunnel": 0.35, "jawOpen": 0.14},
    "p-b-m": {"mouthPress": 0.35, "mouthRollLower": 0.25, "mouthRollUpper": 0.2},
    "f-v": {"mouthRollLower": 0.55, "mouthUpperUp": 0.30, "jawOpen": 0.06},
    "smile": {"mouthSmile": 0.7, "cheekSquint": 0.45, "mouthUpperUp": 0.22, "jawOpen": 0.07},
    "blink": {"eyeBlink": 1.0},
}
SHEET, ONE = 384, 512  # pixels a side


def weights_of(face: dict[str, float]) -> Floats:
    """ARKit weights (52,) from names; a name without Left or Right means both."""
    weights = np.zeros(len(INDEX), np.float32)
    for name, value in {**_AT_EASE, **face}.items():
        sides = [name] if name in INDEX else [f"{name}Left", f"{name}Right"]
        weights[[INDEX[side] for side in sides]] = value
    return weights


def moment(head: Head, person: Floats, face: dict[str, float], yaw: float = 0.0) -> World:
    weights = weights_of(face)
    angles = np.array([yaw, 0.0, 0.0], np.float32)
    return World(0.0, FaceMesh(0.0, head.pose(person, weights)), Motion(0.0, weights, angles))


class Studio:
    """Draws one avatar in this process."""

    def __init__(self, head: Head, avatar: str, config: RenderConfig) -> None:
        self.head, look = head, load_appearance(avatar, head)
        self.canvas = Canvas(create_context(), config)
        self.scene = load_scene(config.scene)(self.canvas, head, look, config)
        self.person = head.person(look.identity)

    def picture(self, face: dict[str, float], yaw: float = 0.0) -> Bytes:
        self.canvas.begin()
        self.scene.draw(moment(self.head, self.person, face, yaw))
        return self.canvas.read().copy()


def save(file: Path, pixels: Bytes) -> None:
    cv2.imwrite(str(file), pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
    print(f"{file} {file.stat().st_size // 1024} kB")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.render", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--avatar", default=RenderConfig().avatar, help="who makes the faces")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    head = Head.load()
    one = Studio(head, args.avatar, RenderConfig(size=f"{ONE}x{ONE}", quality="high"))
    for name, face in FACES.items():
        save(args.out / f"{name}.jpg", one.picture(face))
    config = RenderConfig(size=f"{SHEET}x{SHEET}", quality="high")
    sheet = [
        Studio(head, name, config).picture({"mouthSmile": 0.2}, yaw)
        for name, yaw in zip(avatar_names(), [0.2, -0.2] * 8, strict=False)
    ]
    half = (len(sheet) + 1) // 2
    rows = [np.hstack(sheet[:half]), np.hstack(sheet[half:])]
    save(args.out / "avatars.jpg", np.vstack(rows))


if __name__ == "__main__":
    main()
