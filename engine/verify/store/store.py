"""What every store of a gallery can do. It sees sealed rows only and knows no key."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from ...errors import GalleryError
from ...types import Floats


@dataclass(frozen=True, slots=True)
class Row:
    """One person, as stored."""

    id: bytes  # (16,) pseudonym of the name
    expires: datetime  # of the consent
    sealed: bytes  # Person.pack() under the gallery's key
    template: Floats | None = None  # (d,) rotated; only for a store that searches by itself


@dataclass(frozen=True, slots=True)
class Seen:
    """What a change was made from; it is compared inside of the change's own transaction."""

    generation: str
    check: str  # of the key

    def holds(self, generation: str, check: str, where: str) -> bool:
        """Whether the gallery is still as it was seen. GalleryError where its key is another:
        what was sealed with the old one could never be read again."""
        if check != self.check:
            raise GalleryError(
                f"{where} was put under another key meanwhile; open it anew with that key"
            )
        return generation == self.generation


class Store(Protocol):
    """Writes are atomic and durable once they return. Errors are GalleryError, in one line."""

    searches: bool  # whether nearest() works here; then rows need their template

    @property
    def where(self) -> str:
        """For messages; no password in it."""

    @property
    def beside(self) -> Path | None:
        """The file of the data, where there is one on this machine."""

    def meta(self) -> dict[str, str]:
        """What is known of the gallery; empty where there is none yet."""

    def create(self, meta: dict[str, str]) -> None:
        """A new, empty gallery; GalleryError where there is one."""

    def put(self, rows: Sequence[Row], seen: Seen) -> bool:
        """Adds rows or replaces those of the same id; false, and nothing done, where the gallery
        is not as it was `seen` any more."""

    def get(self, id: bytes) -> Row | None: ...

    def rows(self) -> Iterator[Row]: ...

    def count(self) -> int: ...

    def remove(self, ids: Iterable[bytes]) -> int:
        """How many were there. What is removed leaves no bytes behind, which is verified."""

    def expired(self, now: datetime) -> list[bytes]:
        """The ids of rows that may not be used any more."""

    def replace(self, meta: dict[str, str], rows: Iterable[Row], seen: Seen) -> bool:
        """Everything anew, in one piece; false as for `put`."""

    def annotate(self, key: str, value: str) -> None:
        """Sets one entry of the meta data."""

    def generation(self) -> str:
        """Changes with every change of the rows, by whatever process."""

    def nearest(self, probe: Floats, k: int, now: datetime) -> list[tuple[Row, float]]:
        """The k rows with the largest inner product, exact; those that expired are left out."""

    def close(self) -> None: ...


def open_store(where: str | Path) -> Store:
    """By its address: postgresql://... or the path of a file."""
    if str(where).startswith(("postgresql://", "postgres://")):
        from .postgres import PostgresStore  # here, for most have no PostgreSQL

        return PostgresStore(str(where))
    from .sqlite import SqliteStore

    return SqliteStore(Path(where).expanduser())
