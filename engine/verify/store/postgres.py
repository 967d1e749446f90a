"""A gallery in PostgreSQL; pgvector compares the rotated templates, exactly (no index).

The server sees rotated templates, which it must to compare them; everything else is sealed.
"""

import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import numpy as np

from ...errors import ConfigError, GalleryError
from ...types import Floats
from .store import Row, Seen

try:
    import psycopg
except ImportError as e:
    raise ConfigError(
        "a gallery in PostgreSQL needs psycopg: pip install 'likeness[postgres]'"
    ) from e

_ROWS = "SELECT id, expires, sealed FROM likeness_person"
_PUT = (
    "INSERT INTO likeness_person VALUES (%s, %s, %s, %s::vector) ON CONFLICT (id) DO UPDATE "
    "SET expires = excluded.expires, sealed = excluded.sealed, template = excluded.template"
)
_CHANGED = (
    "INSERT INTO likeness_meta VALUES ('generation', '1') ON CONFLICT (key) "
    "DO UPDATE SET value = likeness_meta.value::bigint + 1"
)
_NEAREST = (
    "SELECT id, expires, sealed, -(template <#> %s::vector) FROM likeness_person "
    "WHERE expires > %s ORDER BY template <#> %s::vector LIMIT %s"
)


class PostgresStore:
    """See Store. One connection, shared by threads under a lock, opened again where it broke."""

    searches = True
    beside = None

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
        except ValueError as e:
            raise ConfigError(
                "the gallery's address cannot be read; write postgresql://USER@HOST:PORT/DATABASE"
            ) from e
        self.where = f"postgresql://{parts.hostname or ''}{parts.path}"
        self._address = address
        self._lock = threading.RLock()
        self._open: psycopg.Connection[Any] | None = None
        with self._using():
            pass

    def meta(self) -> dict[str, str]:
        with self._using() as db:
            if db.execute("SELECT to_regclass('likeness_meta')").fetchone() == (None,):
                return {}
            return dict(db.execute("SELECT key, value FROM likeness_meta").fetchall())

    def create(self, meta: dict[str, str]) -> None:
        with self._using() as db:
            _schema(db, int(meta["dim"]))
            with db.cursor() as cursor:
                cursor.executemany("INSERT INTO likeness_meta VALUES (%s, %s)", meta.items())

    def put(self, rows: Sequence[Row], seen: Seen) -> bool:
        with self._writing() as db, db.cursor() as cursor:
            if held := self._holds(db, seen):
                cursor.executemany(_PUT, map(_values, rows))
        return held

    def get(self, id: bytes) -> Row | None:
        with self._using() as db:
            found = db.execute(f"{_ROWS} WHERE id = %s", (id,)).fetchone()
        return Row(*found) if found else None

    def rows(self) -> Iterator[Row]:
        with self._using() as db, db.cursor("likeness_rows") as cursor:
            cursor.execute(_ROWS)
            yield from (Row(*values) for values in cursor)

    def count(self) -> int:
        with self._using() as db:
            return int(_one(db.execute("SELECT count(*) FROM likeness_person")))

    def remove(self, ids: Iterable[bytes]) -> int:
        """VACUUM FULL writes the table anew, so that nothing of the rows stays in its file.

        The server's write-ahead log holds them until it is recycled; so may the server's copies.
        """
        with self._writing() as db:
            gone = db.execute("DELETE FROM likeness_person WHERE id = ANY(%s)", (list(ids),))
        if gone.rowcount:
            self._vacuum()
        return gone.rowcount

    def expired(self, now: datetime) -> list[bytes]:
        with self._using() as db:
            asked = "SELECT id FROM likeness_person WHERE expires <= %s"
            return [row[0] for row in db.execute(asked, (now,))]

    def replace(self, meta: dict[str, str], rows: Iterable[Row], seen: Seen) -> bool:
        with self._writing() as db, db.cursor() as cursor:
            if held := self._holds(db, seen):
                cursor.execute("DELETE FROM likeness_person")
                cursor.execute("DELETE FROM likeness_meta WHERE key <> 'generation'")
                cursor.executemany("INSERT INTO likeness_meta VALUES (%s, %s)", meta.items())
                cursor.executemany(_PUT, map(_values, rows))
        if held:
            self._vacuum()
        return held

    def _holds(self, db: "psycopg.Connection[Any]", seen: Seen) -> bool:
        """Until this transaction ends no other one may write, so what is seen now stays so."""
        db.execute("LOCK TABLE likeness_meta IN SHARE ROW EXCLUSIVE MODE")
        meta = dict(db.execute("SELECT key, value FROM likeness_meta").fetchall())
        return seen.holds(meta.get("generation", "0"), meta.get("check", ""), self.where)

    def annotate(self, key: str, value: str) -> None:
        with self._writing() as db:
            db.execute(
                "INSERT INTO likeness_meta VALUES (%s, %s) "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (key, value),
            )

    def generation(self) -> str:
        with self._using() as db:
            asked = "SELECT coalesce(max(value), '0') FROM likeness_meta WHERE key = 'generation'"
            return str(_one(db.execute(asked)))

    def nearest(self, probe: Floats, k: int, now: datetime) -> list[tuple[Row, float]]:
        text = _vector(probe)
        with self._using() as db:
            found = db.execute(_NEAREST, (text, now, text, k)).fetchall()
        return [(Row(*values[:3]), float(values[3])) for values in found]

    def close(self) -> None:
        with self._lock:
            if self._open is not None:
                self._open.close()
                self._open = None

    def _vacuum(self) -> None:
        with self._lock:
            self.close()  # VACUUM wants a connection without a transaction
            try:
                with psycopg.connect(self._address, autocommit=True) as db:
                    db.execute("VACUUM FULL likeness_person")
            except psycopg.Error as e:
                raise self._told(e) from e

    @contextmanager
    def _using(self) -> Iterator["psycopg.Connection[Any]"]:
        """A transaction, committed at its end."""
        with self._lock:
            try:
                if self._open is None or self._open.closed:
                    self._open = psycopg.connect(self._address)
                with self._open.transaction():
                    yield self._open
            except psycopg.Error as e:
                raise self._told(e) from e

    @contextmanager
    def _writing(self) -> Iterator["psycopg.Connection[Any]"]:
        with self._using() as db:
            yield db
            db.execute(_CHANGED)

    def _told(self, e: "psycopg.Error") -> GalleryError:
        text = str(e).strip().splitlines()[0] if str(e).strip() else type(e).__name__
        text = self._without_secrets(text)
        if "vector" in text:
            return GalleryError(f"{self.where} lacks pgvector: install it on the server ({text})")
        return GalleryError(f"{self.where} cannot be used: {text}")

    def _without_secrets(self, text: str) -> str:
        """Servers and libpq repeat what they were given: never the address nor its password."""
        parts = urlsplit(self._address)
        asked = [v for k, v in parse_qsl(parts.query) if k in ("password", "sslpassword")]
        for secret in filter(None, [self._address, parts.netloc, parts.password, *asked]):
            text = text.replace(secret, "***").replace(unquote(secret), "***")
        return text


def _schema(db: "psycopg.Connection[Any]", dim: int) -> None:
    for statement in (
        "CREATE EXTENSION IF NOT EXISTS vector",
        "CREATE TABLE likeness_meta (key text PRIMARY KEY, value text NOT NULL)",
        "CREATE TABLE likeness_person (id bytea PRIMARY KEY, expires timestamptz NOT NULL, "
        f"sealed bytea NOT NULL, template vector({dim}) NOT NULL)",
        "CREATE INDEX likeness_by_expiry ON likeness_person (expires)",
    ):
        db.execute(statement.encode())


def _one(cursor: "psycopg.Cursor[Any]") -> Any:
    row = cursor.fetchone()
    return row[0] if row else None


def _values(row: Row) -> tuple[bytes, datetime, bytes, str]:
    if row.template is None:
        raise ValueError("PostgreSQL searches by itself and so needs the rotated template")
    return row.id, row.expires, row.sealed, _vector(row.template)


def _vector(template: Floats) -> str:
    return "[" + ",".join(map(repr, np.asarray(template, np.float64).tolist())) + "]"
