"""The rules of what goes to a broker and what comes from it, without one."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.clock import ManualClock
from engine.deliver.broker import MqttConfig
from engine.deliver.commands import Refused, parse, request_id
from engine.deliver.events import Events, as_json
from engine.deliver.outbox import Outbox
from engine.deliver.topics import Announcements, Topics, pseudonym, slug
from engine.errors import ConfigError
from engine.stats import Stats

ALLOWED = ("scene", "mute", "enrol", "verify")


def test_events_go_in_order_and_stay_until_they_are_acknowledged():
    box = Outbox(100, Stats())
    for k in range(5):
        box.put_event("e", {"id": k})
    first = box.take(3)
    assert [p.body["id"] for p in first] == [0, 1, 2]
    box.sent(first[0])
    box.again()  # the line broke after one acknowledgement
    again = box.take(10)
    assert [p.body["id"] for p in again] == [1, 2, 3, 4]
    assert ["duplicate" in json.loads(p.payload) for p in again] == [True, True, False, False]
    for parcel in again:
        box.sent(parcel)
    assert box.empty and box.waiting == 0


def test_of_a_state_only_the_newest_is_sent_and_all_of_them_again_on_a_new_line():
    box = Outbox(100, Stats())
    for k in range(5):
        box.put_state("a", str(k))
    box.put_state("b", "x")
    assert [(p.topic, p.payload, p.retain) for p in box.take(9)] == [
        ("a", "4", True),
        ("b", "x", True),
    ]
    assert box.take(9) == []
    box.put_state("a", "4")
    assert box.take(9) == [], "nothing new"
    box.again()
    assert [p.payload for p in box.take(9)] == ["4", "x"]


def test_a_state_that_is_taken_off_is_said_once():
    box = Outbox(100, Stats())
    box.put_state("a", "1")
    box.put_state("a", "")
    (parcel,) = box.take(9)
    assert parcel.payload == ""
    box.sent(parcel)
    box.again()
    assert box.take(9) == []


def test_the_oldest_that_waits_goes_when_there_are_too_many():
    stats = Stats()
    box = Outbox(100, stats)
    for k in range(100):
        box.put_event("e", {"id": k})
    going = box.take(2)
    box.put_event("e", {"id": 100})
    assert box.dropped == stats.counts["dropped from mqtt events"] == 1
    assert [p.body["id"] for p in box.unsent()][:3] == [0, 1, 3], "what is on its way stays"
    box.sent(going[0])
    assert box.waiting == 99


def test_figures_are_neither_retained_nor_kept():
    box = Outbox(100, Stats())
    box.put_figures("s", {"a": 1})
    box.put_figures("s", {"a": 2})
    box.again()
    assert box.empty
    box.put_figures("s", {"a": 3})
    (parcel,) = box.take(9)
    assert (parcel.payload, parcel.retain, parcel.qos) == ('{"a": 3}', False, 0)


@given(st.lists(st.sampled_from(["put", "take", "ack", "cut"]), max_size=60))
def test_whatever_happens_no_event_is_lost_and_none_overtakes(steps):
    box, told, arrived, going = Outbox(1000, Stats()), 0, [], []
    for step in [*steps, "cut", *["take", "ack"] * 70]:
        if step == "put":
            box.put_event("e", {"id": told})
            told += 1
        elif step == "take" and not going:
            going = box.take(3)
        elif step == "ack" and going:
            parcel = going.pop(0)
            arrived.append(parcel.body["id"])
            box.sent(parcel)
        elif step == "cut":
            arrived += [p.body["id"] for p in going[:1]]  # it came, its acknowledgement did not
            going = []
            box.again()
    assert sorted(set(arrived)) == list(range(told)) and box.waiting == 0
    first = list(dict.fromkeys(arrived))
    assert first == sorted(first)


async def test_ids_count_up_and_times_are_of_the_moment_told():
    clock = ManualClock()
    events, heard = Events(clock), []
    events.listen(heard.append)
    await clock.advance(3.0)
    one = events.tell("speech", "stopped", "microphone", t=2.4)
    two = events.tell("scene", "shown", scene="avatar")
    assert heard == [one, two] and one.id < two.id and one.id[:9] == two.id[:9]
    assert two.wall - one.wall == pytest.approx(0.6, abs=0.1)
    plain = as_json(two)
    assert plain["t"] == 3.0 and plain["about"] == {"scene": "avatar"} and plain["time"][-1] == "Z"
    assert "about" not in as_json(one)


COMMANDS = st.dictionaries(
    st.sampled_from(["command", "on", "scene", "id", "action", "name", "x"]),
    st.one_of(
        st.text(max_size=20), st.booleans(), st.none(), st.floats(), st.integers(),
        st.sampled_from(["mute", "scene", "enrol", "verify", "stop", "avatar", "../x.py", "a b"]),
        st.lists(st.integers(), max_size=3),
    ),
)  # fmt: skip


@settings(max_examples=300)
@given(st.one_of(st.binary(max_size=5000), st.text().map(str.encode), COMMANDS.map(
    lambda d: json.dumps(d).encode())))  # fmt: skip
def test_whatever_comes_is_a_command_of_the_list_or_refused_in_one_line(payload):
    name = request_id(payload)
    assert name is None or json.loads(json.dumps(name)) == name
    try:
        command = parse(payload, ALLOWED, 1.0, "mqtt")
    except Refused as e:
        assert str(e) and "\n" not in str(e) and len(str(e)) < 200
        return
    assert command.name in ("mute", "scene", "verify") or command.args["action"] == "stop"
    if command.name == "verify":
        assert isinstance(command.args["name"], str)
    elif command.name == "enrol":
        assert command.args == {"action": "stop"}  # it takes more than chance to consent
    elif command.name == "scene":
        assert command.args["scene"].isidentifier()
    else:
        assert isinstance(command.args["on"], bool)


def test_pseudonyms_differ_by_name_and_by_key():
    one, other = pseudonym(b"a" * 16), pseudonym(b"b" * 16)
    assert one("Anna") == one("Anna") != one("Anne") and one("Anna") != other("Anna")


def test_names_that_home_assistant_would_not_take_stay_apart():
    assert slug("anna_1-x") == "anna_1-x"
    assert len({slug(n) for n in ("Zoë", "Zo_", "Zo+", "Zo#/..")}) == 4
    for name in ("Zoë", "a/b", "#", "+"):
        assert re.fullmatch(r"[a-zA-Z0-9_-]+", slug(name))


def test_without_a_discovery_prefix_nothing_is_announced():
    said = []
    Announcements("", "likeness", lambda *a: said.append(a)).session("microphone", ["avatar"], ())
    assert said == []


def test_each_announcement_is_whole():
    said = {}
    announce = Announcements("homeassistant", "home/likeness", said.__setitem__)
    announce.session("microphone", ["avatar"], ("scene", "mute"), camera="camera")
    announce.person("Zoë", "camera")
    assert len(said) == 6
    for topic, payload in said.items():
        entity = json.loads(payload)
        assert topic.startswith("homeassistant/") and topic.endswith("/config")
        assert entity["availability_topic"] == "home/likeness/status"
        assert entity["unique_id"] and entity["device"]["identifiers"] == [announce.node]
        assert entity["state_topic"].startswith("home/likeness/")
    assert len({json.loads(p)["unique_id"] for p in said.values()}) == 6


async def test_source_and_mute_are_states_too():
    said = {}
    topics = Topics("p", str, said.__setitem__, Announcements("", "p", said.__setitem__))
    events = Events(ManualClock())
    events.listen(topics.hold)
    topics.begin("microphone", "avatar")
    events.tell("source", "lost", "microphone")
    events.tell("mute", "on")
    assert said == {
        "p/microphone/status": "offline", "p/microphone/speaking": "OFF", "p/viewers": "0",
        "p/mute": "ON", "p/scene": "avatar",
    }  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"prefix": ""}, {"prefix": "a/#"}, {"prefix": "/a"}, {"prefix": "a/"}, {"prefix": "$SYS"},
        {"discovery": "a b"}, {"port": 70_000}, {"buffer": 5}, {"keepalive": 0}, {"stats": -1.0},
        {"broker": "embedded", "tls": "system"},
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_section_is_told_in_one_line(wrong):
    with pytest.raises(ConfigError, match="mqtt.") as told:
        MqttConfig(**wrong)
    assert "\n" not in str(told.value)


def test_ports_are_the_usual_ones():
    assert MqttConfig(broker="host").port_used == 1883
    assert MqttConfig(broker="host", tls="system").port_used == 8883
    assert MqttConfig(broker="embedded", port=1999).port_used == 1999


def test_a_command_hands_on_only_what_it_knows():
    sent = {"command": "mute", "on": True, "kind": "x", "t": "x", "source": "door", "id": 7}
    taken = parse(json.dumps(sent).encode(), ("mute",), 1.0, "mqtt")
    assert taken.args == {"on": True} and taken.source == "mqtt" and taken.t == 1.0
    shown = parse(b'{"command": "scene", "scene": "avatar", "what": NaN}', ("scene",), 0, "")
    assert shown.args == {"scene": "avatar"}
