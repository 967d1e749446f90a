"""Thresholds from rates: right where there are data, and no claim where there are none."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from engine.errors import ConfigError, ModelError
from engine.verify.calibrate import Tail, calibrate, det, least_claim
from engine.verify.cohort import Clip, Cohort, load, make
from engine.verify.det import draw_det
from engine.verify.gallery import Gallery
from engine.verify.pictures import read_picture
from engine.verify.protect import make_key
from engine.verify.records import Consent
from tests.streams_of_people import CLEAR, unit


@dataclass(frozen=True)
class Net:
    name: str = "net-1"
    sha256: str = "ab" * 32
    dim: int = 128


def people(n, pictures=3, seed=0):
    rng = np.random.default_rng(seed)
    who = CLEAR.people(n, rng)
    return list(np.stack([CLEAR.streams(who, 1, rng)[:, 0] for _ in range(pictures)], 1))


@pytest.fixture(scope="module")
def cohort():
    return make(people(300))


@pytest.fixture
def gallery(tmp_path):
    make_key(tmp_path / "keys" / "k")
    return Gallery.open(tmp_path / "people.db", Net(), tmp_path / "keys" / "k")


def consent():
    return Consent("door", datetime.now(UTC) + timedelta(days=1))


def test_the_threshold_lets_that_share_of_strangers_through(cohort):
    for rate in (0.1, 0.01, 1e-3):
        [line] = Tail(cohort, rate).thresholds([rate])
        assert (cohort.strangers >= line).mean() == pytest.approx(rate, rel=0.02)
        assert (cohort.strangers >= line).mean() <= rate


def test_new_strangers_meet_the_threshold_as_often_as_was_said(cohort, gallery):
    found = calibrate(cohort, gallery, 1e-3)
    others = make(people(400, seed=9))
    rate = (others.strangers >= found.threshold).mean()
    print(f"asked 1e-3, measured on others {rate:.1e}; {found.interval}")
    assert 3e-4 < rate < 3e-3
    assert found.interval[0] <= found.strangers <= found.interval[1]
    low, high = found.fnmr_interval
    assert low <= (others.enrolled < found.threshold).mean() <= high + 0.02


def test_nothing_is_claimed_below_three_over_n(cohort, gallery):
    n = 300 * 299
    assert least_claim(cohort) == pytest.approx(3 / n)
    calibrate(cohort, gallery, 3.01 / n)
    with pytest.raises(ConfigError, match=f"{n} pairs of strangers cannot show"):
        calibrate(cohort, gallery, 2.9 / n)
    for i, each in enumerate(people(5, seed=4)):
        gallery.enroll(f"p{i}", each, consent())
    with pytest.raises(ConfigError, match="among 5 enrolled"):  # the target is for the search
        calibrate(cohort, gallery, 3.01 / n)
    assert calibrate(cohort, gallery, 1e-2).fmr == pytest.approx(2e-3)
    for wrong in (0, 0.7, -1):
        with pytest.raises(ConfigError):
            calibrate(cohort, gallery, wrong)


def test_enrolled_people_who_are_alike_raise_the_threshold_and_are_named(cohort, gallery):
    enrolled = people(6, seed=5)
    for i, each in enumerate(enrolled):
        gallery.enroll(f"p{i}", each, consent())
    before = calibrate(cohort, gallery, 1e-2)
    assert before.alike is None or before.enrolled > before.strangers
    gallery.enroll("twin", enrolled[2], consent())
    after = calibrate(cohort, gallery, 1e-2)
    assert set(after.alike) == {"p2", "twin"}
    assert after.threshold == after.enrolled > after.strangers


def test_intervals_are_drawn_by_person_and_wider_than_by_pair(cohort):
    """Pairs that share a person are not independent: by pairs the interval would be too narrow."""
    rng = np.random.default_rng(0)
    lookalike = Cohort(cohort.similarity.copy(), [], [])
    lookalike.similarity[:6] += 0.25  # a few people whom everybody resembles
    lookalike.similarity[:, :6] += 0.25
    n, tail = lookalike.people, Tail(lookalike, 0.01)
    drawn = [rng.multinomial(n, np.full(n, 1 / n)) for _ in range(40)]
    by_person = [tail.thresholds([0.01], w.astype(float))[0] for w in drawn]
    scores = lookalike.strangers
    by_pair = [np.quantile(rng.choice(scores, len(scores)), 0.99) for _ in range(40)]
    assert np.std(by_person) > 3 * np.std(by_pair)


def test_the_det_picture_is_drawn(cohort, tmp_path):
    fmr, fnmr, band = det(cohort)
    assert (np.diff(fnmr) <= 0).all() and (band[0] <= band[1]).all()
    assert fmr[0] >= least_claim(cohort)
    draw_det(tmp_path / "det.png", "a title", fmr, fnmr, band, (1e-3, 0.05))
    pixels = read_picture(tmp_path / "det.png")
    assert pixels.shape == (640, 640, 3) and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 20
    with pytest.raises(ConfigError, match="cannot write"):
        draw_det(tmp_path / "no" / "det.png", "a title", fmr, fnmr, band, (1e-3, 0.05))


def test_a_cohort_is_kept_as_it_is(tmp_path):
    rng, each = np.random.default_rng(1), people(30)
    each[3] = each[3][:1]
    who = unit(np.stack([e.mean(0) for e in each]))
    t = np.arange(10) * 0.2
    clips = [Clip(i, t, CLEAR.streams(who[i : i + 1], 10, rng)[0]) for i in range(8)]
    made = make(each, clips)
    made.save(tmp_path / "cohort.npz")
    held = load(tmp_path / "cohort.npz")
    assert np.isnan(held.similarity[3, 3]) and len(held.enrolled) == 29
    assert np.allclose(held.strangers, made.strangers, atol=1e-3)
    assert len(held.enrolled_streams) == 8 and len(held.stranger_streams) >= 32
    model = held.model()
    assert 0 < model.strangers.lasting < 1 and model.pairs == 870
    (tmp_path / "cohort.npz").write_bytes(b"PK")
    with pytest.raises(ModelError, match="no cohort"):
        load(tmp_path / "cohort.npz")


def test_a_cohort_wants_people():
    with pytest.raises(ConfigError, match="20 people"):
        make(people(5))
    with pytest.raises(ConfigError, match="two pictures"):
        make(people(30, pictures=1))
