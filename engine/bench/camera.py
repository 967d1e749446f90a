"""Camera to displayed picture, in one browser and by its own clock.

Chromium's fake camera shows a drawn head above a row of squares that count its pictures. The page
sends it, the mirror's view `overlay` draws what the camera saw, and the page shows that: so the
page can tell when a picture left the camera and when the same one was displayed.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..errors import DeliveryError
from ..head import Head
from ..head.avatar import load_appearance
from ..render import RenderConfig, Renderer
from ..types import Bytes, FaceMesh, Motion, World
from .browser import FLAGS, chromium, open_page, why_not
from .run import SETTLE, Live, stats_of

FPS, WIDTH, HEIGHT = 30, 640, 480
BITS = 6
COUNT = 1 << BITS  # pictures until the count begins again: two seconds
HIGH = 48  # pixels of the squares, which fill the middle 480 of the width
ALONE = ("--set", "track.speech=false", "--set", 'capture.audio=""')
# Reads the squares of a video's picture; notes when each count was captured and displayed.
METER = """async () => {
  const canvas = new OffscreenCanvas(80, 60);
  const pen = canvas.getContext("2d", {willReadFrequently: true});
  const read = (video, left, wide) => {
    const [w, h] = [video.videoWidth, video.videoHeight];
    pen.drawImage(video, left * w, 0, wide * w, h, 0, 0, 80, 60);
    const row = pen.getImageData(0, 57, 80, 1).data;
    let count = 0;
    for (let k = 0; k < BITS; k++) count |= (row[4 * Math.floor((k + 0.5) * 80 / BITS)] > 127) << k;
    for (let shift = 1; shift < BITS; shift <<= 1) count ^= count >> shift;
    return count;
  };
  const captured = new Map(), found = [];
  const local = document.createElement("video");
  Object.assign(local, {srcObject: likeness.sender.stream, muted: true});
  await local.play();
  const onLocal = (now, frame) => {
    captured.set(read(local, 0.125, 0.75), frame.captureTime ?? now);
    local.requestVideoFrameCallback(onLocal);
  };
  local.requestVideoFrameCallback(onLocal);
  const shown = document.getElementById("video");
  let last = -1;
  const onShown = (now, frame) => {
    const count = read(shown, 0, 1), at = captured.get(count);
    if (count !== last && at !== undefined) found.push(frame.expectedDisplayTime - at);
    last = count;
    shown.requestVideoFrameCallback(onShown);
  };
  shown.requestVideoFrameCallback(onShown);
  window.cameraToScreen = found;
}""".replace("BITS", str(BITS))


# Seconds that pictures have waited in the page's jitter buffer by now, and how many there were.
WAITED = """async () => [...(await likeness.link.peer.getStats()).values()]
  .filter(s => s.type === "inbound-rtp" && s.kind === "video")
  .map(s => [s.jitterBufferDelay, s.jitterBufferEmittedCount])[0] ?? [0, 0]"""


def camera_picture(face: Bytes, k: int) -> Bytes:
    """(480, 640, 3) the k-th of the fake camera: `face` (480, 480, 3), and k's Gray code below."""
    picture = np.full((HEIGHT, WIDTH, 3), 90, np.uint8)
    picture[:, 80:560] = face
    code = k % COUNT ^ k % COUNT >> 1
    for bit in range(BITS):
        left = 80 + bit * 480 // BITS
        picture[-HIGH:, left : left + 480 // BITS] = 255 * (code >> bit & 1)
    return picture


def drawn_face() -> Bytes:
    """(480, 480, 3) an avatar at rest, as the engine draws it."""
    head, look = Head.load(), load_appearance("nora", Head.load())
    person = head.person(look.identity)
    still = Motion(0.0, np.zeros(52, np.float32), np.zeros(3, np.float32))
    config = RenderConfig(f"{HEIGHT}x{HEIGHT}")
    with Renderer(config, look, len(head.neutral)) as renderer:
        return renderer.draw(World(0.0, FaceMesh(0.0, person), still)).pixels


def write_camera(file: Path) -> Path:
    """The fake camera's .mjpeg: twice round the count, and then Chromium begins again."""
    face = drawn_face()
    with file.open("wb") as out:
        for k in range(2 * COUNT):
            picture = camera_picture(face, k)[..., ::-1]
            out.write(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes())
    return file


def fake_camera(file: Path) -> list[str]:
    """The flags of a browser whose camera is `file`, and that lets pages use it."""
    return [
        *FLAGS, "--use-fake-ui-for-media-stream", f"--use-file-for-fake-video-capture={file}",
        f"--use-fake-device-for-media-stream=fps={FPS}",
    ]  # fmt: skip


async def camera_to_screen(seconds: float, *options: str) -> dict[str, float]:
    """p50 and p95 in milliseconds, the camera alone driving; {} and a line where no browser is."""
    if reason := why_not():
        print(f"likeness: no browser figures: {reason}", file=sys.stderr)
        return {}
    with tempfile.TemporaryDirectory() as folder:
        file = await asyncio.to_thread(write_camera, Path(folder) / "camera.mjpeg")
        live = Live("--port", "0", "--scene", "mirror", "--input", "browser", *ALONE, *options)
        try:
            async with chromium(fake_camera(file)) as browser:
                page = await open_page(browser, await live.address())
                await page.keyboard.press("c")
                await _seen(live)
                found, waited = await _measured(page, seconds)
        finally:
            live.end()
    return {
        "camera to screen p50 ms": round(float(np.percentile(found, 50))),
        "camera to screen p95 ms": round(float(np.percentile(found, 95))),
        "of it in the page's buffer, mean ms": round(waited),
    }


async def _seen(live: Live) -> None:
    """Until the camera moves the avatar."""
    for _ in range(120):
        info = (await stats_of(live))["info"]
        if info.get("driven") == "camera":
            return
        await asyncio.sleep(0.5)
    raise DeliveryError(f"the fake camera's face moves nothing: {info.get('camera')}")


async def _measured(page: Any, seconds: float) -> tuple[list[float], float]:
    """Milliseconds of each picture that was captured and displayed; their mean in the buffer."""
    await page.evaluate('likeness.link.ask("/view", {view: "overlay"})')
    await asyncio.sleep(SETTLE)
    await page.evaluate(METER)
    before, count = await page.evaluate(WAITED)
    await asyncio.sleep(seconds)
    after, last = await page.evaluate(WAITED)
    found: list[float] = await page.evaluate("window.cameraToScreen")
    if len(found) < seconds:
        raise DeliveryError(f"only {len(found)} of the camera's pictures came back to the page")
    if last <= count:
        raise DeliveryError("the browser does not say how long its jitter buffer holds pictures")
    return found, 1000 * (after - before) / (last - count)
