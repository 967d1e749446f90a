"""ICE servers and the credentials that expire."""

import base64
import hashlib
import hmac

import pytest

from engine.deliver.ice import LASTS, Ice
from engine.errors import ConfigError

TURN = ("stun:stun.example:3478", "turn:turn.example?transport=tcp")


def test_credentials_are_made_anew_and_expire(monkeypatch):
    monkeypatch.setenv("LIKENESS_TURN_SECRET", "north")
    now = 1_700_000_000.0
    ice = Ice(TURN, lambda: now)
    first = ice()
    assert first[0] == {"urls": TURN[0]}, "STUN needs none"
    assert first[1]["username"] == f"{1_700_000_000 + LASTS}:likeness"
    digest = hmac.new(b"north", first[1]["username"].encode(), hashlib.sha1).digest()
    assert base64.b64decode(first[1]["credential"]) == digest
    now += 60
    assert ice()[1] != first[1]
    assert "north" not in str(ice())


def test_links_quote_what_they_must(monkeypatch):
    monkeypatch.setenv("LIKENESS_TURN_USER", 'a"b')
    monkeypatch.setenv("LIKENESS_TURN_PASSWORD", "c\\d")
    stun, turn = Ice(TURN).links()
    assert stun == '<stun:stun.example:3478>; rel="ice-server"'
    assert turn == (
        '<turn:turn.example?transport=tcp>; rel="ice-server"; username="a\\"b"; '
        'credential="c\\\\d"; credential-type="password"'
    )


@pytest.mark.parametrize("url", ["http://x", "turn:", "stun:a b", "turn:x?transport=smoke"])
def test_what_is_no_address_is_refused(url, monkeypatch):
    monkeypatch.setenv("LIKENESS_TURN_SECRET", "north")
    with pytest.raises(ConfigError, match=r"deliver\.ice"):
        Ice((url,))


def test_turn_without_credentials_is_refused(monkeypatch):
    for name in ("SECRET", "USER", "PASSWORD"):
        monkeypatch.delenv(f"LIKENESS_TURN_{name}", raising=False)
    with pytest.raises(ConfigError, match="LIKENESS_TURN_SECRET"):
        Ice(TURN)
