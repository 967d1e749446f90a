"""A gallery in one SQLite file. Rollback journal, every commit on disk before it returns."""

import mmap
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from ...errors import ConfigError, GalleryError
from ...types import Floats
from .store import Row, Seen

_SCHEMA = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL)",
    "CREATE TABLE person (id BLOB PRIMARY KEY, expires REAL NOT NULL, sealed BLOB NOT NULL)",
    "CREATE INDEX by_expiry ON person (expires)",
)
_PUT = "INSERT OR REPLACE INTO person VALUES (?, ?, ?)"
_CHANGED = (
    "INSERT INTO meta VALUES ('generation', '1') "
    "ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1"
)
_PATIENCE = 10.0  # seconds to wait for another process that is writing


class SqliteStore:
    """See Store. One connection, shared by threads under a lock."""

    searches = False

    def __init__(self, path: Path) -> None:
        self.where, self._path, self.beside = str(path), path, path
        self._lock = threading.RLock()
        self._open: sqlite3.Connection | None = None
        if path.is_dir():
            raise ConfigError(f"{path} is a folder; give the gallery's file")
        if path.exists():
            self._checked()

    def meta(self) -> dict[str, str]:
        if not self._path.exists():
            return {}
        with self._reading() as db:
            return dict(db.execute("SELECT key, value FROM meta").fetchall())

    def create(self, meta: dict[str, str]) -> None:
        """Made whole under another name, then linked into place: half a gallery is never seen."""
        new = self._path.with_name(f".{self._path.name}.{os.getpid()}.new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            new.unlink(missing_ok=True)
            _write_new(new, meta, [])
            os.link(new, self._path)
            new.unlink()
        except FileExistsError as e:
            new.unlink()
            raise GalleryError(f"{self.where} exists already; nothing was changed") from e
        except (OSError, sqlite3.Error) as e:
            raise GalleryError(f"cannot make a gallery at {self.where}: {e}") from e

    def put(self, rows: Sequence[Row], seen: Seen) -> bool:
        with self._writing() as db:
            if held := self._holds(db, seen):
                db.executemany(_PUT, map(_values, rows))
        return held

    def get(self, id: bytes) -> Row | None:
        with self._reading() as db:
            found = db.execute("SELECT * FROM person WHERE id = ?", (id,)).fetchone()
        return _row(found) if found else None

    def rows(self) -> Iterator[Row]:
        with self._reading() as db:
            yield from map(_row, db.execute("SELECT * FROM person ORDER BY rowid"))

    def count(self) -> int:
        with self._reading() as db:
            return int(db.execute("SELECT count(*) FROM person").fetchone()[0])

    def remove(self, ids: Iterable[bytes]) -> int:
        """secure_delete overwrites what is freed; then the file is searched for what it held."""
        ids = list(ids)
        with self._lock:
            gone = [row for row in map(self.get, ids) if row]
            with self._writing() as db:
                db.executemany("DELETE FROM person WHERE id = ?", [(row.id,) for row in gone])
            self._verify_gone(gone)
        return len(gone)

    def expired(self, now: datetime) -> list[bytes]:
        with self._reading() as db:
            asked = "SELECT id FROM person WHERE expires <= ?"
            return [row[0] for row in db.execute(asked, (now.timestamp(),))]

    def replace(self, meta: dict[str, str], rows: Iterable[Row], seen: Seen) -> bool:
        with self._writing() as db:
            if held := self._holds(db, seen):
                db.execute("DELETE FROM person")
                db.execute("DELETE FROM meta WHERE key != 'generation'")
                db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
                db.executemany(_PUT, map(_values, rows))
        return held

    def _holds(self, db: sqlite3.Connection, seen: Seen) -> bool:
        meta = dict(db.execute("SELECT key, value FROM meta").fetchall())
        return seen.holds(meta.get("generation", "0"), meta.get("check", ""), self.where)

    def annotate(self, key: str, value: str) -> None:
        with self._writing() as db:
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def generation(self) -> str:
        with self._reading() as db:
            found = db.execute("SELECT value FROM meta WHERE key = 'generation'").fetchone()
        return str(found[0]) if found else "0"

    def nearest(self, probe: Floats, k: int, now: datetime) -> list[tuple[Row, float]]:
        raise NotImplementedError("SQLite does not search; engine.verify.search does")

    def close(self) -> None:
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _checked(self) -> None:
        """GalleryError where the file is not whole, before anything could be written to it."""
        if not self._path.stat().st_size:
            raise GalleryError(
                f"{self.where} is empty, so it is no gallery; restore it from a copy"
            )
        with self._reading() as db:
            db.execute("BEGIN")  # what was left of a killed writer is rolled back; others wait
            found = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            pages = db.execute("PRAGMA page_count").fetchone()[0]
            size = db.execute("PRAGMA page_size").fetchone()[0]
            tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
            whole = self._path.stat().st_size == pages * size
            db.execute("COMMIT")
        if found != "ok" or not whole:
            why = found if found != "ok" else "its end is missing"
            raise GalleryError(f"{self.where} is damaged ({why}); restore it from a copy")
        if not {"meta", "person"} <= tables:
            raise GalleryError(f"{self.where} is a database, but no gallery; name another file")

    def _connection(self) -> sqlite3.Connection:
        if self._open is None:
            if not self._path.exists():
                raise GalleryError(f"no gallery at {self.where}; enroll somebody first")
            db = sqlite3.connect(
                f"{self._path.absolute().as_uri()}?mode=rw", _PATIENCE, isolation_level=None,
                check_same_thread=False, uri=True,
            )  # fmt: skip
            self._open = db
            db.execute("PRAGMA secure_delete = ON")
            db.execute("PRAGMA synchronous = EXTRA")
        return self._open

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._connection()
            except sqlite3.Error as e:
                raise self._told(e) from e

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is on disk afterwards, or none."""
        with self._reading() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
                db.execute(_CHANGED)
                db.execute("COMMIT")
            finally:
                if db.in_transaction:
                    db.execute("ROLLBACK")

    def _verify_gone(self, rows: list[Row]) -> None:
        """GalleryError where a byte string of a removed row is still in the file or its journal."""
        for file in (self._path, *map(self._journal, ("-journal", "-wal"))):
            if not file.exists() or not file.stat().st_size:
                continue
            with file.open("rb") as held, mmap.mmap(held.fileno(), 0, access=mmap.ACCESS_READ) as m:
                if any(m.find(row.id) >= 0 or m.find(row.sealed[:32]) >= 0 for row in rows):
                    raise GalleryError(f"{file} still holds what was removed; delete the file")

    def _journal(self, ending: str) -> Path:
        return self._path.with_name(self._path.name + ending)

    def _told(self, e: sqlite3.Error) -> GalleryError:
        text = str(e)
        if "locked" in text:
            return GalleryError(f"{self.where} is being written by another program; try again")
        if "not a database" in text:
            return GalleryError(f"{self.where} is no gallery; it was left as it is")
        if "malformed" in text:
            return GalleryError(f"{self.where} is damaged ({text}); restore it from a copy")
        return GalleryError(f"{self.where} cannot be used: {text}")


def _write_new(path: Path, meta: dict[str, str], rows: Iterable[Row]) -> None:
    db = sqlite3.connect(path)
    try:
        with db:
            for statement in _SCHEMA:
                db.execute(statement)
            db.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            db.executemany(_PUT, map(_values, rows))
    finally:
        db.close()
    path.chmod(0o600)


def _values(row: Row) -> tuple[bytes, float, bytes]:
    return row.id, row.expires.timestamp(), row.sealed


def _row(values: tuple[bytes, float, bytes]) -> Row:
    return Row(values[0], datetime.fromtimestamp(values[1], UTC), values[2])
