"""Events and commands through a real mosquitto."""

import asyncio
import json
import ssl
import subprocess
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from engine.clock import Clock
from engine.deliver.broker import PASSWORD, PSEUDONYM_KEY, USER, MqttConfig
from engine.deliver.events import Events
from engine.deliver.mqtt import MqttLink
from engine.deliver.tls import self_signed
from engine.errors import ConfigError, DeliveryError
from engine.stats import Stats
from tests.wire.brokers import MOSQUITTO, Line, Mosquitto, free_port

pytestmark = pytest.mark.skipif(MOSQUITTO is None, reason="no mosquitto: apt install mosquitto")


@pytest.fixture
def broker(tmp_path):
    with Mosquitto(tmp_path) as broker:
        yield broker


class Session:
    """What a link needs of a session."""

    def __init__(self, **config):
        config = {"stats": 0.0} | config
        self.clock, self.stats, self.obeyed = Clock(), Stats(), []
        self.events = Events(self.clock)
        self.link = MqttLink(
            MqttConfig(**config), self.clock, self.events, self.stats, self.obey,
            lambda: {"seconds": 1.5, "counts": dict(self.stats.counts)},
        )  # fmt: skip

    async def obey(self, command):
        if command.args.get("scene") == "opera":
            raise ConfigError("there is no scene 'opera'")
        self.obeyed.append(command)


@asynccontextmanager
async def session(port, **config):
    made = Session(**{"broker": "127.0.0.1", "port": port} | config)
    async with made.link:
        yield made


class Reader:
    """Somebody who listens to everything."""

    def __init__(self, client):
        self._client, self.got = client, []

    async def until(self, found, seconds=8.0):
        """The first message, old ones first, that `found(topic, payload, retained)`."""
        for message in self.got:
            if found(*message):
                return message
        async with asyncio.timeout(seconds):
            async for m in self._client.messages:
                self.got.append((m.topic.value, m.payload.decode(errors="replace"), m.retain))
                if found(*self.got[-1]):
                    return self.got[-1]
        raise AssertionError("the messages ended")

    async def on(self, topic, seconds=8.0):
        return (await self.until(lambda t, p, r: t == topic, seconds))[1]

    async def event(self, **wanted):
        def matches(topic, payload, retained):
            if topic.split("/")[-1] not in ("event", "errors"):
                return False
            said = json.loads(payload)
            return all(said.get(k) == v for k, v in wanted.items())

        return json.loads((await self.until(matches))[1])


@asynccontextmanager
async def reading(port, topic="#", **options):
    async with aiomqtt.Client("127.0.0.1", port, **options) as client:
        await client.subscribe(topic, 1)
        yield Reader(client)


async def until(what, seconds=10.0):
    async with asyncio.timeout(seconds):
        while not what():  # noqa: ASYNC110  # the broker tells nobody
            await asyncio.sleep(0.02)


async def test_status_is_retained_and_says_offline_at_the_end(broker):
    async with session(broker.port):
        async with reading(broker.port) as reader:
            assert await reader.on("likeness/status") == "online"
    async with reading(broker.port) as reader:
        topic, said, retained = await reader.until(lambda t, p, r: t == "likeness/status")
        assert said == "offline" and retained


async def test_who_vanishes_without_a_word_is_said_to_be_offline(broker):
    """The last will, published by the broker."""
    async with Line(broker.port).laid() as line, session(line.port) as made:
        await until(lambda: made.link.connected)
        async with reading(broker.port) as reader:
            assert await reader.on("likeness/status") == "online"
            reader.got.clear()
            line.cut()
            assert await reader.on("likeness/status") == "offline"
            await reader.until(lambda t, p, r: (t, p) == ("likeness/status", "online"))


async def test_events_are_not_retained_and_states_are(broker):
    async with session(broker.port) as made:
        async with reading(broker.port) as reader:
            await until(lambda: made.link.connected)
            told = made.events.tell("speech", "started", "microphone")
            said = await reader.event(kind="speech")
            assert said["id"] == told.id and said["what"] == "started" and "duplicate" not in said
            made.events.tell("viewer", "joined", viewers=2)
            assert await reader.on("likeness/viewers") == "2"
        async with reading(broker.port) as late:
            assert await late.on("likeness/microphone/speaking") == "ON"
            assert await late.on("likeness/viewers") == "2"
            assert all(retained and "/event" not in topic for topic, _, retained in late.got)


async def test_a_person_is_held_as_state_and_attributes_and_nothing_private_leaves(broker):
    async with session(broker.port) as made, reading(broker.port) as reader:
        await until(lambda: made.link.connected)
        made.events.tell(
            "person", "match", "camera", name="Anna", verified=True, similarity=0.83,
            target_fmr=1e-4, embedding=[0.1, 0.2], crop="aGVsbG8=",
        )  # fmt: skip
        assert await reader.on("likeness/camera/person") == "Anna"
        attributes = json.loads(await reader.on("likeness/camera/person/attributes"))
        assert attributes["verified"] and attributes["target_fmr"] == 1e-4
        made.events.tell("person", "rejected", "camera", name="Anna", reason="a photograph")
        assert (await reader.event(what="rejected"))["about"]["reason"] == "a photograph"
        await reader.until(lambda t, p, r: (t, p) == ("likeness/camera/person", "rejected"))
        everything = " ".join(payload for _, payload, _ in reader.got)
        assert not any(
            word in everything for word in ("similarity", "embedding", "aGVsbG8", "0.83")
        )


async def test_pseudonyms_hide_the_name_everywhere_and_stay_the_same(broker, monkeypatch):
    monkeypatch.setenv("LIKENESS_PSEUDONYM_KEY", "a key of sixteen characters or more")
    words = []
    for _ in range(2):
        async with session(broker.port, pseudonyms=True) as made:
            async with reading(broker.port) as reader:
                await until(lambda m=made: m.link.connected)
                made.events.tell("enrolment", "finished", "camera", name="Anna")
                made.events.tell("person", "match", "camera", name="Anna")
                said = await reader.event(kind="person")
                await reader.on("likeness/camera/person/attributes")
                await reader.until(lambda t, p, r: t.startswith("homeassistant/") and "person" in t)
                assert "Anna" not in repr(reader.got)
                words.append(said["about"]["name"])
    assert words[0] == words[1] and words[0][0] == "p" and len(words[0]) == 17


async def test_home_assistant_is_told_at_enrolment_and_again_when_it_restarts(broker):
    wanted = "homeassistant/binary_sensor/likeness/person_Anna/config"
    async with session(broker.port) as made, reading(broker.port) as reader:
        made.link.announce.session("microphone", ["avatar", "mirror"], ("scene", "mute"))
        made.events.tell("enrolment", "finished", "camera", name="Anna")
        config = json.loads(await reader.on(wanted))
        assert config["state_topic"] == "likeness/camera/person"
        assert config["availability_topic"] == "likeness/status"
        scene = json.loads(await reader.on("homeassistant/select/likeness/scene/config"))
        assert scene["options"] == ["avatar", "mirror"]
        assert scene["command_topic"] == "likeness/command"
        reader.got.clear()
        async with aiomqtt.Client("127.0.0.1", broker.port) as home:
            await home.publish("homeassistant/status", "online", qos=1)
        assert json.loads(await reader.on(wanted)) == config
        await reader.on("homeassistant/select/likeness/scene/config")
        made.events.tell("enrolment", "removed", "camera", name="Anna")
        await reader.until(lambda t, p, r: (t, p) == (wanted, ""))
    async with reading(broker.port, "homeassistant/#") as late:
        await late.on("homeassistant/select/likeness/scene/config")
        await asyncio.sleep(0.2)
        assert wanted not in [t for t, _, _ in late.got]


async def ask(port, payload, retain=False):
    text = payload if isinstance(payload, bytes | str) else json.dumps(payload)
    async with aiomqtt.Client("127.0.0.1", port) as client:
        await client.publish("likeness/command", text, qos=1, retain=retain)


async def test_commands_are_carried_out_and_answered(broker):
    async with session(broker.port) as made, reading(broker.port) as reader:
        await until(lambda: made.link.connected)
        await ask(broker.port, {"command": "mute", "on": True, "id": "a1"})
        answer = await reader.event(kind="command", what="done")
        assert answer["about"] == {"command": "mute", "on": True, "request_id": "a1"}
        await ask(broker.port, {"command": "scene", "scene": "opera"})
        assert "no scene 'opera'" in (await reader.event(kind="error"))["about"]["reason"]
        assert [(c.name, c.source) for c in made.obeyed] == [("mute", "mqtt")]


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"command": "enrol", "action": "start", "name": "Anna"}, "not among the commands"),
        ({"command": "reboot"}, "there is no command 'reboot'"),
        ({"command": "scene", "scene": "../../etc/passwd.py"}, "built-in scene"),
        ({"command": "mute", "on": "yes"}, "true or false"),
        (b"\xff\xfe", "JSON"),
        (b"[" * 4000, "JSON"),
        (b" " * 5000, "at most 4096 bytes"),
    ],
)
async def test_what_is_not_on_the_list_is_refused_with_its_reason(broker, payload, reason):
    async with session(broker.port) as made, reading(broker.port) as reader:
        await until(lambda: made.link.connected)
        await ask(broker.port, payload)
        assert reason in (await reader.event(what="command refused"))["about"]["reason"]
        assert not made.obeyed


async def test_enrol_wants_consent_and_its_answer_has_no_name_in_clear(broker, monkeypatch):
    monkeypatch.setenv(PSEUDONYM_KEY, "a key of at least 16 bytes")
    whole = {"command": "enrol", "action": "start", "name": "Anna", "purpose": "door",
             "expires": "1y", "id": 7}  # fmt: skip
    async with (
        session(broker.port, commands=("enrol",), pseudonyms=True) as made,
        reading(broker.port) as reader,
    ):
        await until(lambda: made.link.connected)
        await ask(broker.port, whole)
        about = (await reader.event(what="command refused"))["about"]
        assert "consent" in about["reason"] and about["request_id"] == 7
        await ask(broker.port, whole | {"consent": True, "template": [1, 2]})
        about = (await reader.event(kind="command", what="done"))["about"]
        assert about["name"].startswith("p") and "template" not in about
        assert made.obeyed[-1].args == {"action": "start", "name": "Anna", "purpose": "door",
                                        "expires": "1y"}  # fmt: skip
        await ask(broker.port, {"command": "mute", "on": True})
        await reader.until(lambda t, p, r: "mute is not among" in p)


async def test_a_command_that_was_left_on_the_broker_is_not_carried_out(broker):
    await ask(broker.port, {"command": "mute", "on": True}, retain=True)
    async with session(broker.port) as made, reading(broker.port) as reader:
        assert "retained" in (await reader.event(what="command refused"))["about"]["reason"]
        assert not made.obeyed


async def test_figures_are_published(broker):
    async with session(broker.port, stats=0.1), reading(broker.port) as reader:
        said = json.loads(await reader.on("likeness/stats"))
        assert said["seconds"] == 1.5


async def test_a_wrong_password_is_told_once_and_mended_without_a_restart(
    tmp_path, monkeypatch, caplog
):
    file = tmp_path / "users"
    file.touch(mode=0o600)
    command = ["mosquitto_passwd", "-b", str(file), "engine", "a good word"]
    await asyncio.to_thread(subprocess.run, command, check=True)
    monkeypatch.setenv(USER, "engine")
    monkeypatch.setenv(PASSWORD, "a wrong word")
    root = ["user root"]
    with Mosquitto(tmp_path, f"password_file {file}", *root) as broker:
        async with session(broker.port) as made:
            made.events.tell("scene", "shown", scene="avatar")
            await until(lambda: USER in caplog.text)
            await asyncio.sleep(1.0)
            assert not made.link.connected and made.link.outbox.waiting == 1
            assert caplog.text.count(USER) == 1, "told on change only"
            monkeypatch.setenv(PASSWORD, "a good word")
            await until(lambda: made.link.connected)
            await until(lambda: made.link.outbox.empty)
    assert "wrong word" not in caplog.text and "good word" not in caplog.text


async def test_a_broker_with_tls(tmp_path):
    cert, key = self_signed(tmp_path, ["localhost", "127.0.0.1"])
    lines = (f"certfile {cert}", f"keyfile {key}", "user root")
    with Mosquitto(tmp_path, *lines) as broker:
        async with session(broker.port, tls=str(cert)) as made:
            await until(lambda: made.link.connected)
            trust = ssl.create_default_context(cafile=cert)
            async with reading(broker.port, tls_context=trust) as reader:
                assert await reader.on("likeness/status") == "online"


# paho leaves the socket of a handshake that failed to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_broker_that_is_not_trusted_is_told_nothing(tmp_path, caplog):
    cert, key = self_signed(tmp_path, ["localhost", "127.0.0.1"])
    with Mosquitto(tmp_path, f"certfile {cert}", f"keyfile {key}", "user root") as broker:
        async with session(broker.port, tls="system") as made:
            await until(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)
            assert not made.link.connected


async def test_a_line_that_falls_silent_is_noticed_and_nothing_is_lost(broker):
    async with Line(broker.port).laid() as line:
        async with session(line.port, keepalive=2) as made, reading(broker.port) as reader:
            await until(lambda: made.link.connected and made.link.outbox.empty)
            line.silent = True
            made.events.tell("speech", "started", "microphone")
            await until(lambda: not made.link.connected, 8)
            line.cut()
            line.silent = False
            said = await reader.event(kind="speech")
            assert said["duplicate"] is True, "it may have arrived the first time"


async def test_a_full_outbox_drops_the_oldest_and_says_how_many(broker):
    broker.stop()
    async with session(broker.port, buffer=100) as made:
        for k in range(150):
            made.events.tell("speech", "started" if k % 2 else "stopped", "microphone", k=k)
        assert made.link.outbox.dropped == made.stats.counts["dropped from mqtt events"] == 50
        broker.start()
        async with reading(broker.port) as reader:
            said = await reader.event(what="events dropped")
            assert said["about"]["count"] == 50
    states = [p for t, p, _ in reader.got if t == "likeness/microphone/speaking"]
    assert states == ["ON"], "of a state only the newest is said"


async def test_a_broker_inside_the_process():
    pytest.importorskip("amqtt")
    port = free_port()
    async with session(port, broker="embedded") as made:
        await until(lambda: made.link.connected)
        async with reading(port) as reader:
            assert await reader.on("likeness/status") == "online"
            made.events.tell("scene", "shown", scene="avatar")
            assert (await reader.event(kind="scene"))["about"] == {"scene": "avatar"}
        with pytest.raises(DeliveryError, match=f"port {port}"):
            async with session(port, broker="embedded"):
                pass


async def test_no_broker_at_the_end_is_no_reason_to_wait_long(broker, caplog):
    broker.stop()
    async with session(broker.port) as made:
        made.events.tell("session", "stopped")
        began = made.clock.now()
    assert made.clock.now() - began < 4
    assert "1 events never reached" in caplog.text
