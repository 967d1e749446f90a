"""Motion as other programs get it, byte for byte, by parsers that share no code with ours."""

import socket
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.deliver import visemes
from engine.deliver.livelink import LiveLink
from engine.deliver.outlets import MotionConfig, MotionOut
from engine.deliver.shaping import Shaping
from engine.deliver.vmc import packets, quaternion
from engine.errors import ConfigError, DeliveryError
from engine.head.arkit import ARKIT, INDEX
from engine.stats import Stats
from engine.types import FaceMesh, Motion, World

# The order of the columns that Live Link Face itself writes.
LIVE_LINK = """
EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft EyeWideLeft
EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight
EyeWideRight JawForward JawRight JawLeft JawOpen MouthClose MouthFunnel MouthPucker MouthRight
MouthLeft MouthSmileLeft MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft
MouthDimpleRight MouthStretchLeft MouthStretchRight MouthRollLower MouthRollUpper MouthShrugLower
MouthShrugUpper MouthPressLeft MouthPressRight MouthLowerDownLeft MouthLowerDownRight
MouthUpperUpLeft MouthUpperUpRight BrowDownLeft BrowDownRight BrowInnerUp BrowOuterUpLeft
BrowOuterUpRight CheekPuff CheekSquintLeft CheekSquintRight NoseSneerLeft NoseSneerRight TongueOut
HeadYaw HeadPitch HeadRoll LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch
RightEyeRoll
""".split()


def motion(t=2.5, head=(0.1, -0.2, 0.05), **weights):
    values = np.zeros(52, np.float32)
    for name, value in weights.items():
        values[INDEX[name]] = value
    return Motion(t, values, np.array(head, np.float32))


def every_weight(t=2.5):
    """A different weight for each shape."""
    return Motion(t, np.linspace(0.01, 0.98, 52, dtype=np.float32), np.zeros(3, np.float32))


def parse_live_link(packet):
    """By the layout: version little-endian, the rest big-endian."""
    assert struct.unpack_from("<I", packet, 0) == (6,)
    device = packet[4:41].decode("ascii")
    (length,) = struct.unpack_from("!i", packet, 41)
    name = packet[45 : 45 + length].decode()
    at = 45 + length
    frame, sub, fps, denominator = struct.unpack_from("!ifii", packet, at)
    assert packet[at + 16] == 61
    values = struct.unpack_from("!61f", packet, at + 17)
    assert len(packet) == at + 17 + 61 * 4, "nothing comes after the values"
    return device, name, (frame, sub, fps, denominator), dict(zip(LIVE_LINK, values, strict=True))


def test_live_link_packets_have_the_layout_of_version_6():
    source = every_weight(t=2.55)
    device, name, when, values = parse_live_link(LiveLink("Zoë", 30).packet(source))
    assert device[0] == "$" and len(device) == 37 and device.count("-") == 4
    assert name == "Zoë"
    assert when == (76, pytest.approx(0.5, abs=1e-4), 30, 1)
    for shape in ARKIT:
        sent = values[shape[0].upper() + shape[1:]]
        assert sent == pytest.approx(float(source.weights[INDEX[shape]])), shape


def test_live_link_has_the_head_and_both_eyes():
    source = motion(eyeLookOutLeft=0.5, eyeLookInRight=0.5, eyeLookUpLeft=0.3, eyeLookUpRight=0.3)
    values = parse_live_link(LiveLink("a", 30).packet(source))[3]
    assert [values[f"Head{a}"] for a in ("Yaw", "Pitch", "Roll")] == pytest.approx(
        [0.1, -0.2, 0.05]
    )
    assert values["LeftEyeYaw"] == values["RightEyeYaw"] > 0.2, "both to the person's left"
    assert values["LeftEyePitch"] == values["RightEyePitch"] < -0.1, "both up"


def test_a_subject_keeps_its_device_and_others_have_their_own():
    one, again, other = (LiveLink(n, 30).packet(motion())[4:41] for n in ("a", "a", "b"))
    assert one == again != other


def parse_osc(packet):
    """The messages of an OSC 1.0 bundle: [(address, [values])]."""
    assert packet[:8] == b"#bundle\0" and packet[8:16] == bytes(7) + b"\x01"
    at, found = 16, []
    while at < len(packet):
        (size,) = struct.unpack_from(">i", packet, at)
        assert size % 4 == 0
        found.append(parse_message(packet[at + 4 : at + 4 + size]))
        at += 4 + size
    assert at == len(packet)
    return found


def parse_message(data):
    def text(at):
        end = data.index(b"\0", at)
        following = (end // 4 + 1) * 4
        assert not any(data[end:following]), "padded with zeros"
        return data[at:end].decode("ascii"), following

    address, at = text(0)
    tags, at = text(at)
    assert tags[0] == ","
    values = []
    for tag in tags[1:]:
        if tag == "s":
            value, at = text(at)
        else:
            (value,) = struct.unpack_from({"i": ">i", "f": ">f"}[tag], data, at)
            at += 4
        values.append(value)
    assert at == len(data)
    return address, values


def test_vmc_bundles_fit_in_a_datagram_and_end_with_apply():
    sent = packets(every_weight())
    assert all(len(p) <= 1472 for p in sent), "none is cut in two on an Ethernet"
    messages = [m for p in sent for m in parse_osc(p)]
    assert messages[0] == ("/VMC/Ext/OK", [1]) and messages[1] == ("/VMC/Ext/T", [2.5])
    assert messages[-1] == ("/VMC/Ext/Blend/Apply", [])
    blend = dict(values for address, values in messages if address == "/VMC/Ext/Blend/Val")
    assert set(blend) == {*ARKIT, "A", "I", "U", "E", "O", "Blink_L", "Blink_R"}
    for name, weight in zip(ARKIT, every_weight().weights, strict=True):
        assert blend[name] == pytest.approx(float(weight)), name
    assert blend["Blink_L"] == blend["eyeBlinkLeft"] != blend["Blink_R"]


def test_vmc_names_as_the_receiver_writes_them():
    messages = [m for p in packets(motion(jawOpen=1), "UpperCamel") for m in parse_osc(p)]
    blend = dict(values for address, values in messages if address == "/VMC/Ext/Blend/Val")
    assert blend["JawOpen"] == 1 and "jawOpen" not in blend


def turn(yaw, pitch, roll):
    """Ry Rx Rz, as matrices."""
    (cy, cx, cz), (sy, sx, sz) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return y @ x @ z


def as_matrix(x, y, z, w):
    return np.array([
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ])  # fmt: skip


angles = st.floats(-1.2, 1.2)


@settings(max_examples=50, deadline=None)
@given(angles, angles, angles)
def test_the_head_turns_the_same_way_in_unitys_space(yaw, pitch, roll):
    source = motion(head=(yaw, pitch, roll))
    assert as_matrix(*quaternion(source.head)) == pytest.approx(turn(yaw, pitch, roll), abs=1e-5)
    messages = [m for p in packets(source) for m in parse_osc(p)]
    ((name, *place_and_turn),) = [v for a, v in messages if a == "/VMC/Ext/Bone/Pos"]
    mirror = np.diag([-1.0, 1.0, 1.0])  # Unity's +X is the avatar's right
    wanted = mirror @ turn(yaw, pitch, roll) @ mirror
    assert name == "Head" and place_and_turn[:3] == [0, 0, 0]
    assert as_matrix(*place_and_turn[3:]) == pytest.approx(wanted, abs=1e-5)


def test_shaping_is_gain_then_offset_then_clamp():
    shape = Shaping.of({"jawOpen": 2.0}, {"jawOpen": 0.1, "tongueOut": 0.5}, {"jawOpen": [0, 0.6]})
    shaped = shape(motion(jawOpen=0.2, mouthClose=0.3))
    assert shaped.weights[INDEX["jawOpen"]] == pytest.approx(0.5)
    assert shape(motion(jawOpen=0.9)).weights[INDEX["jawOpen"]] == pytest.approx(0.6)
    assert shaped.weights[INDEX["tongueOut"]] == pytest.approx(0.5)
    assert shaped.weights[INDEX["mouthClose"]] == pytest.approx(0.3)
    wide = Shaping.of({"jawOpen": 3.0}, {}, {"jawOpen": [-1, 2]})
    assert wide(motion(jawOpen=0.9)).weights[INDEX["jawOpen"]] == pytest.approx(2.0)
    plain = Shaping.of({}, {}, {})(every_weight())
    assert np.array_equal(plain.weights, every_weight().weights)


@pytest.mark.parametrize(
    "wrong",
    [
        {"gain": {"jaw": 1}}, {"gain": {"jawOpen": "much"}}, {"offset": {"jawOpen": float("nan")}},
        {"clamp": {"jawOpen": 1}}, {"clamp": {"jawOpen": [0, 1, 2]}}, {"vmc": "nowhere:0"},
        {"vmc": ":39539"}, {"livelink": "host:port"}, {"subject": ""}, {"subject": "x" * 300},
    ],
)  # fmt: skip
def test_what_is_wrong_in_the_section_is_told_in_one_line(wrong):
    with pytest.raises(ConfigError, match="motion.") as told:
        MotionConfig(**wrong)
    assert "\n" not in str(told.value)


@pytest.fixture
def receiver():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.settimeout(2)
        yield taken


def world(source):
    return World(source.t, FaceMesh(source.t, np.zeros((1, 3), np.float32)), source)


def sending(**config):
    stats = Stats()
    return MotionOut(MotionConfig(**config), 30, stats), stats


def test_both_go_out_shaped(receiver):
    port = receiver.getsockname()[1]
    out, stats = sending(livelink=f"127.0.0.1:{port}", gain={"jawOpen": 2.0})
    assert out.push(world(motion(jawOpen=0.3))) == [], "nobody listens for texts"
    values = parse_live_link(receiver.recv(2000))[3]
    assert values["JawOpen"] == pytest.approx(0.6)
    out.close()
    out, stats = sending(vmc=f"127.0.0.1:{port}", gain={"jawOpen": 2.0})
    out.push(world(motion(jawOpen=0.3)))
    found = []
    while not any(address == "/VMC/Ext/Blend/Apply" for address, _ in found):
        found += parse_osc(receiver.recv(2000))
    assert ("/VMC/Ext/Blend/Val", ["jawOpen", pytest.approx(0.6)]) in found
    out.close()
    assert not any(stats.counts.values())


def test_a_full_socket_drops_and_counts_and_never_waits(receiver):
    """Nobody reads; the receiver's own buffer hides that on loopback, so ours is made to fill."""
    out, stats = sending(vmc=f"127.0.0.1:{receiver.getsockname()[1]}")
    (datagrams,) = out._sockets.values()
    assert not datagrams._socket.getblocking()
    datagrams.send(bytes(70_000))  # larger than any datagram
    assert stats.counts["dropped from vmc"] == 1
    out.close()


def test_a_receiver_that_is_not_there_is_no_matter():
    out, stats = sending(vmc="127.0.0.1:9", livelink="127.0.0.1:9")
    for k in range(50):
        out.push(world(motion(t=k / 30)))
    out.close()
    assert not any(stats.counts.values())


def test_a_host_that_does_not_exist_is_told_at_once():
    with pytest.raises(DeliveryError, match="motion.vmc: cannot send to no.such.host.invalid"):
        sending(vmc="no.such.host.invalid:39539")


def test_json_is_by_name_and_leaves_out_what_is_zero():
    out, _ = sending(websocket=True)
    (frame,) = out.push(world(motion(t=1.23456, jawOpen=0.25, mouthClose=0.0001)))
    out.close()
    assert frame["t"] == 1.2346 and frame["weights"] == {"jawOpen": 0.25}
    assert frame["head"] == {"yaw": 0.1, "pitch": -0.2, "roll": 0.05}
    assert sum(frame["visemes"].values()) == pytest.approx(1, abs=0.01)
    assert set(frame["visemes"]) <= set(visemes.NAMES)


# Visemes, on the generator that MeshTalk learns from

OF_PHONE = {
    "p": "PP", "b": "PP", "m": "PP", "f": "FF", "v": "FF", "th": "TH", "dh": "TH",
    "sh": "CH", "zh": "CH", "ch": "CH", "jh": "CH", "s": "SS", "z": "SS", "aa": "aa", "ae": "aa",
    "eh": "E", "ao": "O", "uw": "U", "w": "U", "r": "RR", "er": "RR",
}  # fmt: skip
SENTENCES = [
    "The big brown fox jumps over five lazy dogs while Peter picks very thin things",
    "She sells sea shells by the shore, and you choose blue shoes",
    "My mother bought both good books about the farmer's wife",
    "Red roses grow in warm weather, father thought aloud",
]


@pytest.fixture(scope="module")
def spoken(synthesisers):
    """viseme -> shares (n, 15) in the middle of its phones, by voices that were held out.

    Their pauses are short, and in those the mouth does not close: a long one is added.
    """
    from training.data.coarticulation import Style, curves
    from training.data.voices import HELD_OUT, Phone

    pause = [Phone("aa", 0.0, 0.2), Phone("pau", 0.2, 0.9), Phone("aa", 0.9, 1.1)]
    found = {"sil": list(visemes.shares(curves(pause, np.array([0.55]), None, Style())))}
    for voice in HELD_OUT:
        for text in SENTENCES:
            phones = voice.say(text).phones
            middles = np.array([(p.start + p.end) / 2 for p in phones])
            rows = visemes.shares(curves(phones, middles, None, Style()))
            for phone, row in zip(phones, rows, strict=True):
                if phone.name in OF_PHONE:
                    found.setdefault(OF_PHONE[phone.name], []).append(row)
    return {name: np.array(rows) for name, rows in found.items()}


def test_visemes_of_phones_that_can_be_seen(spoken):
    mean = {n: rows[:, visemes.NAMES.index(n)].mean() for n, rows in spoken.items()}
    print({name: round(float(share), 2) for name, share in mean.items()})
    for name, least in (("PP", 0.9), ("FF", 0.9), ("CH", 0.8), ("U", 0.8), ("TH", 0.8)):
        assert mean[name] > least, name
    for name, least in (("sil", 0.4), ("aa", 0.4), ("O", 0.4), ("RR", 0.3), ("E", 0.25)):
        assert mean[name] > least, name


def test_a_viseme_is_higher_in_its_own_phones_than_in_any_other(spoken):
    for k, name in enumerate(visemes.NAMES):
        if name in spoken:
            own = spoken[name][:, k].mean()
            others = {other: rows[:, k].mean() for other, rows in spoken.items() if other != name}
            assert own > max(others.values()), (name, others)


def test_a_face_at_rest_is_silent():
    assert visemes.visemes(np.zeros(52, np.float32))["sil"] > 0.6
