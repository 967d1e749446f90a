"""Stores of recordings: the layouts of VoxCeleb and LibriSpeech, and who is who in all of them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.capture.decode import read_sound
from engine.errors import ConfigError
from training.data.voices import resample
from training.fit import dispatch
from training.voices import hear, people
from training.voices.degrade import DEGRADED

ROOT = Path(__file__).parents[2]
VOX = "VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\nid1\tAnn_Bee\tf\tUK\tdev\n"
VGG = 'Class_ID, Name, Sample_Num, Flag, Gender\nn000002, "Carl_Dee", 3, 1, m\n'


@pytest.fixture(scope="module")
def speech():
    chunk = read_sound(ROOT / "engine/capture/sample.ogg")
    return resample(chunk.samples, chunk.rate)[: 4 * 16_000]


def write(folder, **texts):
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return [folder / n.replace("__", ".") for n in texts]


def test_all_that_is_known_is_one_table(tmp_path):
    files = write(
        tmp_path, SPEAKERS__TXT=";ID|SEX|SUBSET\n14 | F | clean | 25 | Kay\n", vox__csv=VOX,
        vgg__csv=VGG, lfw__json='{"Eve": "female", "Fox": "unknown"}',
        own__csv="person,age\nEve,30s\n",
    )  # fmt: skip
    known = people.read(files)
    assert known["14"] == {"gender": "female"} and known["Eve"] == {
        "gender": "female",
        "age": "30s",
    }
    assert known["id1"] == {"name": "Ann_Bee", "gender": "female", "nationality": "UK"}
    assert known["Fox"] == {} and known["n000002"] == {"name": "Carl_Dee", "gender": "male"}
    assert people.called(known, "id1") == "Ann_Bee" and people.called(known, "14") == "14"
    gender = people.covariate(known, "gender")
    assert gender["id1"] == gender["Ann_Bee"] == "female" and "Fox" not in gender
    people.write(known, tmp_path / "all.csv")
    assert people.read([tmp_path / "all.csv"]) == known


@pytest.mark.parametrize(
    "name, text", [("a.json", "{"), ("a.json", "[1]"), ("a.csv", "x,y\n1,2\n")]
)
def test_tables_that_say_nothing_are_refused(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    with pytest.raises(ConfigError):
        people.read([tmp_path / name])


def test_layouts(tmp_path, speech):
    vox = tmp_path / "wav/id1/VIDEO/00001.wav"
    vox.parent.mkdir(parents=True)
    soundfile.write(vox, speech, 16_000)
    soundfile.write(tmp_path / "wav/103-1240-0000.wav", np.zeros(32_000), 16_000)
    (tmp_path / "wav/104-1-1.wav").write_bytes(b"no sound")
    found = list(hear.recordings(tmp_path / "wav"))
    assert [p for p, _ in found] == ["103", "104", "id1"]
    voices = hear.prepare([tmp_path / "wav"], tmp_path / "out", ["telephone"])
    assert voices.people == ("id1", "id1") and voices.how == ("clean", "telephone")
    assert voices.of(0).shape[1] == 64 and len(voices.of(0)) >= hear.LEAST
    assert not np.allclose(voices.of(0)[:50], voices.of(1)[:50], atol=0.5)
    missed = (tmp_path / "out/voices.json").read_text()
    assert "103-1240-0000.wav" in missed and "104-1-1.wav" in missed


@pytest.mark.parametrize("name", list(DEGRADED))
def test_worse_sound_is_as_long_and_within_range(speech, name):
    made = DEGRADED[name](speech, 3)
    assert made.shape == speech.shape and np.abs(made).max() <= 1.001
    assert np.array_equal(made, DEGRADED[name](speech, 3)) and not np.allclose(made, speech)


def test_telephones_carry_nothing_high(speech):
    power = np.abs(np.fft.rfft(DEGRADED["telephone"](speech, 0))) ** 2
    hertz = np.fft.rfftfreq(len(speech), 1 / 16_000)
    assert power[hertz > 4200].sum() < 1e-3 * power.sum()


def test_wrong_requests_are_one_line(tmp_path, capsys):
    for more in (
        ["--source", str(tmp_path / "gone")],
        ["--degrade", "jam"],
        ["--source", str(tmp_path)],
    ):
        argv = ["voices", "--to", str(tmp_path / "o"), *more]
        assert dispatch("prepare", "prepare", argv) == 2
        assert len(capsys.readouterr().err.strip().splitlines()[-1]) > 10
