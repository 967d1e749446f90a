"""dlib's face net read into torch says what dlib itself says."""

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest

from engine.faces import Finder
from engine.verify.pictures import one_face
from tests.recognisers import AVATARS, portrait
from training.sphereface2 import teacher

MISSING = any(importlib.util.find_spec(m) is None for m in ("dlib", "face_recognition_models"))


@pytest.mark.skipif(MISSING, reason="needs dlib-bin and face_recognition_models, the teacher")
def test_the_teacher_is_dlibs_own_net():
    import dlib

    made, finder = teacher.Dlib(), Finder("cpu")
    crops = np.stack([one_face(portrait(name), finder).pixels for name in AVATARS[:3]])
    spec = importlib.util.find_spec("face_recognition_models")
    folder = Path(next(iter(spec.submodule_search_locations))) / "models"
    net = dlib.face_recognition_model_v1(str(folder / "dlib_face_recognition_resnet_model_v1.dat"))
    points = dlib.shape_predictor(str(folder / "shape_predictor_5_face_landmarks.dat"))
    box = dlib.rectangle(*(teacher.SCALE * v for v in teacher.FACE))
    ours = made.embed(crops)
    for crop, embedding in zip(crops, ours, strict=True):
        large = cv2.resize(crop, (224, 224), interpolation=cv2.INTER_CUBIC)
        theirs = np.array(net.compute_face_descriptor(large, points(large, box)))
        assert np.abs(theirs - embedding).max() < 1e-5
    assert np.abs(ours[0] - ours[1]).max() > 1e-2  # and not the same for everybody


def test_another_file_is_told(tmp_path):
    from training.sphereface2.dlib_net import DeviceError, load

    for held in (b"nothing of the kind", b"con_4 cut", b"con_4\x01\x02\x01\x80\x01\x01"):
        (tmp_path / "x.dat").write_bytes(held)
        with pytest.raises(DeviceError, match="dlib's face recognition net"):
            load(tmp_path / "x.dat")
