"""Videos that cannot be learnt from are refused with one line each; the others are made."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from engine.errors import ModelError
from engine.head import Head
from engine.render.__main__ import Studio
from engine.render.config import RenderConfig
from engine.types import Bytes
from training.data import store
from training.data.voices import RATE
from training.head.teacher import Teacher
from training.talking import prepare

FPS, SIDE = 25, 256


@pytest.fixture(scope="module")
def faces() -> list[Bytes]:
    """Our own head, opening its mouth."""
    try:
        Teacher(None)
    except ModelError as e:
        pytest.skip(str(e))
    studio = Studio(Head.load(), "ines", RenderConfig(size=f"{SIDE}x{SIDE}"))
    wide = [studio.picture({"jawOpen": jaw, "eyeBlink": 0.07})[..., :3] for jaw in (0, 0.2, 0.4)]
    return [np.ascontiguousarray(w) for w in wide]


def write(file: Path, pictures: list[Bytes], sound: bool = True, uneven: bool = False) -> None:
    """A video of `pictures` with a buzz; `uneven` shows every fourth picture thrice as long."""
    with av.open(str(file), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        heard = container.add_stream("aac", rate=RATE) if sound else None
        at = 0
        for k, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = at, Fraction(1, 1000)
            at += 1000 // FPS * (3 if uneven and k % 4 == 0 else 1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if heard is not None:
            n = len(pictures) * RATE // FPS
            buzz = 0.1 * np.sign(np.sin(2 * np.pi * 120 * np.arange(n) / RATE))
            block = av.AudioFrame.from_ndarray(buzz[None].astype(np.float32), "fltp", "mono")
            block.sample_rate, block.pts = RATE, 0
            container.mux(heard.encode(block))
            container.mux(heard.encode(None))


def test_each_bad_video_is_named_and_the_rest_is_made(faces: list[Bytes], tmp_path: Path) -> None:
    folder, out = tmp_path / "me", tmp_path / "out"
    folder.mkdir()
    shown = [faces[(k // 3) % 3] for k in range(32)]
    noise = np.random.default_rng(0).integers(0, 255, (SIDE, SIDE, 3), np.uint8)
    write(folder / "good.mp4", shown)
    write(folder / "uneven.mp4", shown, uneven=True)
    write(folder / "silent.mp4", shown, sound=False)
    write(folder / "short.mp4", shown[:3])
    write(folder / "nobody.mp4", [noise] * 32)
    write(folder / "two.mp4", [np.hstack([p, p]) for p in shown])
    (folder / "torn.mp4").write_bytes(b"not a video")
    page = prepare.prepare(folder, prepare.Options(out, None, 0.0, "clips"), False, None)
    refused = page["refused"]
    assert "no sound" in refused["silent"]
    assert "3 pictures long" in refused["short"]
    assert "no face" in refused["nobody"]
    assert "two faces" in refused["two"]
    assert "cannot read" in refused["torn"]
    assert all("\n" not in why for why in refused.values())
    assert "good" in page["clips"] and page["clips"]["good"]["even"]
    assert not page["clips"]["uneven"]["even"], "made by its own time stamps, and told"
    clip = store.load(out / "good.npz")
    assert len(clip.weights) >= 30 and clip.person == "me"
    assert (out / "sheet.jpg").exists()
