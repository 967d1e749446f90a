"""VoxCeleb's voices and VGGFace's faces as they are laid out: the same people on both sides."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import soundfile

from engine.capture.decode import read_sound
from training.data.voices import resample
from training.dimnet import data
from training.dimnet.data import DataConfig
from training.sphereface2 import faces
from training.voices import hear, people

ROOT = Path(__file__).parents[2]
VOX1 = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n" + "".join(
    f"id1000{k}\t{name}\t{sex}\t{land}\tdev\n"
    for k, (name, sex, land) in enumerate(
        [("A.J._Buckley", "m", "Ireland"), ("Ann_Bee", "f", "UK"), ("Cy_Dee", "m", "UK")]
    )
)
VOX2 = "VoxCeleb2 ID ,VGGFace2 ID ,Gender ,Set \nid00012 ,n000012 ,f ,dev\n"
VGG2 = 'Class_ID, Name, Sample_Num, Flag, Gender\nn000012, "Eve_Fox", 3, 1, f\n'


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    """wav/ID/VIDEO/00001.wav; VGGFace 1 by names, VGGFace2 by classes."""
    root = tmp_path_factory.mktemp("sets")
    chunk = read_sound(ROOT / "engine/capture/sample.ogg")
    speech = resample(chunk.samples, chunk.rate)[: 3 * 16_000]
    for k, person in enumerate(("id10000", "id10001", "id10002", "id00012")):
        file = root / f"wav/{person}/video{k}/00001.wav"
        file.parent.mkdir(parents=True)
        soundfile.write(file, speech, 16_000)
    rng = np.random.default_rng(0)
    for person in ("A.J._Buckley", "Ann_Bee", "n000012", "Nobody_Heard"):
        folder = root / "vgg" / person
        folder.mkdir(parents=True)
        for k in range(2):
            picture = rng.integers(0, 255, (112, 112, 3), np.uint8)
            cv2.imwrite(str(folder / f"{k}.png"), picture)
    for name, text in (("vox1", VOX1), ("vox2", VOX2), ("vgg2", VGG2)):
        (root / f"{name}.csv").write_text(text)
    return root


def test_people_are_one_in_voice_and_face(laid, tmp_path):
    voices = hear.prepare([laid / "wav"], tmp_path / "voices")
    shown = faces.prepare([laid / "vgg"], tmp_path / "faces", lambda pixels: pixels)
    assert voices.people == ("id00012", "id10000", "id10001", "id10002")
    assert shown.people == ("A.J._Buckley", "Ann_Bee", "Nobody_Heard", "n000012")
    known = people.read([laid / f"{n}.csv" for n in ("vox1", "vox2", "vgg2")])
    people.write(known, tmp_path / "people.csv")
    config = DataConfig(
        str(tmp_path / "voices"), str(tmp_path / "faces"), str(tmp_path / "people.csv"),
        covariates=("identity", "gender"), dev=0.0,
    )  # fmt: skip
    material = data.load(config, 32)
    assert material.classes["identity"] == ("A.J._Buckley", "Ann_Bee", "Eve_Fox")
    assert material.voice.names == ("Eve_Fox", "A.J._Buckley", "Ann_Bee", "Cy_Dee")
    assert (material.voice.labels["identity"] >= 0).tolist() == [True, True, True, False]
    assert material.classes["gender"] == ("female", "male")
    assert material.voice.labels["gender"].tolist() == [0, 1, 0, 1]
    assert "Nobody_Heard" not in material.face.names and len(material.face.names) == 6
