"""The picture of the verify scene: the camera's, a frame and a name to each face, the evidence."""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from engine.types import Bytes, Floats, Identity, Present, Sighting

Ink = tuple[int, int, int]
WALL, LINE, SOFT, BRIGHT = (13, 15, 20), (44, 48, 60), (154, 161, 178), (236, 238, 244)
MINT, AMBER, ROSE, GREY = (143, 227, 207), (242, 194, 123), (240, 140, 147), (140, 150, 170)
INKS: dict[str, Ink] = {
    "match": MINT, "pending": GREY, "unknown": AMBER, "no_match": ROSE, "rejected": ROSE,
}  # fmt: skip
TITLES = {
    "match": "{name}", "pending": "Looking", "unknown": "Unknown", "no_match": "Somebody else",
    "rejected": "Not looked at",
}  # fmt: skip
BAND = 0.24  # of the height, below the picture
SECONDS = 8.0  # of evidence that are drawn


@dataclass(frozen=True, slots=True)
class Layout:
    """Where things are on a canvas of w x h: the picture fills what the band leaves."""

    w: int
    h: int
    scale: float  # canvas pixels to one of the camera's
    left: int
    top: int
    band: int  # y where it begins

    @classmethod
    def of(cls, w: int, h: int, pixels: Bytes) -> "Layout":
        band = round(h * (1 - BAND))
        scale = min(w / pixels.shape[1], band / pixels.shape[0])
        left = round((w - pixels.shape[1] * scale) / 2)
        return cls(w, h, scale, left, round((band - pixels.shape[0] * scale) / 2), band)

    @property
    def unit(self) -> float:
        """What text and lines are measured by."""
        return min(self.w, self.h) / 512

    def box(self, box: Floats) -> tuple[float, float, float, float]:
        x0, y0, x1, y1 = (float(v) * self.scale for v in box)
        low = max(self.left + x0, 0), max(self.top + y0, 0)
        return *low, min(self.left + x1, self.w - 1), min(self.top + y1, self.band - 1)


def paint(present: Present | None, w: int, h: int) -> Bytes:
    """(h, w, 3) RGB."""
    canvas = Image.new("RGB", (w, h), WALL)
    pen = ImageDraw.Draw(canvas)
    if present is None:
        centred(pen, (w / 2, h / 2), "This session does not look who is there", h / 26, SOFT)
        return np.asarray(canvas)
    layout = Layout.of(w, h, present.pixels)
    size = tuple(round(n * layout.scale) for n in present.pixels.shape[1::-1])
    seen = Image.fromarray(present.pixels).resize((size[0], size[1]), Image.Resampling.BILINEAR)
    canvas.paste(seen, (layout.left, layout.top))
    for sighting in reversed(present.faces):
        frame(pen, layout, sighting)
    panel(pen, layout, present)
    return np.asarray(canvas)


def frame(pen: ImageDraw.ImageDraw, layout: Layout, sighting: Sighting) -> None:
    """A face's frame, its name below, and how far the evidence goes along the lower edge."""
    ink, u = INKS[sighting.identity.decision], layout.unit
    x0, y0, x1, y1 = layout.box(sighting.box)
    if x1 - x0 < 4 or y1 - y0 < 4:
        return
    pen.rounded_rectangle((x0, y0, x1, y1), 10 * u, outline=ink, width=max(1, round(2 * u)))
    label, font = title(sighting.identity), letters(round(14 * u))
    wide = pen.textlength(label, font) + 16 * u
    at = min(max((x0 + x1 - wide) / 2, 0), layout.w - wide)
    low = min(y1 + 4 * u, layout.band - 24 * u)
    pen.rounded_rectangle((at, low, at + wide, low + 21 * u), 6 * u, fill=WALL)
    pen.text((at + 8 * u, low + 10.5 * u), label, ink, font, anchor="lm")


def title(identity: Identity) -> str:
    return TITLES[identity.decision].format(name=identity.name or "")


def panel(pen: ImageDraw.ImageDraw, layout: Layout, present: Present) -> None:
    """Below the picture: what is said of the face that has been there longest."""
    u, top = layout.unit, layout.band
    pen.rectangle((0, top, layout.w, layout.h), fill=WALL)
    if not present.faces:
        middle = (layout.w / 2, (top + layout.h) / 2)
        centred(pen, middle, present.words or "Nobody is there", 17 * u, SOFT)
        return
    first = present.faces[0]
    ink = INKS[first.identity.decision]
    pen.text((20 * u, top + 14 * u), title(first.identity), ink, letters(round(27 * u), True))
    words = fitting(pen, capital(present.words), letters(round(13 * u)), layout.w * 0.48)
    for k, line in enumerate(words[:3]):
        pen.text((20 * u, top + (52 + 18 * k) * u), line, SOFT, letters(round(13 * u)))
    if present.liveness:
        shade = MINT if " go together" in present.liveness else SOFT
        pen.text((20 * u, layout.h - 12 * u), capital(present.liveness), shade,
                 letters(round(11 * u)), anchor="ls")  # fmt: skip
    curve(pen, layout, present.t, first, ink)


def curve(pen: ImageDraw.ImageDraw, layout: Layout, now: float, first: Sighting, ink: Ink) -> None:
    """Evidence over the last seconds, between the lines of a stranger and of a match."""
    u = layout.unit
    x0, x1 = layout.w * 0.55, layout.w - 20 * u
    y0, y1 = layout.band + 24 * u, layout.h - 22 * u
    small = letters(round(10 * u))

    def y(evidence: float) -> float:
        return y1 - (y1 - y0) * (min(max(evidence, -1), 1) + 1) / 2

    for value, word, shade in ((1, "match", MINT), (0, "", LINE), (-1, "stranger", AMBER)):
        pen.line((x0, y(value), x1, y(value)), LINE, max(1, round(u)))
        if word:
            low = value < 0
            pen.text((x0, y(value) + (3 if low else -3) * u), word, shade, small,
                     anchor="lt" if low else "lb")  # fmt: skip
    right = f"{first.identity.frames_used} looks"
    pen.text((x1, y0 - 3 * u), right, SOFT, small, anchor="rb")
    line = [(x1 - (x1 - x0) * (now - t) / SECONDS, y(e)) for t, e in first.evidence]
    if len(line) > 1:
        pen.line(line, ink, max(2, round(2.5 * u)), joint="curve")
    x, end = line[-1]
    pen.ellipse((x - 4 * u, end - 4 * u, x + 4 * u, end + 4 * u), fill=ink)


def centred(
    pen: ImageDraw.ImageDraw, at: tuple[float, float], words: str, size: float, ink: Ink
) -> None:
    pen.text(at, capital(words), ink, letters(round(size)), anchor="mm")


def capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def fitting(
    pen: ImageDraw.ImageDraw, words: str, font: ImageFont.FreeTypeFont, wide: float
) -> list[str]:
    """Lines that are no wider than that."""
    lines = [""]
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if pen.textlength(longer, font) <= wide or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


@cache
def letters(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """DejaVu Sans, which knows most alphabets and comes with matplotlib."""
    spec = find_spec("matplotlib")
    folder = Path(next(iter((spec and spec.submodule_search_locations) or [""])))
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(folder / "mpl-data" / "fonts" / "ttf" / name), max(size, 6))
