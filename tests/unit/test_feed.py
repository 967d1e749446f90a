"""Listeners to motion: what is dropped, what is kept, and who may hear what."""

import json

from engine.clock import ManualClock
from engine.deliver.events import Events
from engine.deliver.feed import SLOW, Feed, Listener
from engine.stats import Stats


async def test_a_slow_listener_loses_its_oldest_frames_and_hears_every_event_first():
    stats = Stats()
    listener = Listener(stats)
    for k in range(12):
        listener.put("motion", f"frame {k}")
    listener.put("event", "it happened")
    assert stats.counts[SLOW] == 4 and not listener.lost
    assert [await listener.next() for _ in range(3)] == ["it happened", "frame 4", "frame 5"]


async def test_who_cannot_even_take_events_is_cut_off():
    listener = Listener(Stats())
    for k in range(257):
        listener.put("event", f"event {k}")
    assert listener.lost and await listener.next() == "event 1"


async def test_what_viewers_may_hear_has_nothing_of_people_and_commands():
    said = []
    feed = Feed(Stats(), False, lambda what, text: said.append((what, text)))
    events = Events(ManualClock())
    events.listen(feed.on_event)
    for kind in ("session", "speech", "source", "scene", "mute"):
        events.tell(kind, "x")
    heard = [json.loads(text)["event"]["kind"] for what, text in said if what == "event"]
    assert heard == ["session", "speech", "source", "scene", "mute"]
    for kind in ("person", "enrolment", "viewer", "command", "error"):
        events.tell(kind, "x", name="Anna")
    assert len(said) == 5 and feed.routes == []
