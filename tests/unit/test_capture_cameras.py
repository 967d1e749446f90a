import av
import numpy as np
import pytest

from engine.capture import CameraFile, CaptureConfig, open_senses
from engine.capture.cameras import TEST, CameraDevice, find_camera
from engine.capture.stamps import FrameClock
from engine.capture.video import VideoFile
from engine.channel import Channel
from engine.clock import Clock, ManualClock
from engine.errors import ConfigError, DeviceError
from engine.faces import Report
from engine.parts import LiveConfig
from engine.render.scene import scene_needs
from engine.stats import Stats
from engine.types import Face, Faces, VideoFrame
from tests.faces_seen import write_video

CAMERAS = [
    CameraDevice("Integrated Camera", 0, "v4l2", "/dev/video0"),
    CameraDevice("USB Camera", 2, "v4l2", "/dev/video2"),
]


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return write_video(tmp_path_factory.mktemp("video") / "head.mp4", seconds=1)


def test_a_video_that_does_not_say_how_long_it_is_is_measured(tmp_path):
    file = tmp_path / "recorded.webm"
    with av.open(str(file), "w", format="webm", options={"live": "1"}) as container:
        stream = container.add_stream("libvpx", rate=25, width=64, height=64, pix_fmt="yuv420p")
        for k in range(30):
            grey = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 5 * k, np.uint8))
            container.mux(stream.encode(grey))
        container.mux(stream.encode())
    with av.open(str(file)) as container:
        assert container.duration is None and container.streams.video[0].duration is None
    assert VideoFile(file).seconds == pytest.approx(30 / 25)


def test_stamps_do_not_show_the_jitter_of_the_way():
    rng = np.random.default_rng(0)
    times, got = FrameClock(90_000), []
    for k in range(300):
        stamp = 3000 * k
        times.note(stamp, 5 + k / 30 + 0.02 + abs(rng.normal(0, 0.01)))
        got.append(times.time(stamp) - 5 - k / 30)
    assert np.ptp(got[30:]) < 0.002 and abs(got[-1] - 0.02) < 0.002


def test_a_stream_that_begins_anew_is_stamped_anew():
    times = FrameClock()
    times.note(100.0, 7.0)
    times.note(0.0, 9.0)
    assert times.time(1.0) == 10.0


def test_stamps_follow_a_clock_that_drifts():
    times = FrameClock()
    for k in range(3000):
        times.note(k / 30, k / 30 * (1 + 100e-6) + 0.01)
    assert abs(times.time(100.0) - 100.0 * (1 + 100e-6) - 0.01) < 0.005


@pytest.mark.parametrize(
    ("wanted", "index"), [("0", 0), (2, 2), ("usb camera", 2), ("Integr", 0), ("/dev/video2", 2)]
)
def test_a_camera_is_found_by_number_or_name(wanted, index):
    assert find_camera(wanted, CAMERAS).index == index


@pytest.mark.parametrize(
    ("wanted", "devices", "told"),
    [
        ("camera", CAMERAS, "several cameras match"),
        ("phone", CAMERAS, "no camera is called 'phone'; choose one of: 0 'Integrated"),
        ("phone", [], "give a file with --video"),
        ("7", CAMERAS, "no camera has the number 7"),
    ],
)
def test_a_camera_that_is_not_there_is_told(wanted, devices, told):
    with pytest.raises(DeviceError, match=told):
        find_camera(wanted, devices)


def test_the_test_picture_is_always_there():
    assert find_camera("test", []) is TEST


async def test_a_file_without_a_clock_comes_at_once_with_its_own_times(video):
    sink = Channel("pictures", 100, live=False)
    camera = CameraFile(video)
    assert camera.ends
    await camera.run(sink)
    times = [frame.t async for frame in sink]
    assert np.allclose(times, np.arange(30) / 30, atol=1e-6)


async def test_a_file_that_loops_is_due_by_the_clock_round_after_round(video):
    clock, stats = ManualClock(), Stats()
    sink = Channel("pictures", 1, live=True, stats=stats)
    camera = CameraFile(video, clock, loop=True, pause=0.5)
    frames, origin = camera._frames(), clock.now()
    times = [next(frames).t for _ in range(61)]
    assert not camera.ends and origin == 0
    assert np.allclose(times[:30], np.arange(30) / 30, atol=1e-6)
    assert np.allclose(times[30:60], 1.5 + np.arange(30) / 30, atol=1e-3)
    assert sink.dropped == 0


def senses(**config):
    return open_senses(CaptureConfig(**config), Clock(), Stats(), live=True, watches=False)


def test_a_video_is_seen_and_its_sound_heard(tmp_path, video):
    silent = senses(video=video)
    assert silent.camera is not None and "no sound" in silent.describe
    loud = senses(video=write_video(tmp_path / "loud.mp4", 1, sound=True))
    assert loud.sound.rate == 48_000 and "the sound of loud.mp4" in loud.describe


def test_a_browser_stands_for_microphone_and_camera():
    hears = senses(input="browser")
    assert hears.browser.kinds == ("audio",) and hears.camera is None
    both = open_senses(CaptureConfig(input="browser"), Clock(), Stats(), live=True, watches=True)
    assert both.browser.kinds == ("audio", "video") and both.camera is both.browser.camera
    with pytest.raises(ConfigError, match="--no-serve"):
        LiveConfig(capture=CaptureConfig(input="browser"), serve=False)


def test_a_scene_that_watches_needs_a_camera(monkeypatch):
    monkeypatch.setattr("engine.capture.choose.list_cameras", list)
    with pytest.raises(DeviceError, match="--input browser"):
        open_senses(CaptureConfig(audio=None), Clock(), Stats(), live=False, watches=True)


@pytest.mark.parametrize("made", [b"", b"no video at all", None])
def test_a_file_that_is_no_video_is_told_in_one_line(tmp_path, made):
    path = tmp_path / "x.mp4"
    if made is not None:
        path.write_bytes(made)
    with pytest.raises((ConfigError, DeviceError), match=r"x\.mp4") as told:
        CameraFile(path)
    assert "\n" not in str(told.value)


def test_what_a_scene_needs_is_read_without_running_it(tmp_path):
    assert scene_needs("avatar") == ("speech",)
    own = tmp_path / "own.py"
    own.write_text('raise SystemExit\nclass Scene:\n    needs = ("speech", "faces")\n')
    assert scene_needs(str(own)) == ("speech", "faces")
    for wrong in ('["speech"]', "NEEDS", "(1,)"):
        own.write_text(f"class Scene:\n    needs = {wrong}\n")
        with pytest.raises(ConfigError, match="needs"):
            scene_needs(str(own))


def faces(t, *advices):
    frame = VideoFrame(t, np.random.default_rng(0).integers(0, 255, (96, 128, 3), np.uint8))
    box, points = np.zeros(4, np.float32), np.zeros((6, 2), np.float32)
    return Faces(t, frame, tuple(Face(1, box, points, 0.9, 0.3, a) for a in advices))


def test_the_report_says_what_is_the_matter_and_does_not_flicker():
    stats = Stats()
    report = Report(stats)
    assert report.now(0.0)["words"] == "the camera gives no pictures"
    report.push(faces(0.1))
    assert report.now(0.1)["words"] == "no face is seen"
    report.push(faces(0.2, "come closer"))
    assert report.now(0.2) == {"faces": 1, "quality": 0.3, "size": "128x96", "words": ""}
    report.push(faces(1.0, "come closer"))
    assert report.now(1.0)["words"] == "come closer"
    report.push(faces(1.1))
    assert report.now(1.1)["words"] == ""
    report.push(faces(2.0))
    assert report.now(2.0)["words"] == "the face is lost" and stats.counts["faces.lost"] == 1
    assert report.now(9.0)["words"] == "the camera gives no pictures"
