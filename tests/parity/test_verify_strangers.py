"""How often strangers pass, counted: the claim of the sequential test against simulated people."""

from dataclasses import replace

import numpy as np
import pytest

from engine.verify.decision import DecisionConfig, Stream
from engine.verify.scores import Stays
from tests.streams_of_people import FPS, HARD, Enrolled, score_model


@pytest.fixture(scope="module")
def hard():
    return score_model(HARD)


@pytest.mark.parametrize("gallery", [1, 20, 300])
def test_of_10000_strangers_streams_at_most_twice_the_target_end_in_match(hard, gallery):
    """Whatever the gallery's size: the target is for the whole search."""
    rng, config = np.random.default_rng(gallery), DecisionConfig(target_fmr=0.01)
    enrolled = Enrolled(HARD.templates(HARD.people(gallery, rng), rng))
    matched = 0
    for _ in range(20):
        streams = HARD.streams(HARD.people(500, rng), 12, rng)
        for frames in streams:
            stream = Stream(hard, config)
            states = (stream.push(k / FPS, e, enrolled).state for k, e in enumerate(frames))
            matched += any(state == "match" for state in states)
    print(f"gallery of {gallery}: {matched} of 10,000 strangers matched at a target of 1 %")
    assert matched <= 200


def test_evidence_without_the_correction_would_let_strangers_in(hard):
    """What the correction for repeated frames is worth: taken as independent, they add up."""
    naive = replace(hard, strangers=Stays(0.0, 1e-6), enrolled=Stays(0.0, 1e-6))
    rng, config = np.random.default_rng(9), DecisionConfig(target_fmr=0.01)
    enrolled = Enrolled(HARD.templates(HARD.people(20, rng), rng))
    streams = HARD.streams(HARD.people(600, rng), 25, rng)
    matched = {}
    for name, model in (("corrected", hard), ("naive", naive)):
        streamed = [(Stream(model, config), frames) for frames in streams]
        matched[name] = sum(
            any(s.push(k / FPS, e, enrolled).state == "match" for k, e in enumerate(frames))
            for s, frames in streamed
        )
    print(f"of 600 strangers at 1 %: {matched}")
    assert matched["corrected"] <= 12 < matched["naive"]
