"""A gallery in one sealed file: from one deployment to another, or for safe keeping.

The file is a line of JSON (what it is, of which model, how the passphrase becomes a key: scrypt,
RFC 7914), then AES-256-GCM over everybody's record with plain templates. It opens under any
deployment's key, for the importing gallery rotates and seals anew.
"""

import json
import os
import secrets
import struct
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from ..errors import ConfigError, GalleryError
from ..types import Floats
from .gallery import Gallery
from .records import Person

_KIND = "likeness gallery export 1"
_SHORTEST = 12  # characters of a passphrase
_COST = 2**15


def export_gallery(gallery: Gallery, file: Path, passphrase: str) -> int:
    """Writes everybody whose consent holds; an existing file is left alone."""
    if len(passphrase) < _SHORTEST:
        raise ConfigError(f"a passphrase has at least {_SHORTEST} characters")
    people = gallery.plain()
    head: dict[str, Any] = {
        "kind": _KIND,
        "model": gallery.maker.sha256,
        "model_name": gallery.maker.name,
        "salt": secrets.token_hex(16),
        "nonce": secrets.token_hex(12),
        "people": len(people),
    }
    line = json.dumps(head).encode()
    body = b"".join(_framed(replace(p, template=plain).pack()) for p, plain in people)
    sealed = _cipher(passphrase, head).encrypt(bytes.fromhex(head["nonce"]), body, line)
    _write_new(file, line + b"\n" + sealed)
    return len(people)


def import_gallery(gallery: Gallery, file: Path, passphrase: str) -> int:
    """Enrolls everybody of an export, in place of those of the same names; all or none."""
    line, head, sealed = _read(file)
    if head["model"] != gallery.maker.sha256:
        raise GalleryError(f"{file} was made by {head['model_name']}, not {gallery.maker.name}")
    try:
        nonce = bytes.fromhex(head["nonce"])
        body = _cipher(passphrase, head).decrypt(nonce, sealed, line)
    except InvalidTag as e:
        raise GalleryError(f"{file}: the passphrase is wrong, or the file is damaged") from e
    people = list(_people(body))
    gallery.restore(people)
    return len(people)


def _read(file: Path) -> tuple[bytes, dict[str, Any], bytes]:
    try:
        line, _, sealed = file.read_bytes().partition(b"\n")
        head = json.loads(line)
        if head["kind"] != _KIND:
            raise KeyError("kind")
        if not all(isinstance(head[key], str) for key in ("model", "model_name")):
            raise TypeError("model")
        for key in ("nonce", "salt"):
            bytes.fromhex(head[key])
        return line, head, sealed
    except OSError as e:
        raise GalleryError(f"cannot read {file}: {e.strerror}") from e
    except (ValueError, KeyError, TypeError) as e:
        raise GalleryError(f"{file} is no export of a gallery") from e


def _cipher(passphrase: str, head: dict[str, Any]) -> AESGCM:
    derive = Scrypt(salt=bytes.fromhex(head["salt"]), length=32, n=_COST, r=8, p=1)
    return AESGCM(derive.derive(passphrase.encode()))


def _framed(record: bytes) -> bytes:
    return struct.pack("<I", len(record)) + record


def _people(body: bytes) -> list[tuple[Person, Floats]]:
    people, at = [], 0
    while at < len(body):
        (n,) = struct.unpack_from("<I", body, at)
        person = Person.unpack(body[at + 4 : at + 4 + n])
        people.append((person, person.template))
        at += 4 + n
    return people


def _write_new(file: Path, content: bytes) -> None:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as out:
            out.write(content)
    except FileExistsError as e:
        raise ConfigError(f"{file} exists; it was left as it is: name another file") from e
    except OSError as e:
        raise ConfigError(f"cannot write {file}: {e.strerror}") from e
