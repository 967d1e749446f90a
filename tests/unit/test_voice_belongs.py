"""Voice and face as evidence: said of one face, after some speech, and anew for another face."""

from dataclasses import replace

import numpy as np
import pytest

from engine.capture import Resample, read_sound
from engine.capture.choose import SAMPLE
from engine.faces import Finder, Follow
from engine.types import AudioChunk
from engine.voices import Model
from engine.voices.belong import RATE, Belongs
from tests.recognisers import film, portrait


@pytest.fixture(scope="module")
def speech():
    """Some seconds of the bundled sample, at 16 kHz."""
    sound = read_sound(SAMPLE)
    chunk = AudioChunk(0.0, sound.samples[: 12 * sound.rate], sound.rate)
    return np.concatenate([c.samples for c in Resample(RATE, "r", sound.rate).push(chunk)])


@pytest.fixture(scope="module")
def faces():
    follow = Follow(Finder("cpu"))
    return [f for frame in film(portrait("nora"), 3.0) for f in follow.push(frame)]


def test_evidence_comes_with_speech_and_is_of_one_face(speech, faces):
    stage = Belongs(Model.load())
    first, second = faces[: len(faces) // 2], faces[len(faces) // 2 :]
    assert [e for f in first for e in stage.push(f)] == [], "nothing was heard yet"
    stage.hear(AudioChunk(0.0, speech, RATE))
    said = [e for f in second for e in stage.push(f)]
    assert said and {e.kind for e in said} == {"voice"}
    assert all(abs(e.llr) < 5 and e.track == second[0].faces[0].track for e in said)
    print(f"\nevidence {said[-1].llr:.2f} nats at {said[-1].t:.1f} s")
    late = replace(second[-1], t=9.0)
    two = replace(late, faces=(*late.faces, replace(late.faces[0], track=99)))
    assert stage.push(two) == [], "nobody knows whose voice it is"
    another = replace(late, t=12.0, faces=(replace(late.faces[0], track=99),))
    assert stage.push(another) == [], "another face's voice was not heard yet"
