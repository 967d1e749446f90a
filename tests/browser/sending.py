"""What a fake camera and microphone hold: our own drawn head that moves, and a spoken file."""

from contextlib import asynccontextmanager

import cv2
import numpy as np
import soundfile
from playwright.async_api import async_playwright

from engine.bench.browser import CHROMIUM, FLAGS
from engine.capture import read_sound
from engine.capture.choose import SAMPLE
from tests.faces_seen import FPS, SIZE, at, head, place, scene


def write_camera(path, seconds=4):
    """A .mjpeg of a head that sways, and is gone for the last second."""
    wall = scene(*SIZE)
    with path.open("wb") as file:
        for k in range(seconds * FPS):
            x = 320 + 40 * np.sin(2 * np.pi * k / (2 * FPS))
            seen = place(wall, head(), at(x, 250, 1.5)) if k < (seconds - 1) * FPS else wall
            done, jpeg = cv2.imencode(".jpg", seen[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])
            assert done
            file.write(jpeg.tobytes())
    return path


def write_microphone(path):
    """A .wav of the bundled sample."""
    sound = read_sound(SAMPLE)
    soundfile.write(path, sound.samples, sound.rate, subtype="PCM_16")
    return path


@asynccontextmanager
async def sending_chromium(camera, microphone):
    """A browser whose camera and microphone are files, and that lets pages use them."""
    flags = [
        "--use-fake-ui-for-media-stream",
        f"--use-fake-device-for-media-stream=fps={FPS}",
        f"--use-file-for-fake-video-capture={camera}",
        f"--use-file-for-fake-audio-capture={microphone}",
    ]
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=str(CHROMIUM), args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()
