"""Checks a claim (docs/claims.md); to be imported. `pip install cryptography`."""

import base64
import hashlib
import json
import time

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def raw(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def key_id(key):
    return hashlib.sha256(raw(key)).hexdigest()


def signed(key, signature, text):
    Ed25519PublicKey.from_public_bytes(raw(key)).verify(raw(signature), text.encode())


def check(claim, pinned, engine, viewer, last=0, now=None):
    """The claim's body; ValueError says why not. `pinned`: the owner's key, as links have it after
    #key=; `engine`, `viewer`: SHA-256 of the certificates of your own DTLS connection, "AB:CD:...";
    `last`: the highest sequence so far on this connection."""
    now, at = time.time() if now is None else now, pinned
    try:
        for link in claim["rotations"]:
            if key_id(link["by"]) == at != key_id(claim["key"]):
                text = json.dumps([link["by"], link["key"], link["since"]], separators=(",", ":"))
                signed(link["by"], link["signature"], "likeness rotation 1\n" + text)
                at = key_id(link["key"])
        signed(claim["key"], claim["signature"], "likeness claim 1\n" + claim["body"])
        body = json.loads(claim["body"])
        verdicts = {
            "another key": at == key_id(claim["key"]),
            "no claim": body["version"] == 1 and body["decision"] == "match",
            "another connection": (body["engine"], body["viewer"]) == (engine, viewer),
            "stale": body["issued"] - 30 < now < body["expires"] + 30,
            "lasts too long": body["expires"] - body["issued"] <= 60,
            "shown before": body["sequence"] > last,
        }
    except (InvalidSignature, LookupError, TypeError, ValueError, RecursionError) as e:
        raise ValueError("altered, or no claim") from e
    if wrong := [why for why, right in verdicts.items() if not right]:
        raise ValueError(wrong[0])
    return body
