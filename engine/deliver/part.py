"""An output file that takes its name only once it is whole, and the places of what is in it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import ConfigError, DeliveryError


class PartFile:
    """A file beside `path` that replaces it on `keep`: what was there before is not lost.

    ConfigError where the name's ending is none of `endings`, DeliveryError where nothing can
    be written there: both at once, before any work is done for it.
    """

    def __init__(self, path: Path, flag: str, endings: tuple[str, ...]) -> None:
        if path.suffix.lower() not in endings:
            raise ConfigError(f"{flag} {path}: the name should end in {' or '.join(endings)}")
        if path.is_dir():
            raise DeliveryError(f"{flag} {path} is a folder; give the name of a file")
        self.path, self.ending = path, path.suffix.lower()
        self.part = path.with_name(f".{path.stem}.{os.getpid()}.part{self.ending}")
        try:
            self.part.touch()
        except OSError as e:
            raise DeliveryError(f"cannot write {flag} {path}: {e.strerror}; choose another") from e

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Foreign errors of writing, a full disk above all, become ours."""
        try:
            yield
        except OSError as e:  # FFmpeg's errors of this kind are OSErrors too
            raise DeliveryError(f"cannot write {self.path}: {e.strerror or e}") from e

    def keep(self) -> None:
        with self.writing():
            self.part.replace(self.path)

    def drop(self) -> None:
        self.part.unlink(missing_ok=True)


class Places:
    """Moments as places k of k / fps, from one zero: the time given to `begin`, else the first."""

    def __init__(self, fps: int) -> None:
        self.fps = fps
        self.zero: float | None = None

    def begin(self, t: float) -> None:
        """Makes `t` the zero, where there is none yet."""
        if self.zero is None:
            self.zero = t

    def of(self, t: float) -> int:
        self.begin(t)
        assert self.zero is not None
        return round((t - self.zero) * self.fps)
