"""The decision over time: how often strangers pass, how soon the enrolled do, and what it holds."""

import math

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.verify.attempts import Attempts
from engine.verify.decision import Bounds, DecisionConfig, Mean, Stream
from engine.verify.scores import UNMEASURED, effective_number, stays_of
from tests.streams_of_people import CLEAR, DIM, FPS, HARD, Enrolled, score_model, unit


@pytest.fixture(scope="module")
def hard():
    return score_model(HARD)


@pytest.fixture(scope="module")
def clear():
    return score_model(CLEAR)


@pytest.mark.parametrize("gallery", [1, 20, 300])
def test_enrolled_people_are_known_within_a_second_and_a_half(clear, gallery):
    rng, config = np.random.default_rng(gallery), DecisionConfig()
    people = CLEAR.people(gallery, rng)
    enrolled = Enrolled(CLEAR.templates(people, rng))
    who = rng.integers(gallery, size=60)
    times, right = [], 0
    for i, frames in zip(who, CLEAR.streams(people[who], 30, rng), strict=True):
        stream = Stream(clear, config)
        for k, embedding in enumerate(frames):
            ruling = stream.push(k / FPS, embedding, enrolled)
            if ruling.state == "match":
                break
        times.append(k / FPS)
        right += ruling.name == str(i)
    print(f"gallery of {gallery}: median {np.median(times):.1f} s, {right} of 60 right")
    assert np.median(times) <= 1.5 and right >= 57


def test_a_stranger_is_told_as_one_and_stays_one(clear):
    rng = np.random.default_rng(3)
    enrolled = Enrolled(CLEAR.templates(CLEAR.people(20, rng), rng))
    stream = Stream(clear, DecisionConfig())
    frames = CLEAR.streams(CLEAR.people(1, rng), 60, rng)[0]
    rulings = [stream.push(k / FPS, e, enrolled) for k, e in enumerate(frames)]
    assert [r.state for r in rulings[:2]] == ["pending", "pending"]  # the first may be spoilt
    assert {r.state for r in rulings[3:]} == {"unknown"}
    assert len({r.since for r in rulings[3:]}) == 1 and rulings[-1].name is None


def test_a_claim_that_is_not_true_is_no_match_and_a_true_one_match(clear):
    rng = np.random.default_rng(4)
    people = CLEAR.people(5, rng)
    enrolled = Enrolled(CLEAR.templates(people, rng))
    frames = CLEAR.streams(people[:1], 20, rng)[0]
    last = {}
    for claim in ("0", "3", "77"):
        stream = Stream(clear, DecisionConfig(), claim=claim)
        last[claim] = [stream.push(k / FPS, e, enrolled) for k, e in enumerate(frames)][-1]
    assert (last["0"].state, last["0"].name) == ("match", "0")
    assert last["3"].state == "no_match" and last["77"].reason == "not enrolled"


def test_a_match_outlives_some_bad_frames_but_not_another_person(clear):
    rng = np.random.default_rng(5)
    people = CLEAR.people(20, rng)
    enrolled = Enrolled(CLEAR.templates(people, rng))
    first, second = CLEAR.streams(people[:2], 40, rng)
    spoilt = unit(rng.standard_normal((2, DIM)))
    frames = [*first[:20], *spoilt, *first[20:], *second]
    stream = Stream(clear, DecisionConfig())
    names = [stream.push(k / FPS, e, enrolled).name for k, e in enumerate(frames)]
    assert set(names[5:42]) == {"0"}  # hysteresis: the two bad ones change nothing
    swapped = names[42:]
    assert "1" in swapped and swapped.index("1") / FPS <= 2.0
    assert set(swapped[swapped.index("1") :]) == {"1"}


def test_people_who_look_too_much_alike_are_not_told_apart_by_chance(clear):
    rng = np.random.default_rng(6)
    people = CLEAR.people(10, rng)
    templates = CLEAR.templates(people, rng)
    templates[1] = templates[0]
    stream, enrolled = Stream(clear, DecisionConfig()), Enrolled(templates)
    frames = CLEAR.streams(people[:1], 40, rng)[0]
    rulings = [stream.push(k / FPS, e, enrolled) for k, e in enumerate(frames)]
    assert all(r.state != "match" for r in rulings)
    assert rulings[-1].state == "unknown" and "alike" in rulings[-1].reason


def test_a_floor_keeps_out_what_its_evidence_would_let_in(clear):
    rng = np.random.default_rng(7)
    people = CLEAR.people(3, rng)
    enrolled, frames = Enrolled(CLEAR.templates(people, rng)), CLEAR.streams(people[:1], 20, rng)[0]
    for floor, state in ((-1.0, "match"), (0.95, "unknown")):
        stream = Stream(clear, DecisionConfig(patience=2.0), floor)
        assert [stream.push(k / FPS, e, enrolled) for k, e in enumerate(frames)][-1].state == state


def test_nobody_enrolled_and_somebody_removed(clear):
    rng = np.random.default_rng(8)
    people = CLEAR.people(2, rng)
    frames = CLEAR.streams(people[:1], 20, rng)[0]
    nobody = Enrolled(np.empty((0, DIM), np.float32))
    assert Stream(clear, DecisionConfig()).push(0.0, frames[0], nobody).state == "unknown"
    stream, enrolled = Stream(clear, DecisionConfig()), Enrolled(CLEAR.templates(people, rng))
    for k, e in enumerate(frames[:10]):
        ruling = stream.push(k / FPS, e, enrolled)
    assert ruling.state == "match"
    assert stream.push(2.0, frames[10], nobody).state == "unknown"


@pytest.mark.parametrize(("lasting", "seconds"), [(0.7, 0.4), (0.5, 0.8), (0.85, 0.2)])
def test_how_frames_hang_together_is_measured_from_streams(lasting, seconds):
    rng, t = np.random.default_rng(1), np.arange(30) / FPS
    keep, streams = math.exp(-1 / FPS / seconds), []
    for _ in range(400):
        noise = [rng.standard_normal()]
        for _ in t[1:]:
            noise.append(keep * noise[-1] + math.sqrt(1 - keep**2) * rng.standard_normal())
        stays = math.sqrt(lasting) * rng.standard_normal()
        streams.append((t, stays + math.sqrt(1 - lasting) * np.array(noise)))
    found = stays_of(streams)
    assert found.lasting == pytest.approx(lasting, abs=0.07)
    assert found.seconds == pytest.approx(seconds, rel=0.45)
    assert stays_of(streams[:2]) == UNMEASURED


def test_the_effective_number_kept_up_frame_by_frame_is_that_of_all_pairs():
    rng = np.random.default_rng(2)
    t = np.cumsum(rng.uniform(0.05, 0.6, 40))
    mean, memory, time = Mean(3.0, 0.4), 3.0, 0.4
    for moment in t:
        mean.add(moment, np.ones(4, np.float32))
    weights = np.exp(-(t[-1] - t) / memory)
    pairs = np.exp(-np.abs(np.subtract.outer(t, t)) / time)
    assert mean.frames == pytest.approx(weights.sum() ** 2 / (weights @ pairs @ weights))
    assert effective_number(t, 1e-6) == pytest.approx(len(t))
    assert effective_number(t, 1e6) == pytest.approx(1, abs=1e-3)


def test_evidence_rises_with_similarity_and_bounds_with_the_gallery(hard, clear):
    for model in (hard, clear):
        for frames in (1.0, 3.0, 30.0):
            llrs = [model.llr(s, frames) for s in np.linspace(-1, 1, 400)]
            assert (np.diff(llrs) >= -1e-9).all()
            line = model.similarity_of(3.0, frames)
            assert model.llr(line - 1e-4, frames) < 3.0 <= model.llr(line + 1e-6, frames)
        assert model.fmr(model.threshold(1e-3)) == pytest.approx(1e-3, rel=1e-3)
    one, many = (Bounds.of(DecisionConfig(), n) for n in (1, 300))
    assert many.accept - one.accept == pytest.approx(math.log(300))
    assert one.accept == pytest.approx(math.log(0.98 / 1e-3))


def test_normal_scores_of_strangers_are_normal(hard):
    assert abs(hard.z(hard.middle)) < 1e-6
    assert hard.fmr(hard.middle) == pytest.approx(0.5, abs=1e-6)


@pytest.mark.parametrize("wrong", [{"target_fmr": 0}, {"target_fnmr": 1}, {"patience": 0}])
def test_settings_out_of_range_are_told(wrong):
    with pytest.raises(ConfigError):
        DecisionConfig(**wrong)


def test_attempts_are_counted_within_a_window():
    attempts = Attempts(3, 60.0)
    for t in (0.0, 1.0):
        attempts.fail(t)
    assert attempts.wait(1.0) == 0
    attempts.fail(2.0)
    assert attempts.wait(10.0) == pytest.approx(50.0)
    assert attempts.wait(60.0) == 0
