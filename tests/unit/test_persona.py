"""The imagined head: what it comes from, how it changes, how it is kept."""

from dataclasses import replace

import numpy as np
import pytest

from engine.capture.choose import SAMPLE
from engine.capture.decode import read_sound
from engine.capture.resample import Resample
from engine.errors import ConfigError, DeviceError
from engine.head import Head
from engine.head.avatar import coloured, load_appearance, save_avatar
from engine.head.look import BASES, appearance, avatar_of
from engine.imagining import Imagining, PersonaConfig
from engine.render.__main__ import moment
from engine.types import AudioChunk, Persona
from engine.voices import Model
from engine.voices.become import Become
from engine.voices.features import LogMel
from engine.voices.imagine import SETTLED, SILENT, Imagination, Imagine
from engine.voices.level import levelled
from engine.voices.listen import SECOND, Listen
from engine.voices.space import Space

RATE = 16_000


@pytest.fixture(scope="module")
def head():
    return Head.load()


@pytest.fixture(scope="module")
def loaded():
    ears = Model.load()
    return ears, Imagination.load(ears)


@pytest.fixture(scope="module")
def sample():
    chunk = read_sound(SAMPLE)
    resample = Resample(RATE, rate_in=chunk.rate)
    return np.concatenate([c.samples for c in (*resample.push(chunk), *resample.finish())])


def hear(loaded, samples, cut=1600):
    stage = Imagine(*loaded)
    chunks = [AudioChunk(k / RATE, samples[k : k + cut], RATE) for k in range(0, len(samples), cut)]
    return stage, [p for c in chunks for p in stage.push(c)]


def test_a_voice_takes_shape_second_by_second(loaded, sample):
    _, heard = hear(loaded, sample)
    assert [p.seconds for p in heard] == list(range(1, len(heard) + 1))
    assert heard[0].words == SILENT and heard[0].share == pytest.approx(1 / SETTLED)
    nobody = loaded[1].nobody.identity
    away = [float(np.abs(p.identity - nobody).mean()) for p in heard]
    assert away[0] < 0.5 * away[4] and heard[5].share == 1
    late = float(np.abs(heard[-1].identity - heard[-2].identity).mean())
    assert late < 0.2 * away[-1], "a running mean settles"
    assert heard[-1].kind == "female" and heard[-1].words == ""


def test_any_cutting_imagines_the_same(loaded, sample):
    short = sample[: 4 * RATE]
    one, other = (hear(loaded, short, cut)[1] for cut in (333, 4000))
    assert len(one) == len(other) > 1
    for a, b in zip(one, other, strict=True):
        assert np.array_equal(a.identity, b.identity) and np.array_equal(a.tint, b.tint)


@pytest.mark.parametrize("kind", ["silence", "noise", "chords", "little"])
def test_what_is_no_speech_imagines_nobody(loaded, sample, kind):
    t = np.arange(6 * RATE) / RATE
    sounds = {
        "silence": np.zeros(6 * RATE),
        "noise": np.random.default_rng(0).normal(0, 0.1, 6 * RATE),
        "chords": 0.2 * sum(np.sin(2 * np.pi * f * t) for f in (220, 277.2, 329.6)) / 3,
        "little": sample[RATE : RATE + int(0.3 * RATE)],
    }
    _, heard = hear(loaded, sounds[kind].astype(np.float32))
    assert heard == []


def test_noise_that_is_forced_on_the_net_leads_to_the_mean(loaded, sample):

    ears, imagination = loaded
    rng = np.random.default_rng(3)
    noise = [rng.normal(0, s, 2 * RATE).astype(np.float32) for s in (0.01, 0.1)]
    quiet = np.stack([ears.voices(levelled(LogMel().push(n)[:SECOND])[None])[0] for n in noise])
    voice = Listen(ears).push(AudioChunk(0.0, sample[: 6 * RATE], RATE))[-1].embedding
    middle = imagination.space.middle
    still, moved = (np.abs(imagination.heads(e) - middle).mean() for e in (quiet, voice[None]))
    assert still < 0.5 * moved


def test_a_held_head_hears_nothing_and_another_voice_begins_anew(loaded, sample):
    stage, heard = hear(loaded, sample[: 4 * RATE])
    assert heard
    stage.lock(True)
    assert stage.push(AudioChunk(4.0, sample[4 * RATE : 6 * RATE], RATE)) == []
    stage.again()
    [first, *_] = stage.push(AudioChunk(6.0, sample[6 * RATE : 6 * RATE + 800], RATE))
    assert first.seconds == 0 and stage.seconds < 1


def made_up(t=0.0, size=1.0, **changes):
    person = Persona(t, 5.0, np.full(4, size, np.float32), np.full(3, 0.8, np.float32),
                     np.full((4, 4, 3), 1.2, np.float32), "", "")  # fmt: skip
    return replace(person, **changes)


def test_the_head_changes_smoothly_and_hair_keeps_its_skull(head):
    nobody = made_up(size=0.0)
    become, base = Become(head, nobody), head.person(nobody.identity)
    become.hear(made_up(t=1.0))
    places, last = [], None
    for k in range(180):
        still = moment(head, base, {"jawOpen": 0.3}, 0.0)
        [last] = become.push(replace(still, t=k / 30))
        places.append(last.face.vertices)
    steps = [float(np.abs(b - a).max()) for a, b in zip(places, places[1:], strict=False)]
    whole = float(np.abs(places[-1] - places[0]).max())
    assert whole > 1.0 and max(steps) < 0.06 * whole
    assert max(steps[:28]) == 0, "nothing before its moment"
    scalp = head.masks["scalp"] > 0.95
    assert np.abs(places[-1] - places[0])[scalp].max() < 1e-3
    assert last.persona.tone == pytest.approx(0.8, abs=0.01)
    wanted = head.pose(head.person(last.persona.identity), last.motion.weights)
    face = head.masks["lips"] > 0.5
    assert places[-1][face] == pytest.approx(wanted[face], abs=0.02)


def test_an_avatar_is_kept_and_read_back(head, tmp_path):
    persona = made_up(kind="female", identity=np.linspace(-1, 1, 60, dtype=np.float32))
    file = tmp_path / "new" / "kept.toml"
    save_avatar(replace(avatar_of(persona), name='the "one"'), persona.tint, file)
    look, direct = load_appearance(str(file), head), appearance(persona, head)
    assert look.name == 'the "one"' and look.hair_style == BASES["female"].hair.style
    assert look.identity == pytest.approx(direct.identity)
    assert look.tint == pytest.approx(persona.tint, abs=0.01)
    assert look.skin == direct.skin and look.skin[0] < load_appearance("nora", head).skin[0]
    file.with_suffix(".png").unlink()
    with pytest.raises(ConfigError, match=r"kept\.png cannot be read"):
        load_appearance(str(file), head)


def test_colours_are_multiplied_as_light():
    assert coloured("#808080", np.ones(3)) == "#808080"
    assert coloured("#808080", np.full(3, 9.0)) == "#ffffff"
    assert coloured("#ff0000", np.full(3, 0.5)) == "#bc0000"


def test_too_little_speech_cannot_be_kept(head, sample, tmp_path):
    imagining = Imagining(PersonaConfig(tmp_path), head, "cpu")
    imagining.overhear.push(AudioChunk(0.0, sample[: RATE // 3], RATE))
    assert imagining.about()["persona"] == {"locked": False, "seconds": 0.0, "enough": False} or (
        imagining.about()["persona"]["seconds"] < 0.5
    )
    with pytest.raises(DeviceError, match="not enough speech"):
        imagining.do("save")
    imagining.overhear.push(AudioChunk(1.0, sample[: 5 * RATE], RATE))
    assert imagining.do("lock")["locked"]
    assert load_appearance(imagining.do("save")["file"], head).tint is not None
    assert not imagining.do("again")["locked"]


def test_a_space_survives_its_file(tmp_path):
    rng = np.random.default_rng(0)
    shapes = [(5,), (5,), (8, 8, 3), (3, 8, 8, 3), (8,)]
    space = Space(*(rng.random(s).astype(np.float32) for s in shapes))
    space.save(tmp_path / "space.npz")
    again = Space.load(tmp_path / "space.npz")
    numbers = rng.standard_normal(8).astype(np.float32)
    assert again.identity(numbers) == pytest.approx(space.identity(numbers), abs=0.01)
    assert again.reflectance(numbers) == pytest.approx(space.reflectance(numbers), abs=0.02)
