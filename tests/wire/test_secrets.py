"""A session that holds every secret there is, and says as much as it can: none is said."""

import json

from tests.wire.brokers import free_port
from tests.wire.test_operations import Live
from tests.wire.test_webrtc import client, watching

SECRETS = {
    "LIKENESS_TOKEN": "the-token-of-the-link-4711",
    "LIKENESS_MQTT_USER": "somebody",
    "LIKENESS_MQTT_PASSWORD": "the-password-of-the-broker",
    "LIKENESS_PSEUDONYM_KEY": "the-key-of-the-pseudonyms",
    "LIKENESS_GALLERY_KEY": "5a" * 32,
    "LIKENESS_CLAIMS_KEY": "c3" * 32,
    "LIKENESS_PASSPHRASE": "the-passphrase-of-exports",
}
PATHS = ("", "info", "stats", "metrics", "healthz", "readyz", "nowhere")


async def test_no_secret_in_logs_pages_or_what_viewers_are_told(tmp_path, monkeypatch):
    for name, value in (SECRETS | {"XDG_STATE_HOME": str(tmp_path)}).items():
        monkeypatch.setenv(name, value)
    sets = [
        f'verify.gallery="{tmp_path}/people/g.db"',
        "verify.claims.issue=true",
        'mqtt.broker="127.0.0.1"',
        f"mqtt.port={free_port()}",
        "mqtt.pseudonyms=true",
    ]
    live = Live(
        tmp_path, "-v", "--host", "0.0.0.0", "--tls", "auto", "--size", "64x64",
        "--camera", "test", *(part for each in sets for part in ("--set", each)),
    )  # fmt: skip
    told = []
    try:
        url = await live.opened()
        async with client() as http:
            http.headers["Authorization"] = f"Bearer {SECRETS['LIKENESS_TOKEN']}"
            http.connector._ssl = False
            for path in PATHS:
                async with http.get(url + path) as response:
                    told += [await response.text(), *map(str, response.headers.items())]
            for path in ("offer", "login", "enroll"):
                async with http.post(url + path, data=b"{", headers={
                        "Content-Type": "application/json"}) as response:  # fmt: skip
                    told += [await response.text(), *map(str, response.cookies.values())]
            async with watching(url, http) as viewer:
                claim = (await viewer.heard("state"))["claim"]
                told.append(json.dumps(viewer.said))
        out = await live.end()
    finally:
        live.kill()
    assert "none" in claim, "nobody is enrolled, and yet somebody was verified"
    logged = json.dumps(live.lines) + out
    assert "configuration" in logged, "the log says too little for this test to mean anything"
    for name, secret in SECRETS.items():
        if name != "LIKENESS_MQTT_USER":
            assert secret not in logged and secret not in "".join(told), name
