"""Pictures from disk, of any kind that people have, and the one face in each."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from ..errors import EngineError
from ..faces import IDENTITY, Finder, crop
from ..types import Bytes, FaceCrop, VideoFrame

KINDS = {
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".heic", ".heif", ".avif",
}  # fmt: skip
_LARGEST = 100e6  # pixels
_LEAST_QUALITY = 0.1  # below, a picture of a face says too little of whose it is


class PictureError(EngineError):
    """A picture cannot be read, or does not show one face; the text begins with its name."""

    exit_code = 2


def read_picture(path: Path) -> Bytes:
    """(h, w, 3) RGB as a person would see it: turned as its EXIF says, 16 bits made 8."""
    import pillow_heif  # here, for it loads a codec that few need

    pillow_heif.register_heif_opener()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of odd EXIF, and of size, which is checked here
            with Image.open(path) as image:
                if image.width * image.height > _LARGEST:
                    raise PictureError(f"{path}: larger than {_LARGEST / 1e6:.0f} megapixels")
                return _rgb(ImageOps.exif_transpose(image))
    except FileNotFoundError as e:
        raise PictureError(f"{path}: no such file") from e
    except UnidentifiedImageError as e:
        raise PictureError(f"{path}: no picture, or of an unknown kind") from e
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as e:
        raise PictureError(f"{path}: cannot be read as a picture ({e})") from e


def _rgb(image: Image.Image) -> Bytes:
    if image.mode.startswith("I"):  # 16 bits of grey, by whatever name
        grey = np.asarray(image).astype(np.int64)
        eight = np.clip(grey // (257 if grey.max() > 255 else 1), 0, 255).astype(np.uint8)
        return np.repeat(eight[..., None], 3, axis=2)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "grey"), image)
    return np.asarray(image.convert("RGB"))


def one_face(picture: Path | Bytes, finder: Finder) -> FaceCrop:
    """The face in a picture, 112x112; PictureError where there is none, or more than one."""
    pixels = read_picture(picture) if isinstance(picture, Path) else picture
    name = picture if isinstance(picture, Path) else "the picture"
    found = finder.find(pixels)
    if not found:
        raise PictureError(f"{name}: no face was found; use a picture in which it is larger")
    if len(found) > 1:
        raise PictureError(f"{name}: {len(found)} faces were found; cut out the one that is meant")
    face = crop(VideoFrame(0.0, pixels), found[0].points, IDENTITY)
    if face.quality < _LEAST_QUALITY:
        raise PictureError(f"{name}: the face is too small, dark, blurred or turned away")
    return face


def pictures_in(paths: list[Path]) -> Iterator[Path]:
    """The files among `paths`, and those in their folders that are called like pictures."""
    for path in paths:
        if path.is_dir():
            inside = (
                Path(at) / f for at, _, files in os.walk(path, followlinks=True) for f in files
            )
            yield from sorted(p for p in inside if p.suffix.lower() in KINDS)
        else:
            yield path
