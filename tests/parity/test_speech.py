"""The shipped speech model: streaming equals batch, nothing later matters, torch equals ONNX."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.capture.resample import Resample
from engine.errors import ConfigError, ModelError
from engine.head import Head
from engine.head.life import Life
from engine.speech import MeshTalk, Model, SpeechConfig
from engine.speech.features import HOP, N_FFT, RATE, WINDOW, mel_power
from engine.types import AudioChunk, FaceMesh

SECONDS = 1.3


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


@pytest.fixture(scope="module")
def model() -> Model:
    return Model.load(provider="cpu")


def sound(seconds: float = SECONDS, seed: int = 0) -> np.ndarray:
    """Vowel-like buzz in syllables, over a little noise."""
    t = np.arange(round(seconds * RATE)) / RATE
    buzz = sum(np.sin(2 * np.pi * 130 * k * t) / k for k in range(1, 20))
    syllables = np.maximum(0, np.sin(2 * np.pi * 4 * t))
    noise = np.random.default_rng(seed).normal(0, 1e-3, len(t))
    return (0.05 * buzz * syllables + noise).astype(np.float32)


def hearing(model: Model, lookahead: float) -> Model:
    """The same net as if it had been trained for another look-ahead."""
    heard = {**model.about["features"], "lookahead": lookahead}
    return replace(model, about={**model.about, "features": heard})


def stage(head: Head, model: Model, fps: Fraction | int = 30, seed: int = 0) -> MeshTalk:
    return MeshTalk(SpeechConfig(), head, head.neutral, fps, seed, "cpu", model)


def run(
    made: MeshTalk, samples: np.ndarray, cuts: list[int], origin: float = 0.0
) -> list[FaceMesh]:
    faces, at = [], 0
    for piece in np.split(samples, np.cumsum(cuts)):
        faces += made.push(AudioChunk(origin + at / RATE, piece, RATE))
        at += len(piece)
    return faces + made.finish()


@settings(max_examples=6, deadline=None)
@given(st.lists(st.integers(1, 6000), max_size=8))
def test_any_cutting_gives_the_same_bytes(cuts: list[int]) -> None:
    head, model = Head.load(), Model.load(provider="cpu")
    whole = run(stage(head, model), sound(), [])
    pieces = run(stage(head, model), sound(), cuts)
    assert len(whole) == len(pieces) == round(SECONDS * 30)
    assert all(a.t == b.t for a, b in zip(whole, pieces, strict=True))
    assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(whole, pieces, strict=True))


@pytest.mark.parametrize(
    ("fps", "lookahead"), [(30, 0.1), (25, 0.1), (60, 0.1), (30, 0), (30, 0.2)]
)
def test_nothing_after_the_look_ahead_matters(
    head: Head, model: Model, fps: int, lookahead: float
) -> None:
    model = hearing(model, lookahead)
    first, second = stage(head, model, fps), stage(head, model, fps)
    at = 0.7
    other = sound()
    other[round((at + first.lookahead) * RATE) :] = sound(seed=5)[::-1][
        : len(other) - round((at + first.lookahead) * RATE)
    ]
    one, two = run(first, sound(), []), run(second, other, [])
    same = [np.array_equal(a.vertices, b.vertices) for a, b in zip(one, two, strict=True)]
    assert all(same[: int(at * fps) + 1]) and not all(same)


@pytest.mark.parametrize("fps", [24, 25, 30, 60, Fraction(30000, 1001)])
def test_frames_are_at_k_over_fps_to_the_end(head: Head, model: Model, fps: Fraction | int) -> None:
    faces = run(stage(head, model, fps), sound(1.0), [320] * 30, origin=12.5)
    assert len(faces) == -(-Fraction(fps) // 1)
    assert [f.t for f in faces] == [12.5 + float(k / Fraction(fps)) for k in range(len(faces))]


@pytest.mark.parametrize("lookahead", [0, 0.05, 0.1, 0.2])
def test_a_frame_comes_as_soon_as_its_look_ahead_is_there(
    head: Head, model: Model, lookahead: float
) -> None:
    made = stage(head, hearing(model, lookahead))
    assert made.lookahead == lookahead
    for k in range(100):
        for face in made.push(AudioChunk(k * HOP / RATE, np.zeros(HOP, np.float32), RATE)):
            waited = (k + 1) * HOP / RATE - face.t
            assert lookahead - 0.01 - 1e-9 <= waited <= made.lookahead + 0.01 + 1e-9


def test_missing_sound_is_silence_and_time_goes_on(head: Head, model: Model) -> None:
    samples = sound()
    gap = slice(8000, 12800)
    silent = samples.copy()
    silent[gap] = 0
    made = stage(head, model)
    faces = made.push(AudioChunk(0.0, samples[:8000], RATE))
    faces += made.push(AudioChunk(0.8, samples[12800:], RATE)) + made.finish()
    wanted = run(stage(head, model), silent, [])
    assert len(faces) == len(wanted)
    assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(faces, wanted, strict=True))


def test_sound_whose_time_has_passed_is_left_out(head: Head, model: Model) -> None:
    made, samples = stage(head, model), sound()
    faces = made.push(AudioChunk(0.0, samples[:8000], RATE))
    faces += made.push(AudioChunk(0.4, samples[6400:], RATE)) + made.finish()
    wanted = run(stage(head, model), samples, [])
    assert len(faces) == len(wanted)
    assert all(np.array_equal(a.vertices, b.vertices) for a, b in zip(faces, wanted, strict=True))


def test_seeds_differ_and_repeat(head: Head, model: Model) -> None:
    a, b, c = (run(stage(head, model, seed=s), sound(), []) for s in (1, 1, 2))
    assert all(np.array_equal(x.vertices, y.vertices) for x, y in zip(a, b, strict=True))
    assert not all(np.array_equal(x.vertices, y.vertices) for x, y in zip(a, c, strict=True))


def test_a_style_is_a_seed_of_its_own(head: Head, model: Model) -> None:
    def said(style: int, seed: int) -> list[np.ndarray]:
        config = SpeechConfig(style=style)
        made = MeshTalk(config, head, head.neutral, 30, seed, "cpu", model)
        return [f.vertices for f in run(made, sound(), [])]

    one, again, sessions = said(7, 1), said(7, 2), said(-1, 7)
    assert all(np.array_equal(a, b) for a, b in zip(one, again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(one, sessions, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, said(8, 1), strict=True))


def test_many_streams_in_one_batch_are_the_same(head: Head, model: Model) -> None:
    rng = np.random.default_rng(0)
    mel = rng.normal(-7, 3, (8, 61, 80)).astype(np.float32)
    template = rng.normal(0, 1, (8, len(model.template_modes))).astype(np.float32)
    noise = rng.gumbel(size=(8, model.heads, model.classes)).astype(np.float32)
    temperature = np.repeat(model.temperature[None], 8, 0)
    together, _ = model.step(mel, template, noise, temperature, model.begin(8))
    for i in range(8):
        one = slice(i, i + 1)
        alone, _ = model.step(mel[one], template[one], noise[one], temperature[one], model.begin())
        assert np.abs(alone[0] - together[i]).max() < 1e-3  # millimetres


def test_another_persons_mesh_is_refused(head: Head, model: Model) -> None:
    with pytest.raises(ModelError, match="another head"):
        MeshTalk(SpeechConfig(), head, head.neutral[:-1], 30, 0, "cpu", model)


def test_other_features_are_refused(tmp_path: Path, model: Model) -> None:
    from engine.model import MODELS, open_model, write_about

    shipped = open_model(MODELS / "meshtalk")
    for name in shipped.about["files"]:
        (tmp_path / name).write_bytes(shipped.file(name).read_bytes())
    rest = {k: v for k, v in shipped.about.items() if k != "files"}
    rest["features"] = {**rest["features"], "hop": 200}
    write_about(tmp_path, list(shipped.about["files"]), **rest)
    with pytest.raises(ModelError, match="features"):
        Model.load(tmp_path, "cpu")


def test_live_mel_is_torchaudios() -> None:
    audio = pytest.importorskip("training.audio")
    samples = sound(0.5)
    theirs = audio.mel_power(samples, N_FFT, WINDOW, HOP, 80)
    for j in (10, 20, 30):  # their frame j is centred on sample 160 j
        window = samples[HOP * j - WINDOW // 2 : HOP * j + WINDOW // 2]
        assert np.allclose(mel_power(window), theirs[j], rtol=1e-3, atol=1e-5 * theirs[j].max())


def test_shipped_export_was_compared(model: Model) -> None:
    assert model.about["onnx_difference"] <= 1e-4
    assert model.about["lookahead"] == 0.1


def test_a_stage_that_heard_nothing_ends_with_nothing(head: Head, model: Model) -> None:
    for unused in (stage(head, model), Life(head, head.neutral, 0, 30), Resample(RATE)):
        assert unused.finish() == []


@pytest.mark.parametrize(
    "values", [{"style": -2}, {"intensity": -0.1}, {"intensity": 3.5}, {"liveliness": float("nan")}]
)
def test_settings_out_of_range_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=f"speech.{next(iter(values))}"):
        SpeechConfig(**values)
