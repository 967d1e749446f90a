"""The finder sees the same wherever its square lies; on real pictures it finds nearly all."""

import cv2
import numpy as np
import pytest

from engine.capture.video import VideoFile
from engine.faces import Finder, Follow
from engine.faces.finder import SIDE, whole
from engine.faces.places import around
from tests.faces_seen import at, head, place, scene
from tests.recordings import recordings


@pytest.fixture(scope="module")
def finder():
    return Finder("cpu")


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_the_square_of_the_whole_picture_holds_it(quarters):
    to_frame = whole(640, 480, quarters)
    middle = to_frame @ ((SIDE - 1) / 2, (SIDE - 1) / 2, 1)
    corner = to_frame @ (-0.5, -0.5, 1)
    assert np.allclose(middle, (319.5, 239.5), atol=1e-3)
    assert np.allclose(abs(corner - middle), 320, atol=1e-2)


def test_a_face_is_in_one_place_through_whatever_square(finder):
    picture = place(scene(640, 480), head(), at(330, 250, 1.3, 15))
    [far] = finder.find(picture)
    [near] = finder.look(picture, around(far))
    for wider in (0.8, 1.3, 1.7):
        [again] = finder.look(picture, around(near, wider))
        off = np.abs(again.points[:4] - near.points[:4])
        assert off.mean() < 3.5 and off.max() < 8, f"{wider}: {off} of 55 pixels between the eyes"
    assert np.abs(far.points[:4] - near.points[:4]).max() < 8


def test_a_mirrored_picture_has_its_face_mirrored(finder):
    picture = head("kenji")
    [one], [other] = finder.find(picture), finder.find(np.ascontiguousarray(picture[:, ::-1]))
    swapped = other.points[[1, 0, 2, 3]] * (-1, 1) + (picture.shape[1] - 1, 0)
    off = np.abs(one.points[:4] - swapped)
    assert off.mean() < 2.5 and off.max() < 6  # of 45 pixels between the eyes


def test_faces_of_photographs_are_found(finder):
    pictures = recordings("faces/lfw/*/*.webp")[::60]
    missed = []
    for path in pictures:
        pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        middle = np.array(pixels.shape[1::-1]) / 2
        found = finder.find(pixels)
        if not any((f.box[:2] < middle).all() and (f.box[2:] > middle).all() for f in found):
            missed.append(path.name)
    print(f"\n{len(pictures)} photographs, missed {missed}")
    assert len(missed) <= 0.02 * len(pictures)


def test_a_talking_face_is_followed_all_along(finder):
    for path in recordings("talking/portraits/*.mp4")[:3]:
        follow = Follow(finder)
        seen = [s for f in VideoFile(path).frames() if f.t < 3 for s in follow.push(f)]
        faces = [s.faces[0] for s in seen if s.faces]
        assert len(faces) == len(seen) and {f.track for f in faces} == {1}
        assert np.median([f.quality for f in faces]) > 0.6
