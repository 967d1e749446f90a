"""Who is enrolled: sealed in a store, rotated by the gallery's key, pinned to one model.

What an embedding is: a template as the net makes it, of unit length. What a template is here: the
mean of a person's embeddings, rotated. Rotated and plain ones have the same inner products.
"""

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from ..errors import ConfigError, EngineError, GalleryError
from ..types import Floats
from .decision import Candidate
from .protect import Vault, read_key
from .records import Consent, Person, checked_name
from .search import Index
from .store import Row, Seen, Store, open_store

DEFAULT = Path("~/.local/share/likeness/gallery.db")
VERSION = "1"
T = TypeVar("T")
_TRIES = 50  # of a change that others come before


class Maker(Protocol):
    """What the templates are made by: a Recogniser."""

    name: str
    sha256: str
    dim: int


@dataclass(frozen=True, slots=True)
class _Known:
    """What is kept in memory to search: names and rotated templates of unit length."""

    generation: str
    names: list[str]
    index: Index
    expires: float  # seconds since 1970: when the first consent in it does


class Gallery:
    """Opened for one model; every change is durable once the call returns."""

    def __init__(self, store: Store, vault: Vault, maker: Maker) -> None:
        self._store, self._vault, self.maker = store, vault, maker
        self._rotation = vault.rotation(maker.dim)
        self._known: _Known | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls, where: str | Path, maker: Maker, key: Path | None = None, make: bool = True
    ) -> "Gallery":
        """GalleryError or ConfigError where the key, the model or the data are not the right ones.

        Where there is no gallery one is made, unless `make` is false.
        """
        store = open_store(where)
        try:
            return cls(store, _vault(store, maker, key, make), maker)
        except EngineError:
            store.close()
            raise

    @property
    def where(self) -> str:
        return self._store.where

    def enroll(self, name: str, embeddings: Floats, consent: Consent) -> Person:
        """Adds pictures (n, d) of somebody; who is there already keeps the earlier ones."""
        return self.enroll_all([(name, embeddings, consent)])[0]

    def enroll_all(self, people: Sequence[tuple[str, Floats, Consent]]) -> list[Person]:
        """Many at once, all or none."""

        def put(seen: Seen) -> list[Person] | None:
            made = [self._with_pictures(checked_name(n), e, c) for n, e, c in people]
            return made if self._store.put([self._row(p) for p in made], seen) else None

        return self._changed(put)

    def remove(self, names: Sequence[str]) -> int:
        """How many were enrolled; nothing of them is left in the store, which is verified."""
        return self._store.remove([self._vault.pseudonym(name.strip()) for name in names])

    def purge(self) -> int:
        """Removes everybody whose consent has expired."""
        gone = self._store.expired(datetime.now(UTC))
        return self._store.remove(gone) if gone else 0

    def find(self, name: str) -> Person | None:
        row = self._store.get(self._vault.pseudonym(name.strip()))
        valid = row is not None and row.expires > datetime.now(UTC)
        return self._person(row) if row and valid else None

    def people(self) -> list[Person]:
        """Everybody whose consent holds."""
        now = datetime.now(UTC)
        return [self._person(row) for row in self._store.rows() if row.expires > now]

    def __len__(self) -> int:
        return self._store.count() if self._store.searches else len(self._refreshed().names)

    def nearest(self, mean: Floats, k: int) -> list[Candidate]:
        """The k most similar people, exact; `mean` (d,) is a mean of embeddings."""
        probe = mean @ self._rotation
        if self._store.searches:
            found = self._store.nearest(probe, k, datetime.now(UTC))
            return [(self._person(row).name, score) for row, score in found]
        known = self._refreshed()
        if not known.names:
            return []
        rows, scores = known.index.nearest(probe, min(k, len(known.names)))
        return [(known.names[i], float(s)) for i, s in zip(rows, scores, strict=True)]

    def similarity(self, name: str, mean: Floats) -> float | None:
        """With one person; None where they are not enrolled (any more)."""
        person = self.find(name)
        return float(_unit(person.template) @ (mean @ self._rotation)) if person else None

    def annotation(self, key: str) -> str | None:
        """Something noted beside the rows, such as a calibration; it is not secret."""
        return self._store.meta().get(f"note {key}")

    def annotate(self, key: str, value: str) -> None:
        self._store.annotate(f"note {key}", value)

    def rekey(self, key: Path) -> None:
        """Everything under another key and salt, in one step: old templates match no more."""
        secret, salt = read_key(key, beside=self._store.beside), secrets.token_bytes(16)
        new = Gallery(self._store, Vault(secret, salt), self.maker)

        def rewrite(seen: Seen) -> bool | None:
            notes = {k: v for k, v in self._store.meta().items() if k.startswith("note ")}
            rows = [new._row(replace(p, template=new._rotated(t))) for p, t in self.plain()]
            return self._store.replace(_meta(secret, self.maker, salt) | notes, rows, seen) or None

        self._changed(rewrite)
        self._vault, self._rotation, self._known = new._vault, new._rotation, None

    def plain(self) -> list[tuple[Person, Floats]]:
        """People and their templates (d,) with the rotation undone, for sealed export only."""
        return [(p, p.template @ self._rotation.T) for p in self.people()]

    def restore(self, people: Sequence[tuple[Person, Floats]]) -> None:
        """The opposite: people with plain templates, in place of those of the same names."""
        rows = [self._row(replace(p, template=self._rotated(t))) for p, t in people]
        self._changed(lambda seen: self._store.put(rows, seen) or None)

    def _changed(self, change: Callable[[Seen], T | None]) -> T:
        """What `change` answers, done anew while others change the gallery under its hands."""
        for _ in range(_TRIES):
            done = change(Seen(self._store.generation(), self._vault.check))
            if done is not None:
                return done
        raise GalleryError(f"{self.where} is changed all the time by others; try again")

    def close(self) -> None:
        self._store.close()

    def _rotated(self, plain: Floats) -> Floats:
        return np.asarray(plain @ self._rotation, np.float32)

    def _with_pictures(self, name: str, embeddings: Floats, consent: Consent) -> Person:
        if embeddings.ndim != 2 or embeddings.shape[1] != self.maker.dim or not len(embeddings):
            raise ConfigError(f"{name}: no picture to enroll, or one of another model")
        before, now = self.find(name), datetime.now(UTC)
        total, n = self._rotated(embeddings.sum(0)), len(embeddings)
        if before:
            total, n = total + before.template * before.pictures, n + before.pictures
        enrolled = before.enrolled if before else now
        return Person(name, consent, n, enrolled, np.asarray(total / n, np.float32))

    def _row(self, person: Person) -> Row:
        id = self._vault.pseudonym(person.name)
        expires = person.consent.expires
        sealed = self._vault.seal(person.pack(), self._context(id, expires))
        template = _unit(person.template) if self._store.searches else None
        return Row(id, expires, sealed, template)

    def _person(self, row: Row) -> Person:
        packed = self._vault.unseal(row.sealed, self._context(row.id, row.expires))
        return Person.unpack(packed)

    def _context(self, id: bytes, expires: datetime) -> bytes:
        """What a sealed record is bound to, so that none can pass for another."""
        moment = f"{expires.timestamp():.3f}"
        return id + moment.encode() + self.maker.sha256.encode() + VERSION.encode()

    def _refreshed(self) -> _Known:
        """As the store is now: another process may have changed it, or a consent expired."""
        with self._lock:
            generation, now = self._store.generation(), datetime.now(UTC).timestamp()
            known = self._known
            if known is None or known.generation != generation or known.expires <= now:
                self._known = known = self._read(generation)
            return known

    def _read(self, generation: str) -> _Known:
        people = self.people()
        rows = np.stack([_unit(p.template) for p in people]) if people else np.empty((0, 1))
        expires = min((p.consent.expires.timestamp() for p in people), default=float("inf"))
        return _Known(generation, [p.name for p in people], Index(rows.astype("f4")), expires)


def _vault(store: Store, maker: Maker, key: Path | None, make: bool) -> Vault:
    """What opens the gallery in `store`, which is made there where there is none."""
    meta = store.meta()
    if not meta and not make:
        raise GalleryError(f"no gallery at {store.where}; enroll somebody first")
    secret = read_key(key, beside=store.beside, make=not meta)
    if not meta:
        store.create(_meta(secret, maker, salt := secrets.token_bytes(16)))
        return Vault(secret, salt)
    if meta.get("version") != VERSION:
        raise GalleryError(f"{store.where} is of version {meta.get('version')}; update Likeness")
    vault = Vault(secret, bytes.fromhex(meta["salt"]))
    if meta["check"] != vault.check:
        raise GalleryError(f"this is not the key of {store.where}; give the right --key-file")
    if meta["model"] != maker.sha256:
        raise GalleryError(
            f"{store.where} was made by {meta['model_name']}, not {maker.name}: give that "
            "model, or enroll anew into another gallery"
        )
    return vault


def _meta(secret: bytes, maker: Maker, salt: bytes) -> dict[str, str]:
    return {
        "version": VERSION,
        "salt": salt.hex(),
        "check": Vault(secret, salt).check,
        "model": maker.sha256,
        "model_name": maker.name,
        "dim": str(maker.dim),
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _unit(template: Floats) -> Floats:
    return np.asarray(template / max(float(np.linalg.norm(template)), 1e-12), np.float32)
