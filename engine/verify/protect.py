"""What keeps templates secret: a key, the seal on what is stored, and the keyed rotation.

Everything follows from one secret of 32 bytes and a salt of the gallery's own (HKDF, RFC 5869):
the key of the seal (AES-256-GCM), the key that turns names into row numbers (HMAC), and an
orthogonal matrix that every template is multiplied by. The matrix keeps angles, so search works
on rotated templates; under another secret or salt the same face lies elsewhere, so that templates
do not match between galleries and are worthless once the key is changed. The rotation is linear:
whoever has as many pairs of plain and rotated templates as they have numbers can solve for it.
What protects a stolen file is the seal; the rotation is what is left where a server must compare.
"""

import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import ConfigError, GalleryError
from ..types import Floats

SIZE = 32  # bytes of a secret
DEFAULT_KEY = Path("~/.config/likeness/gallery.key")
_NONCE = 12  # bytes, as AES-GCM wants
_log = logging.getLogger(__name__)


class Vault:
    """Seals, names and rotates, all by one secret and one salt."""

    def __init__(self, secret: bytes, salt: bytes) -> None:
        self._secret, self._salt = secret, salt
        self._seal = AESGCM(self._derive(b"seal"))
        self._names = self._derive(b"names")

    @property
    def check(self) -> str:
        """Tells whether this is the key of a gallery, and nothing else about the key."""
        return self._derive(b"check")[:8].hex()

    def seal(self, plain: bytes, context: bytes) -> bytes:
        """Encrypted and authenticated, together with `context`, which is not stored."""
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._seal.encrypt(nonce, plain, context)

    def unseal(self, sealed: bytes, context: bytes) -> bytes:
        """GalleryError where a byte of either was altered."""
        try:
            return self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], context)
        except (InvalidTag, ValueError) as e:
            raise GalleryError("a record of the gallery was altered; restore it from a copy") from e

    def pseudonym(self, name: str) -> bytes:
        """(16 bytes) the same for the same name under this key only."""
        return hmac.digest(self._names, name.encode(), "sha256")[:16]

    def rotation(self, n: int) -> Floats:
        """(n, n) orthogonal, uniform among all: Q of a normal matrix (Mezzadri 2007)."""
        noise = Cipher(algorithms.ChaCha20(self._derive(b"rotation"), bytes(16)), None).encryptor()
        raw = np.frombuffer(noise.update(bytes(16 * n * n)), "<u8").reshape(2, n, n)
        u, v = ((raw >> 11) + 0.5) * 2.0**-53
        q, r = np.linalg.qr(np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v))
        return np.asarray(q * np.sign(np.diag(r)), np.float32)

    def _derive(self, what: bytes) -> bytes:
        return HKDF(SHA256(), SIZE, self._salt, b"likeness gallery " + what).derive(self._secret)


def read_key(file: Path | None = None, beside: Path | None = None, make: bool = False) -> bytes:
    """The secret: from `file`, else from the environment, else from its default place.

    `beside` is where the data lie: a key in the same folder is refused. With `make` a key is made
    at the default place where none is anywhere. ConfigError in one line otherwise.
    """
    text = os.environ.get("LIKENESS_GALLERY_KEY")
    named = file or _named_in_environment()
    if text and not file:
        return parsed(text, "LIKENESS_GALLERY_KEY", "gallery key")
    path = (named or DEFAULT_KEY).expanduser()
    if named is None and make and not path.exists():
        make_key(path)
        _log.warning("made a key for galleries: %s; keep a copy of it elsewhere", path)
    if beside is not None and path.resolve().parent == beside.resolve().parent:
        raise ConfigError(f"the key {path} lies beside the gallery; move it to another folder")
    return parsed(_text(path), str(path), "gallery key")


def make_key(path: Path) -> None:
    """Writes a new secret that only its owner may read; an existing file is left alone."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as e:
        raise ConfigError(f"{path} exists; a key is never overwritten: name another file") from e
    except OSError as e:
        raise ConfigError(f"cannot write the key {path}: {e.strerror}") from e
    with os.fdopen(handle, "w") as out:
        out.write(secrets.token_hex(SIZE) + "\n")


def digest(text: str) -> str:
    """A short name for something long."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _named_in_environment() -> Path | None:
    name = os.environ.get("LIKENESS_GALLERY_KEY_FILE")
    return Path(name) if name else None


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(
            f"no key for the gallery: {path} cannot be read; give --key-file, or set "
            "LIKENESS_GALLERY_KEY_FILE; 'python -m engine.verify key FILE' makes one"
        ) from e


def parsed(text: str, where: str, kind: str) -> bytes:
    """SIZE bytes of hexadecimal digits; ConfigError where `text` is nothing such."""
    try:
        secret = bytes.fromhex(text.strip())
    except ValueError:
        secret = b""
    if len(secret) != SIZE:
        raise ConfigError(f"{where} is no {kind}: {2 * SIZE} hexadecimal digits are wanted")
    return secret
