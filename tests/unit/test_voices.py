"""Voices: features, level, who speaks when, and what is (not) said of them."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.capture.decode import read_sound
from engine.errors import ModelError
from engine.model import MODELS
from engine.types import AudioChunk
from engine.voices import Listen, Model, features, fit
from engine.voices.__main__ import main
from engine.voices.ears import Ears
from engine.voices.level import Level, levelled
from engine.voices.listen import ENOUGH, SURE
from engine.voices.model import Calibration
from training.data.voices import resample
from training.voices.degrade import clipped, telephone

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "engine/capture/sample.ogg"


@pytest.fixture(scope="module")
def speech():
    chunk = read_sound(SAMPLE)
    return resample(chunk.samples, chunk.rate)[: 10 * 16_000]


@pytest.fixture(scope="module")
def model():
    return Model.load()


def hear(model, samples, cuts=(4000,)):
    stage, heard, k, i = Listen(model), [], 0, 0
    while k < len(samples):
        n = cuts[i % len(cuts)]
        heard += stage.push(AudioChunk(k / 16_000, samples[k : k + n], 16_000))
        k, i = k + n, i + 1
    return stage, heard + stage.finish()


def chords(seconds):
    """A piano-like tune."""
    t = np.arange(seconds * 16_000) / 16_000
    fade = np.exp(-3 * (t % 0.5))
    notes = sum(
        np.sin(2 * np.pi * f * t) / (k + 1) for k, f in enumerate((220, 277, 330, 440, 660))
    )
    return (0.2 * fade * notes).astype(np.float32)


# what is heard


def test_a_frame_is_what_its_formula_says():
    x = np.random.default_rng(0).normal(0, 0.1, 401).astype(np.float32)
    tone = features.log_mel(0.5 * np.sin(2 * np.pi * 1000 * np.arange(401) / 16_000))
    centres = 700 * (10 ** (np.linspace(*np.log10(1 + np.array([20, 7200]) / 700), 66)) - 1)
    assert abs(centres[1:-1][tone.argmax()] - 1000) < 60
    louder = features.log_mel(2 * x) - features.log_mel(x)
    assert louder == pytest.approx(np.full(64, np.log(4)), abs=1e-2)


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 5000), min_size=1, max_size=6))
def test_any_cutting_hears_the_same(cuts):
    chunk = read_sound(SAMPLE)
    samples = resample(chunk.samples, chunk.rate)[:40_000]
    whole, ears, parts, k, i = Ears().push(samples), Ears(), [], 0, 0
    while k < len(samples):
        n = cuts[i % len(cuts)]
        parts.append(ears.push(samples[k : k + n]))
        k, i = k + n, i + 1
    assert np.array_equal(whole, np.concatenate(parts)) and len(whole) > 50


def test_level_is_that_of_training_and_forgets_gain():
    frames = np.random.default_rng(1).normal(-5, 3, (100, 64)).astype(np.float32)
    assert Level().push(frames) == pytest.approx(levelled(frames), abs=1e-5)
    assert levelled(frames + 7) == pytest.approx(levelled(frames), abs=1e-4)
    level = Level()
    for _ in range(60):
        level.push(frames)
    for _ in range(60):
        last = level.push(frames + 6)
    assert abs(last.mean()) < 1.0  # another room is taken up, not carried along for ever


def test_probabilities_are_never_surer_than_measured():
    calibration = Calibration(1.0, 0.5, 0.97)
    p = calibration(np.array([[50.0, -50.0], [0.0, 0.0]], np.float32), 30)
    assert p.sum(1) == pytest.approx([1, 1]) and p[0, 0] == pytest.approx(0.97)
    assert p[1] == pytest.approx([0.5, 0.5])
    few, many = (calibration(np.array([1.0, 0.0]), s)[0] for s in (1, 20))
    assert 0.5 < few < many


# what is said


def test_the_sample_is_told_second_by_second(model, speech):
    stage, heard = hear(model, speech)
    assert [v.seconds for v in heard] == list(range(1, len(heard) + 1)) and len(heard) >= 5
    again = hear(model, speech, (313, 16_001))[1]
    assert all(np.array_equal(a.embedding, b.embedding) for a, b in zip(heard, again, strict=True))
    p = heard[-1].probabilities["gender"]
    assert p.sum() == pytest.approx(1, abs=1e-5) and p.max() < 1
    assert stage.seconds >= heard[-1].seconds


@pytest.mark.parametrize("sound", [
    np.zeros(64_000, np.float32), chords(8),
    np.random.default_rng(0).normal(0, 0.05, 128_000).astype(np.float32),
])  # fmt: skip
def test_silence_music_and_noise_are_no_voice(model, sound):
    stage, heard = hear(model, sound)
    assert stage.seconds < ENOUGH and not any(v.named("gender", ["f", "m"]) for v in heard)


def test_a_word_is_not_enough(model, speech):
    stage, heard = hear(model, speech[16_000 : 16_000 + 4_800])
    assert heard == [] and stage.seconds < 0.4


@pytest.mark.parametrize("way, word", [(telephone, "telephone"), (clipped, "clipped")])
def test_bad_sound_is_doubted(model, speech, way, word):
    heard = hear(model, way(speech, 0))[1]
    assert any(word in d for d in heard[-1].doubts)
    assert heard[-1].named("gender", model.classes("gender")) is None
    assert not any(word in d for d in hear(model, speech)[1][-1].doubts)


def test_a_man_and_a_woman_are_not_told_as_one(model):
    """Real voices, one after the other and at once: no sure answer."""
    data = Path(os.environ.get("LIKENESS_DATA", ROOT.parent / "shared/data")) / "voices/librispeech"
    if not data.is_dir():
        pytest.skip(f"no voices in {data}; set LIKENESS_DATA")
    files = sorted(data.glob("*.ogg"))
    sex = {line.split("|")[0].strip(): line.split("|")[1].strip()
           for line in (data / "SPEAKERS.TXT").read_text().splitlines()
           if line[:1].isdigit()}  # fmt: skip
    men, women = ([f for f in files if sex[f.stem.split("-")[0]] == s][5:13] for s in "MF")
    named = 0
    for man, woman in zip(men, women, strict=True):
        a, b = (resample(c.samples, c.rate)[: 6 * 16_000] for c in map(read_sound, (man, woman)))
        both = [hear(model, np.concatenate([a, b]))[1], hear(model, a[: len(b)] + b[: len(a)])[1]]
        named += sum(bool(h) and h[-1].named("gender", ["f", "m"]) is not None for h in both)
    print(f"{named} of 16 mixtures of a man and a woman are named")
    assert named <= 5


def test_fit_is_evidence_for_both_of_one_class(model):
    toward = model.heads["gender"][0] - model.heads["gender"][1]
    same, other = (fit(model, 5 * toward, 10, s * 5 * toward).llr for s in (1, -1))
    assert 0.2 < same <= np.log(2) + 1e-6 and other < -0.5
    assert fit(model, toward, 1, toward).similarity == pytest.approx(1, abs=1e-5)


def test_another_ear_is_refused(tmp_path):
    import shutil

    shutil.copytree(MODELS / "dimnet", tmp_path / "m")
    about = json.loads((tmp_path / "m/about.json").read_text())
    about["features"]["hop"] = 200
    (tmp_path / "m/about.json").write_text(json.dumps(about))
    with pytest.raises(ModelError, match="hears other features"):
        Model.load(tmp_path / "m")


# the command


def test_the_command(tmp_path, capsys, speech):
    import soundfile

    soundfile.write(tmp_path / "word.wav", speech[16_000:20_800], 16_000)
    assert main([str(SAMPLE), str(tmp_path / "word.wav")]) == 0
    one, two = capsys.readouterr().out.splitlines()
    assert "s of speech" in one and "gender:" in one and "not enough speech" in two
    assert main([str(SAMPLE), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)[0]
    shares = said["covariates"]["gender"]
    assert shares["female"] + shares["male"] == pytest.approx(1, abs=2e-3)
    assert (shares["decision"] == "uncertain") or max(shares["female"], shares["male"]) >= SURE
    assert "embedding" not in json.dumps(said)


@pytest.mark.parametrize("argv", [["gone.wav"], [str(ROOT / "pyproject.toml")],
    [str(SAMPLE), "--face", str(ROOT / "pyproject.toml")], [str(SAMPLE), "--face", "gone.png"],
    [str(SAMPLE), "--model", "nowhere"]])  # fmt: skip
def test_wrong_files_are_one_line(argv, capsys):
    assert main(argv) in (1, 2)
    assert len(capsys.readouterr().err.splitlines()) == 1
