"""What an event becomes on MQTT: topics, retained states, Home Assistant's announcements.

PREFIX/status                    retained: online, or offline by the last will
PREFIX/event, PREFIX/errors      never retained: JSON, each with an id
PREFIX/stats                     never retained: figures, every few seconds
PREFIX/SOURCE/person             retained: a name, unknown, pending, rejected; /attributes: JSON
PREFIX/SOURCE/speaking           retained: ON or OFF
PREFIX/SOURCE/status             retained: online or offline, the microphone's or camera's own
PREFIX/viewers, scene, mute      retained
PREFIX/command                   what the session listens to

Never a template, a face crop or a similarity: of a person's result only the keys of RESULT leave.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..types import Event
from .events import as_json

ONLINE, OFFLINE = "online", "offline"
RESULT = (
    "name", "verified", "decision", "reason", "quality", "liveness", "threshold", "target_fmr",
    "model_id", "frames_used", "t_capture", "t_decision", "request_id", "since",
)  # fmt: skip
_ABOUT_PEOPLE = ("person", "enrolment")
_WIDTH = 16  # hexadecimal digits of a pseudonym

Put = Callable[[str, str], None]  # topic, payload
Rename = Callable[[str], str]


def pseudonym(key: bytes) -> Rename:
    """Names to words that nobody without `key` can turn back, the same each time."""

    def rename(name: str) -> str:
        return "p" + hmac.new(key, name.encode(), hashlib.sha256).hexdigest()[:_WIDTH]

    return rename


def public(event: Event, rename: Rename) -> dict[str, Any]:
    """An event's JSON, with names as they may leave and nothing that may not."""
    plain, about = as_json(event), event.about
    if event.kind in _ABOUT_PEOPLE:
        about = {k: v for k, v in about.items() if k in RESULT}
    if isinstance(name := about.get("name"), str):
        about = about | {"name": rename(name)}
    return plain | ({"about": about} if about else {})


class Topics:
    """Says what the broker should hold after each event; `put` stores a retained state."""

    def __init__(self, prefix: str, rename: Rename, put: Put, announce: "Announcements") -> None:
        self.prefix = prefix
        self._rename, self._put, self._announce = rename, put, announce

    def begin(self, source: str, scene: str) -> None:
        """What holds before anything has happened."""
        first = {f"{source}/status": ONLINE, f"{source}/speaking": _switch(False),
                 "viewers": "0", "mute": _switch(False), "scene": scene}  # fmt: skip
        for topic, payload in first.items():
            self._put(f"{self.prefix}/{topic}", payload)

    def place(self, event: Event) -> tuple[str, dict[str, Any]]:
        """Where the event itself goes, and as what."""
        word = "errors" if event.kind == "error" else "event"
        return f"{self.prefix}/{word}", public(event, self._rename)

    def hold(self, event: Event) -> None:
        """Brings the retained states up to date."""
        here, what, about = f"{self.prefix}/{event.source}", event.what, event.about
        if event.kind == "speech":
            self._put(f"{here}/speaking", _switch(what == "started"))
        elif event.kind == "source":
            self._put(f"{here}/status", OFFLINE if what == "lost" else ONLINE)
        elif event.kind == "viewer":
            self._put(f"{self.prefix}/viewers", str(about.get("viewers", 0)))
        elif event.kind == "scene":
            self._put(f"{self.prefix}/scene", str(about.get("scene", "")))
        elif event.kind == "mute":
            self._put(f"{self.prefix}/mute", _switch(what == "on"))
        elif event.kind == "person":
            self._hold_person(here, event)
        elif event.kind == "enrolment":
            self._hold_enrolment(event)

    def _hold_person(self, here: str, event: Event) -> None:
        """The person topic says who it is; no match is said as what it is, rejections too."""
        told = public(event, self._rename)
        about = told.get("about", {})
        matched = event.what == "match" and "name" in about
        self._put(f"{here}/person", about["name"] if matched else event.what)
        attributes = {"decision": event.what} | about | {"event": event.id, "time": told["time"]}
        self._put(f"{here}/person/attributes", json.dumps(attributes, default=str))

    def _hold_enrolment(self, event: Event) -> None:
        name = str(event.about.get("name", ""))
        if event.what == "finished":
            self._announce.person(self._rename(name), event.source)
        elif event.what == "removed":
            self._announce.forget(self._rename(name))


def _switch(on: bool) -> str:
    return "ON" if on else "OFF"


class Announcements:
    """Home Assistant's discovery: which entities this session has, as retained topics."""

    def __init__(self, root: str, prefix: str, put: Put) -> None:
        """`root` is Home Assistant's discovery prefix; with "" nothing is announced."""
        self.root, self.prefix, self._put = root, prefix, put
        self.node = slug(prefix)
        self._device = {
            "identifiers": [self.node],
            "name": prefix,
            "manufacturer": "Likeness",
            "model": "Likeness engine",
        }

    def session(
        self, microphone: str, scenes: Sequence[str], commands: Sequence[str], camera: str = ""
    ) -> None:
        """What every session has; with a `camera` also who is seen by it."""
        for kind, name, entity in self._usual(microphone, scenes, commands):
            self._say(kind, name, entity)
        if camera:
            here = f"{self.prefix}/{camera}"
            entity = {"state_topic": f"{here}/person", "icon": "mdi:account",
                      "json_attributes_topic": f"{here}/person/attributes"}  # fmt: skip
            self._say("sensor", f"{camera}_person", {"name": "Person"} | entity)

    def _usual(
        self, microphone: str, scenes: Sequence[str], commands: Sequence[str]
    ) -> Iterator[tuple[str, str, dict[str, Any]]]:
        p, ask = self.prefix, f"{self.prefix}/command"
        yield "binary_sensor", "speaking", {
            "name": "Speaking", "state_topic": f"{p}/{microphone}/speaking",
            "icon": "mdi:account-voice",
        }  # fmt: skip
        yield "sensor", "viewers", {
            "name": "Viewers", "state_topic": f"{p}/viewers", "state_class": "measurement",
            "icon": "mdi:eye",
        }  # fmt: skip
        if "mute" in commands:
            yield "switch", "mute", {
                "name": "Mute", "state_topic": f"{p}/mute", "command_topic": ask,
                "payload_on": '{"command": "mute", "on": true}', "state_on": "ON",
                "payload_off": '{"command": "mute", "on": false}', "state_off": "OFF",
                "icon": "mdi:microphone-off",
            }  # fmt: skip
        if "scene" in commands:
            yield "select", "scene", {
                "name": "Scene", "state_topic": f"{p}/scene", "command_topic": ask,
                "command_template": '{"command": "scene", "scene": {{ value | tojson }}}',
                "options": list(scenes), "icon": "mdi:drama-masks",
            }  # fmt: skip

    def person(self, name: str, source: str) -> None:
        """Somebody is enrolled: ON while that source sees them, said before any match."""
        if_here = "{{ 'ON' if value == " + json.dumps(name) + " else 'OFF' }}"
        entity = {
            "name": name, "state_topic": f"{self.prefix}/{source}/person",
            "value_template": if_here, "device_class": "occupancy",
        }  # fmt: skip
        self._say("binary_sensor", f"person_{slug(name)}", entity)

    def forget(self, name: str) -> None:
        self._put_config("binary_sensor", f"person_{slug(name)}", "")

    def _say(self, kind: str, name: str, entity: dict[str, Any]) -> None:
        always = {
            "unique_id": f"{self.node}_{name}",
            "object_id": f"{self.node}_{name}",
            "availability_topic": f"{self.prefix}/status",
            "device": self._device,
        }
        self._put_config(kind, name, json.dumps(entity | always, ensure_ascii=False))

    def _put_config(self, kind: str, name: str, payload: str) -> None:
        if self.root:
            self._put(f"{self.root}/{kind}/{self.node}/{name}/config", payload)


def slug(text: str) -> str:
    """What Home Assistant takes as part of a topic and an id; unlike words stay unlike."""
    plain = re.sub(r"[^a-zA-Z0-9_-]", "_", text)
    if plain == text:
        return plain
    return f"{plain}_{hashlib.sha256(text.encode()).hexdigest()[:6]}"
