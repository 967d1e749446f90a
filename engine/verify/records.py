"""A person as the gallery keeps them: name, consent, and one template, as bytes to be sealed."""

import json
import struct
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from ..errors import ConfigError, GalleryError
from ..types import Floats

LONGEST_NAME = 200  # characters
_DAYS = {"d": 1, "w": 7, "m": 30, "y": 365}


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person agreed to: without it nobody is enrolled, and once it expires they are gone."""

    purpose: str  # what their face may be compared for, in words
    expires: datetime  # with a time zone

    def __post_init__(self) -> None:
        if not self.purpose.strip():
            raise ConfigError("consent needs a purpose: say what the face is compared for")
        if self.expires.tzinfo is None:
            raise ConfigError("consent's expiry needs a time zone: datetime(..., tzinfo=UTC)")

    @classmethod
    def until(cls, purpose: str, expires: str, now: datetime | None = None) -> "Consent":
        """From words: `expires` is a date (2027-01-31) or a time from now (90d, 6m, 1y)."""
        now = now or datetime.now(UTC)
        consent = cls(purpose, _moment(expires, now))
        if consent.expires <= now:
            raise ConfigError(f"consent that expires {expires} has expired already")
        return consent


@dataclass(frozen=True, slots=True)
class Person:
    """One enrolled person; the template is the mean of the embeddings of `pictures` pictures."""

    name: str
    consent: Consent
    pictures: int
    enrolled: datetime
    template: Floats  # (d,) rotated, of length 1 or less: shorter where the pictures differ

    def pack(self) -> bytes:
        words = asdict(self.consent) | {
            "name": self.name,
            "pictures": self.pictures,
            "expires": self.consent.expires.isoformat(),
            "enrolled": self.enrolled.isoformat(),
        }
        head = json.dumps(words).encode()
        return struct.pack("<I", len(head)) + head + self.template.astype("<f4").tobytes()

    @classmethod
    def unpack(cls, packed: bytes) -> "Person":
        """GalleryError where the bytes are no record."""
        try:
            (n,) = struct.unpack_from("<I", packed)
            words = json.loads(packed[4 : 4 + n])
            template = np.frombuffer(packed, "<f4", offset=4 + n).astype(np.float32)
            consent = Consent(words["purpose"], datetime.fromisoformat(words["expires"]))
            enrolled = datetime.fromisoformat(words["enrolled"])
            return cls(words["name"], consent, words["pictures"], enrolled, template)
        except (struct.error, ValueError, KeyError) as e:
            raise GalleryError("a record of the gallery cannot be read; restore a copy") from e


def checked_name(name: str) -> str:
    """ConfigError where it is empty, too long, or has characters that do not print."""
    name = name.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ConfigError(f"a name has 1 to {LONGEST_NAME} printable characters, not {name[:40]!r}")
    return name


def _moment(text: str, now: datetime) -> datetime:
    try:
        if text[-1:] in _DAYS and text[:-1].isdigit():
            return now + timedelta(days=int(text[:-1]) * _DAYS[text[-1]])
        moment = datetime.fromisoformat(text)
    except (ValueError, OverflowError) as e:
        raise ConfigError(
            f"'{text}' is no expiry: give a date such as 2027-01-31, or 90d, 6m, 1y"
        ) from e
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
