"""The owner's key, by which claims are signed: made, kept, published and replaced.

The private key is 32 bytes in a file of its own (0600), or in LIKENESS_CLAIMS_KEY. Beside the file
lies what anybody may know, NAME.json: every public key so far, each signed by the one before it,
so that whoever trusts an old key can follow to the new one.
"""

import base64
import hashlib
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from ..errors import ConfigError
from .protect import make_key, parsed

DEFAULT_FILE = Path("~/.config/likeness/claims.key")
VARIABLE, VARIABLE_FILE = "LIKENESS_CLAIMS_KEY", "LIKENESS_CLAIMS_KEY_FILE"
ROTATION = b"likeness rotation 1\n"  # what is signed begins with what it is: no use elsewhere
Link = dict[str, Any]  # {"key", "by", "since", "signature"}: `by` is the key that signed it


@dataclass(frozen=True, slots=True)
class Keys:
    """The private key in use, and the public ones up to it."""

    private: Ed25519PrivateKey
    chain: tuple[Link, ...]

    @property
    def public(self) -> str:
        return _public(self.private)

    @property
    def id(self) -> str:
        """What links pin: see `key_id`."""
        return key_id(self.public)

    @property
    def rotations(self) -> list[Link]:
        """How to come from earlier keys to this one."""
        return list(self.chain[1:])


def encode(raw: bytes) -> str:
    """base64url without its padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str) -> bytes:
    """ValueError where it is no such text."""
    return base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True)


def key_id(public: str) -> str:
    """A public key's SHA-256, in hexadecimal."""
    return hashlib.sha256(decode(public)).hexdigest()


def canonical(value: dict[str, Any]) -> str:
    """One JSON text for one value: keys in order, no blanks, ASCII."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def new_keys(file: Path | None = None) -> Keys:
    """Makes the first key; ConfigError where there is one already."""
    path = _place(file)
    make_key(path)
    keys = Keys(_of_file(path), ())
    return _keep(path, Keys(keys.private, (_link(keys.public, keys.private),)))


def open_keys(file: Path | None = None, beside: Path | None = None) -> Keys:
    """The key of the environment, else of `file` or its default place, with its chain.

    `beside` is where data lie: a key in the same folder is refused. ConfigError in one line.
    """
    given = os.environ.get(VARIABLE)
    if given and not file:
        private = _private(given, VARIABLE)
        return Keys(private, (_link(_public(private), private),))
    path = _place(file)
    if beside is not None and path.resolve().parent == beside.expanduser().resolve().parent:
        raise ConfigError(f"the key {path} lies beside the gallery; move it to another folder")
    chain = read_chain(_chain_file(path))
    draft = _draft(path)
    if draft.exists() and _public(_of_file(draft)) == chain[-1]["key"]:
        draft.replace(path)  # a rotation that was cut short after it had been signed
    keys = Keys(_of_file(path), chain)
    if chain[-1]["key"] != keys.public:
        raise ConfigError(f"{_chain_file(path)} ends with another key than {path}; restore both")
    return keys


def rotate(file: Path | None = None) -> Keys:
    """Replaces the key by a new one that it signs; the old private key is gone then."""
    if os.environ.get(VARIABLE) and not file:
        raise ConfigError(f"the key of {VARIABLE} cannot be replaced; give --key-file")
    old, path = open_keys(file), _place(file)
    draft = _draft(path)
    draft.unlink(missing_ok=True)
    make_key(draft)
    private = _of_file(draft)
    made = Keys(private, (*old.chain, _link(_public(private), old.private)))
    _keep(path, made)
    draft.replace(path)
    return made


def published(keys: Keys) -> str:
    """What anybody may have."""
    return json.dumps({"version": 1, "keys": keys.chain}, indent=2) + "\n"


def read_chain(file: Path) -> tuple[Link, ...]:
    """Published keys, every signature of them checked; ConfigError otherwise."""
    try:
        chain = tuple(json.loads(file.read_text("utf-8"))["keys"])
    except OSError as e:
        raise ConfigError(
            f"cannot read {file}: 'python -m engine.verify claims new' makes a key and its list"
        ) from e
    except (ValueError, TypeError, LookupError, RecursionError) as e:
        raise ConfigError(f"{file} is no list of keys; restore it from a copy") from e
    before = None
    for link in chain:
        if not _is_signed(link) or (before is not None and link["by"] != before):
            raise ConfigError(f"{file} was altered: one of its signatures is wrong")
        before = link["key"]
    if before is None or chain[0]["by"] != chain[0]["key"]:
        raise ConfigError(f"{file} is no list of keys; restore it from a copy")
    return chain


def verify(public: str, signature: str, message: bytes) -> bool:
    """Whether the key signed it; False for whatever is malformed too."""
    try:
        Ed25519PublicKey.from_public_bytes(decode(public)).verify(decode(signature), message)
    except (InvalidSignature, ValueError, TypeError):
        return False
    return True


def _is_signed(link: Any) -> bool:
    if not isinstance(link, dict) or set(link) != {"key", "by", "since", "signature"}:
        return False
    if not all(isinstance(link[k], str) for k in ("key", "by", "signature")):
        return False
    return verify(link["by"], link["signature"], _signed(link))


def _signed(link: Link) -> bytes:
    said = [link["by"], link["key"], link["since"]]
    return ROTATION + json.dumps(said, separators=(",", ":")).encode()


def _link(public: str, by: Ed25519PrivateKey) -> Link:
    link: Link = {"key": public, "by": _public(by), "since": int(time.time())}
    return link | {"signature": encode(by.sign(_signed(link)))}


def _public(private: Ed25519PrivateKey) -> str:
    return encode(private.public_key().public_bytes_raw())


def _place(file: Path | None) -> Path:
    named = os.environ.get(VARIABLE_FILE)
    return (file or (Path(named) if named else DEFAULT_FILE)).expanduser()


def _chain_file(path: Path) -> Path:
    return path.with_name(path.name + ".json")


def _draft(path: Path) -> Path:
    return path.with_name(path.name + ".new")


def _keep(path: Path, keys: Keys) -> Keys:
    file = _chain_file(path)
    part = file.with_name(file.name + ".part")
    try:
        part.write_text(published(keys), "utf-8")
        part.replace(file)
    except OSError as e:
        raise ConfigError(f"cannot write {file}: {e.strerror}") from e
    return keys


def _of_file(path: Path) -> Ed25519PrivateKey:
    try:
        shared = path.stat().st_mode & 0o077
        text = path.read_text("ascii")
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(
            f"no key for claims: {path} cannot be read; 'python -m engine.verify claims new' makes "
            f"one, and {VARIABLE_FILE} names another place"
        ) from e
    if shared:
        raise ConfigError(f"others may read the key {path}: chmod 600 {path}")
    return _private(text, str(path))


def _private(text: str, where: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(parsed(text, where, "key for claims"))
