"""Recordings of strangers before galleries: the figures of training.evaluate --streams."""

import numpy as np

from engine.verify.decision import DecisionConfig
from tests.streams_of_people import FPS, HARD, score_model
from training.sphereface2 import streams


def test_recordings_of_strangers_pass_only_where_frames_are_taken_as_news():
    rng, model = np.random.default_rng(3), score_model(HARD, 200)
    people = [f for f in HARD.streams(HARD.people(60, rng), 3, rng)]
    t = np.arange(20, dtype=np.float32) / FPS
    clips = [streams.Recording(f"stranger {k}", "1", t, e)
             for k, e in enumerate(HARD.streams(HARD.people(12, rng), 20, rng))]  # fmt: skip
    config, outcome = DecisionConfig(target_fmr=0.01), {}
    for name, how in (("corrected", model), ("as news", streams.independent(model))):
        outcome[name] = streams.recorded_strangers(how, config, clips, people, 20, draws=5)
    assert outcome["corrected"].streams == 60 and outcome["corrected"].gallery == 20
    assert outcome["corrected"].matched <= 3 < outcome["as news"].matched
    assert f"{outcome['as news'].matched:>9}" in streams.row("x", outcome["as news"])
