"""Whatever the camera shows: the avatar idles, says why, and takes a face up again."""

import cv2
import numpy as np
import pytest

from engine.faces import Finder, Follow, Report
from engine.head import Head
from engine.stats import Stats
from engine.track import Drive, Nets, Track
from engine.types import FaceMesh, Motion, VideoFrame, World
from tests.faces_seen import at, place, scene
from tests.faces_seen import head as drawn

FPS = 30
WALL = scene(640, 480)
FACE = place(WALL, drawn(), at(320, 240, 1.2))


def drawing():
    """A child's: two dots and a line in a circle."""
    page = np.full((480, 640, 3), 250, np.uint8)
    cv2.circle(page, (320, 240), 130, (20, 20, 20), 4)
    for x in (275, 365):
        cv2.circle(page, (x, 205), 10, (20, 20, 20), -1)
    cv2.ellipse(page, (320, 280), (60, 35), 0, 20, 160, (20, 20, 20), 4)
    return page


NO_FACE = {
    "no face": (WALL, "face"),
    "half a face": (place(WALL, drawn(), at(-30, 240, 1.2)), "face"),
    "20x20": (cv2.resize(FACE, (20, 20)), "too small"),
    "4K": (scene(1920, 1080).repeat(2, 0).repeat(2, 1), "face"),
    "grey": (np.full((480, 640, 3), 127, np.uint8), "shows nothing"),
    "a drawing": (drawing(), ""),
    "black": (np.zeros((480, 640, 3), np.uint8), "black"),
    "unplugged": (None, "gives no pictures"),
}


@pytest.fixture(scope="module")
def loaded():
    head = Head.load()
    return head, Nets(head, "cpu"), Finder("cpu")


class Mirror:
    """The camera's half of a session, without its tasks."""

    def __init__(self, head, nets, finder):
        self.follow, self.track = Follow(finder), Track(head, nets)
        self.report, self.drive = Report(Stats()), Drive(head, head.neutral)
        self.head, self.t = head, 0.0
        self.out = None

    def show(self, picture, frames):
        still = np.zeros(52, np.float32)
        for _ in range(frames):
            self.t += 1 / FPS
            if picture is not None:
                [faces] = self.follow.push(VideoFrame(self.t, picture))
                [tracked] = self.track.push(self.report.push(faces)[0])
                self.drive.see(tracked)
            motion = Motion(self.t, still, np.zeros(3, np.float32))
            world = World(self.t, FaceMesh(self.t, self.head.neutral), motion)
            [self.out] = self.drive.push(world)
        return self.report.now(self.t)["words"]


@pytest.mark.parametrize("name", NO_FACE)
def test_the_avatar_idles_says_why_and_recovers(loaded, name):
    picture, why = NO_FACE[name]
    mirror = Mirror(*loaded)
    mirror.show(FACE, 12)
    assert mirror.drive.words != "speech"
    words = mirror.show(picture, 90 if picture is not None and len(picture) < 1000 else 75)
    assert words and why in words, words
    assert mirror.drive.words == "speech" and np.abs(mirror.out.motion.weights).max() < 0.1
    assert np.isfinite(mirror.out.face.vertices).all()
    words = mirror.show(FACE, 45)
    assert mirror.drive.words != "speech" and "face" not in words and "camera" not in words


def test_a_large_picture_with_a_face_is_followed(loaded):
    mirror = Mirror(*loaded)
    mirror.show(place(scene(3840, 2160), drawn(), at(1900, 1000, 4.0)), 8)
    assert mirror.drive.words != "speech"


def test_a_face_upside_down_is_survived(loaded):
    """It is found as what it is, and the page says so."""
    mirror = Mirror(*loaded)
    assert "upside down" in mirror.show(np.ascontiguousarray(FACE[::-1, ::-1]), 20)
    assert np.isfinite(mirror.out.face.vertices).all()
    mirror.show(FACE, 45)
    assert mirror.drive.words != "speech"
