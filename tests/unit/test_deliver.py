"""Sharing, as far as it needs neither network nor clock."""

import asyncio
import json
import ssl
from concurrent.futures import Executor, Future

import av
import cv2
import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import HeaderExtensions, unpack_header_extensions
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.channel import Channel
from engine.clock import Clock, ManualClock
from engine.deliver import DeliverConfig, Server, promptly, tls
from engine.deliver.encode import (
    BLOCK,
    OPUS_DELAY,
    SOUND_RATE,
    Block,
    Blocks,
    Encoded,
    PictureEncoder,
    SoundEncoder,
    as_i420,
)
from engine.deliver.fanout import _SOUND_LEAD, Fanout, Outlet
from engine.deliver.guard import is_loopback, link_token, same
from engine.deliver.patience import Patience
from engine.deliver.rate import Rate
from engine.deliver.webrtc import _is_number, _parsed, without_hidden_names
from engine.errors import ConfigError, DeliveryError
from engine.stats import Stats
from engine.types import AudioChunk, Picture


def chunk(first, n, rate=SOUND_RATE):
    samples = (np.arange(first, first + n) % 1000 / 1000).astype(np.float32)
    return AudioChunk(first / rate, samples, rate)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(1, 3000), min_size=1, max_size=20), st.integers(0, 10**7))
def test_sound_cut_in_any_way_gives_the_same_blocks(sizes, origin):
    whole = Blocks().push(chunk(origin, sum(sizes)))
    blocks, first, cut = Blocks(), origin, []
    for n in sizes:
        cut += blocks.push(chunk(first, n))
        first += n
    assert [b.position for b in cut] == [origin + BLOCK * k for k in range(len(cut))]
    assert len(cut) == len(whole) == sum(sizes) // BLOCK
    assert all(np.array_equal(a.samples, b.samples) for a, b in zip(cut, whole, strict=True))
    assert blocks.filled == blocks.cut == 0


def test_a_hole_in_the_sound_is_filled_with_silence_and_counted():
    blocks = Blocks()
    blocks.push(chunk(0, 700))
    (block,) = blocks.push(chunk(800, 200))
    assert blocks.filled == 100 and blocks.cut == 0
    assert not block.samples[700:800].any()
    assert np.array_equal(block.samples[800:], chunk(800, 160).samples)


def test_sound_that_comes_twice_is_cut_and_counted():
    blocks = Blocks()
    blocks.push(chunk(0, 900))
    (block,) = blocks.push(chunk(800, 200))
    assert blocks.cut == 100
    assert np.array_equal(block.samples, chunk(0, BLOCK).samples)


def test_a_long_hole_is_not_filled_but_the_next_block_bears_its_own_time():
    blocks = Blocks()
    blocks.push(chunk(0, 500))
    later = 10 * SOUND_RATE
    assert [b.position for b in blocks.push(chunk(later, BLOCK))] == [later]
    assert blocks.cut == 500 and blocks.filled == later - 500


def test_viewers_get_no_other_rate():
    with pytest.raises(ValueError, match="48000"):
        Blocks().push(chunk(0, 10, 16_000))


def test_a_picture_survives_the_encoder_and_keeps_its_time():
    pixels = cv2.GaussianBlur(np.random.default_rng(0).integers(0, 256, (96, 130, 3), np.uint8),
                              (0, 0), 6)  # fmt: skip
    encoder, decoder = PictureEncoder(2_000_000), av.CodecContext.create("libvpx", "r")
    for k in range(3):
        encoded = encoder.encode(Picture(k / 30, pixels), key=False)
        assert encoded.packet.pts == round(k / 30 * 90_000) == 3000 * k
        assert encoded.key == (k == 0)
        (frame,) = decoder.decode(encoded.packet)
    assert abs(frame.to_ndarray(format="rgb24").astype(int) - pixels).mean() < 3
    assert encoder.encode(Picture(0.1, pixels), key=True).key
    assert encoder.encode(Picture(0.2, pixels[:64]), key=False).key, "a new size starts anew"


def test_colour_stands_above_its_alpha():
    pixels = np.zeros((32, 32, 4), np.uint8)
    pixels[..., 0], pixels[8:24, 8:24, 3] = 200, 255
    stacked = cv2.cvtColor(as_i420(pixels), cv2.COLOR_YUV2RGB_I420)
    assert stacked.shape == (64, 32, 3)
    assert np.allclose(stacked[16, 16], (200, 0, 0), atol=6)
    assert not stacked[2, 2].any() and not stacked[34, 2].any()
    assert np.allclose(stacked[48, 16], 255, atol=3)


def test_odd_sizes_lose_their_last_row_and_column():
    assert as_i420(np.zeros((33, 35, 3), np.uint8)).shape == (48, 34)


def test_sound_survives_the_encoder_in_step():
    t = np.arange(50 * BLOCK) / SOUND_RATE
    wave = (0.5 * np.sin(2 * np.pi * (200 + 900 * t) * t)).astype(np.float32)  # no two parts alike
    encoder, decoder = SoundEncoder(), av.CodecContext.create("libopus", "r")
    decoder.format, decoder.layout, decoder.sample_rate = "s16", "mono", SOUND_RATE
    heard = []
    for k in range(50):
        encoded = encoder.encode(Block(k * BLOCK, wave[k * BLOCK :][:BLOCK]))
        assert encoded.packet.pts == k * BLOCK - OPUS_DELAY
        heard += [
            f.to_ndarray()[0] / 32768 for f in decoder.decode(av.Packet(bytes(encoded.packet)))
        ]
    heard = np.concatenate(heard)[OPUS_DELAY:]  # so the first sample kept is that of pts 0
    n = 20 * BLOCK
    lag = np.argmax(np.correlate(heard[n : n + 9000], wave[n + 1000 : n + 8000])) - 1000
    assert abs(lag) <= 24, "half a millisecond"


def encoded(k, key=False):
    packet = av.Packet(b"x")
    packet.pts = k
    return Encoded(k / 30, packet, key)


async def opened(kind):
    """An outlet whose sender waits for a packet, and that wait."""
    outlet = Outlet(kind)
    waiting = asyncio.ensure_future(outlet.recv())
    await asyncio.sleep(0)
    return outlet, waiting


async def test_a_new_viewer_begins_with_a_key_frame():
    outlet, waiting = await opened("video")
    assert not outlet.offer(encoded(1))
    assert outlet.offer(encoded(2, key=True)) and outlet.offer(encoded(3))
    assert [(await waiting).pts, (await outlet.recv()).pts] == [2, 3]


async def test_a_viewer_that_falls_behind_goes_on_at_a_key_frame_and_its_loss_is_counted():
    outlet, waiting = await opened("video")
    outlet.offer(encoded(0, key=True))
    await waiting
    k = 1
    while outlet.offer(encoded(k)):
        k += 1
    assert outlet.dropped == k - 1
    assert not outlet.offer(encoded(k + 1))
    assert outlet.offer(encoded(k + 2, key=True))
    assert (await outlet.recv()).pts == k + 2


async def test_sound_that_waits_too_long_loses_its_oldest_packet():
    outlet, waiting = await opened("audio")
    outlet.offer(encoded(0, key=True))
    await waiting
    for k in range(1, 31):
        assert outlet.offer(encoded(k, key=True))
    assert outlet.dropped == 10
    assert (await outlet.recv()).pts == 11


async def test_a_stopped_outlet_ends_its_sender():
    outlet, waiting = await opened("video")
    outlet.stop()
    with pytest.raises(MediaStreamError):
        await waiting


class Inline(Executor):
    """Works at once, in the caller's thread: nothing depends on how busy the machine is."""

    def submit(self, work, /, *args, **kwargs):
        done = Future()
        done.set_result(work(*args, **kwargs))
        return done


@pytest.mark.parametrize("prompt", [False, True])
async def test_both_streams_leave_at_their_time_plus_the_delay_or_pictures_at_once(prompt):
    clock, delay = ManualClock(), 0.5
    fanout = Fanout(clock, delay, Stats(), 500_000, Inline(), prompt)
    outlets = [(await opened(kind)) for kind in ("video", "audio")]
    fanout.outlets.update(outlet for outlet, _ in outlets)
    pictures, sound = Channel("pictures", 4), Channel("sound", 4)
    await pictures.put(Picture(0.2, np.zeros((32, 32, 3), np.uint8)))
    await sound.put(chunk(9600, BLOCK))
    running = asyncio.ensure_future(fanout.run(pictures, sound))
    left = {}
    for k in range(100):
        for _ in range(10):
            await asyncio.sleep(0)  # the tasks between a picture and its outlet
        await clock.advance(0.01)
        for (_, waiting), kind in zip(outlets, ("video", "audio"), strict=True):
            if waiting.done():
                left.setdefault(kind, (k + 1) * 0.01)
    assert left["video"] == (0.01 if prompt else pytest.approx(0.2 + delay, abs=0.011))
    assert left["audio"] == pytest.approx(
        0.2 - OPUS_DELAY / SOUND_RATE + delay - _SOUND_LEAD, abs=0.011
    )
    await pictures.close()
    await sound.close()
    await running


def test_the_delay_grows_while_every_picture_is_late_and_shrinks_when_none_is():
    patience = Patience(0.16)
    assert not any(patience.note(slack) for slack in [-0.1] * 14 + [0.01] + [-0.1] * 14)
    assert patience.note(-0.05)
    assert patience.delay == pytest.approx(0.16 + 0.05 + 0.02)
    assert not any(patience.note(0.06) for _ in range(119))
    assert patience.note(0.06) and patience.delay == pytest.approx(0.19)
    assert any(patience.note(0.5) for _ in range(120)) and patience.delay == 0.16
    for _ in range(15):
        patience.note(-9)
    assert patience.delay == pytest.approx(0.16 + 0.6)


def test_the_bitrate_falls_with_loss_and_comes_back_when_it_ends():
    rate, t = Rate(2_000_000), 0.0

    def report(lost, seconds):
        nonlocal t
        for _ in range(round(5 * seconds)):
            t += 0.2
            rate.note("clean", 0.0, t)
            rate.note("lossy", lost, t)
        return rate.bits

    assert report(0.0, 30) == report(0.03, 30) == 2_000_000, "a little loss is repaired"
    assert report(0.2, 3) == 1_400_000
    assert report(0.2, 30) == 500_000, "a clean line keeps a quarter"
    assert report(0.0, 60) > 2 * 250_000
    assert report(0.0, 200) == 2_000_000
    report(0.2, 5)
    rate.forget("lossy")
    low = rate.bits
    for k in range(100):
        rate.note("clean", 0.0, t + 0.2 * k)
    assert rate.bits > low, "who has left counts no more"


def test_two_per_cent_are_never_taken_for_a_bad_line():
    """Reports are of few packets each, so that many of them say 10 % and more."""
    rng, rate = np.random.default_rng(0), Rate(2_000_000)
    for t in np.arange(0, 1200, 0.2).tolist():
        packets = int(rng.integers(4, 20))
        rate.note("far", float(rng.binomial(packets, 0.02)) / packets, t)
        assert rate.bits == 2_000_000 and not rate.hopeless("far", t)


@pytest.mark.parametrize(("others", "least"), [(0, 250_000), (1, 500_000)])
def test_a_line_that_cannot_take_the_least_is_hopeless(others, least):
    rate = Rate(2_000_000)
    given_up = None
    for t in np.arange(0, 60, 0.2).tolist():
        rate.note("bad", 0.2, t)
        for k in range(others):
            rate.note(f"good {k}", 0.0, t)
            assert not rate.hopeless(f"good {k}", t)
        if given_up is None and rate.hopeless("bad", t):
            given_up = t
    assert rate.bits == least and given_up is not None and 8 < given_up < 30


def test_hidden_candidates_are_not_looked_up():
    sdp = (
        "v=0\r\na=candidate:1 1 udp 2113937151 1b2c-9.local 5 typ host\r\n"
        "a=candidate:2 1 udp 2113937151 192.0.2.2 5 typ host\r\na=end-of-candidates\r\na=mid:0\r\n"
    )
    kept = without_hidden_names(sdp).split("\r\n")
    assert kept == ["v=0", "a=candidate:2 1 udp 2113937151 192.0.2.2 5 typ host", "a=mid:0", ""]


@settings(max_examples=200)
@given(st.one_of(st.text(), st.binary(), st.recursive(
    st.none() | st.booleans() | st.floats(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
).map(json.dumps)))  # fmt: skip
def test_whatever_a_page_says_is_an_object_or_nothing(text):
    assert isinstance(_parsed(text), dict)


@given(st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.lists(st.none())))
def test_numbers_of_a_page_can_be_sent_back(value):
    if _is_number(value):
        json.dumps(float(value), allow_nan=False)
    assert not any(map(_is_number, (10**400, float("nan"), float("-inf"), "1", None, [])))


def test_what_is_loopback():
    assert all(map(is_loopback, ["127.0.0.1", "::1", "localhost", "127.9.9.9"]))
    assert not any(map(is_loopback, ["0.0.0.0", "::", "192.0.2.2", "example.org", ""]))


def serve(**config):
    return Server(DeliverConfig(**config), Clock(), 0.1, Stats(), dict)


def test_beyond_loopback_tls_is_asked_for():
    with pytest.raises(ConfigError, match="--tls auto"):
        serve(host="0.0.0.0")


@pytest.mark.parametrize(
    ("key", "value"), [("port", 65_536), ("port", -1), ("viewers", 0), ("bits", 99_999)]
)
def test_values_out_of_range_are_told_in_one_line(key, value):
    with pytest.raises(ConfigError, match=f"deliver.{key} is {value}") as told:
        DeliverConfig(**{key: value})
    assert "\n" not in str(told.value)


def test_bytes_that_are_no_text_are_compared_too():
    assert same("\udcff", "\udcff") and not same("\udcff", "x")


def test_the_token_is_kept_private_and_stays_the_same(tmp_path, monkeypatch):
    monkeypatch.delenv("LIKENESS_TOKEN", raising=False)
    token = link_token(tmp_path)
    assert len(token) >= 32 and link_token(tmp_path) == token
    assert (tmp_path / "token").stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("LIKENESS_TOKEN", "a word of my own choice")
    assert link_token(tmp_path) == "a word of my own choice"
    monkeypatch.setenv("LIKENESS_TOKEN", "short")
    with pytest.raises(ConfigError, match="too short"):
        link_token(tmp_path)


@pytest.mark.parametrize("content", [b"", b"cut", b"\n"])
def test_a_token_that_would_let_anyone_in_is_made_again(tmp_path, monkeypatch, content):
    monkeypatch.delenv("LIKENESS_TOKEN", raising=False)
    (tmp_path / "token").write_bytes(content)
    assert len(link_token(tmp_path)) >= 32


def test_a_state_folder_that_cannot_be_used_is_told_in_one_line(tmp_path, monkeypatch):
    monkeypatch.delenv("LIKENESS_TOKEN", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "likeness" / "key.new").mkdir(parents=True)  # also root cannot write this file
    (tmp_path / "likeness" / "token").write_bytes(b"\xff" * 40)
    for attempt in (
        lambda: link_token(tmp_path / "likeness"),
        lambda: link_token(tmp_path / "nowhere"),
        lambda: tls.context(("auto",), "127.0.0.1"),
    ):
        with pytest.raises(DeliveryError) as told:
            attempt()
        assert "\n" not in str(told.value)


def test_a_certificate_and_key_that_are_no_pair_are_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    tls.context(("auto",), "127.0.0.1")
    other = tls.self_signed(tmp_path, ["localhost"])[1]
    (tmp_path / "likeness" / "key.pem").write_bytes(other.read_bytes())
    assert tls.context(("auto",), "127.0.0.1")
    (tmp_path / "likeness" / "key.pem").write_bytes(b"nothing")
    assert tls.context(("auto",), "127.0.0.1")


def test_names_that_no_certificate_can_hold_are_left_out(monkeypatch):
    monkeypatch.setattr("socket.gethostname", lambda: "b\u00fcro")
    assert all(name.isascii() for name in tls.names_of("0.0.0.0"))


def test_a_certificate_is_made_once_and_again_for_a_new_name(tmp_path):
    cert, key = tls.self_signed(tmp_path, ["localhost", "127.0.0.1"])
    assert key.stat().st_mode & 0o777 == 0o600
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    first = cert.read_bytes()
    assert tls.self_signed(tmp_path, ["127.0.0.1"])[0].read_bytes() == first
    assert tls.self_signed(tmp_path, ["192.0.2.2"])[0].read_bytes() != first


def test_a_wrong_certificate_is_told_in_one_line(tmp_path):
    bad = tmp_path / "cert.pem"
    bad.write_text("no certificate")
    for given_files in ((str(bad), str(bad)), (str(tmp_path / "none"), "none")):
        with pytest.raises(DeliveryError, match="--tls") as told:
            tls.context(given_files, "0.0.0.0")
        assert "\n" not in str(told.value)
    with pytest.raises(ConfigError, match="CERT KEY"):
        tls.context(("only-one",), "0.0.0.0")


def test_pictures_ask_not_to_be_held_back_where_that_is_understood():
    asking = promptly.Asking()
    bare = asking.set(HeaderExtensions(mid="1"))
    known = RTCRtpHeaderExtensionParameters(id=3, uri="urn:ietf:params:rtp-hdrext:sdes:mid")
    asking.configure(RTCRtpParameters(headerExtensions=[known]))
    assert unpack_header_extensions(*asking.set(HeaderExtensions(mid="1"))) == [(3, b"1")]
    delay = RTCRtpHeaderExtensionParameters(id=6, uri=promptly.URI)
    asking.configure(RTCRtpParameters(headerExtensions=[known, delay]))
    assert bare == (0, b"")
    assert unpack_header_extensions(*asking.set(HeaderExtensions(mid="1"))) == [
        (3, b"1"), (6, promptly.DELAYS),
    ]  # fmt: skip
