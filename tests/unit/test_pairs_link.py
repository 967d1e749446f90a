"""Made-up people's codes: the link that is drawn is the one said, and its optimum is the best."""

import itertools
import shutil

import numpy as np
import pytest

from engine.verify import covariates as rules
from training.pairs import link, voices
from training.pairs.link import CLASSES

COUNT = 20_000


@pytest.fixture(scope="module")
def codes():
    return link.draw(COUNT, 1)


def test_codes_come_evenly_and_are_shown_as_the_link_says(codes):
    for k, name in enumerate(CLASSES):
        count = len(CLASSES[name])
        share = np.bincount(codes.own[:, k], minlength=count) / COUNT
        assert share == pytest.approx(np.full(count, 1 / count), abs=0.015)
        for side, right in ((codes.face, link.FACE), (codes.voice, link.VOICE)):
            said = link.confusion(name, right[name])
            assert said.sum(1) == pytest.approx(np.ones(count))
            seen = np.zeros((count, count))
            np.add.at(seen, (codes.own[:, k], side[:, k]), 1)
            assert seen / seen.sum(1, keepdims=True) == pytest.approx(said, abs=0.03)


def test_more_people_leave_the_first_as_they_are():
    few, many = link.draw(5, 3), link.draw(9, 3)
    assert (few.own == many.own[:5]).all() and (few.voice == many.voice[:5]).all()
    assert not (link.draw(9, 4).own == many.own).all()


def chosen(c, voice, face, among, rng, keep=None):
    """How often the largest likelihood ratio is the own one, by trials."""
    rows = np.arange(len(voice))
    others = rng.integers(0, len(face), (len(rows), among - 1))
    if keep is not None:  # impostors of the same class
        order = np.argsort(keep, kind="stable")
        starts = np.searchsorted(keep[order], np.arange(keep.max() + 2))
        low, high = starts[keep], starts[keep + 1]
        others = order[
            low[:, None] + (rng.random(others.shape) * (high - low)[:, None]).astype(int)
        ]
    gallery = np.concatenate([rows[:, None], others], 1)
    score = c.ratio[voice[:, None], face[gallery]] + rng.uniform(0, 1e-9, gallery.shape)
    return (score.argmax(1) == 0).mean()


def joint(codes, names):
    """One class for each combination, in the order of rules.product."""
    columns = [list(CLASSES).index(n) for n in names]
    sizes = [len(CLASSES[n]) for n in names]
    return [np.ravel_multi_index(side[:, columns].T, sizes) for side in (codes.voice, codes.face)]


@pytest.mark.parametrize("names", [("gender",), ("age", "build"), tuple(CLASSES)])
@pytest.mark.parametrize("among", [2, 5])
def test_the_optimum_is_what_trials_of_the_best_rule_give(codes, names, among):
    c = rules.product([link.covariate(n) for n in names])
    voice, face = joint(codes, names)
    best = link.optimum(names, (2, 5), 100, 1)
    found = chosen(c, voice, face, among, np.random.default_rng(0))
    assert found == pytest.approx(best.matching[among], abs=0.015)
    turned = link.optimum(names, (2, 5), 100, 1, turned=True)
    assert turned.eer == pytest.approx(best.eer)


def test_among_people_of_one_gender_the_other_three_are_all_there_is(codes):
    names = ("age", "build", "shape")
    c = rules.product([link.covariate(n) for n in names])
    voice, face = joint(codes, names)
    found = chosen(c, voice, face, 2, np.random.default_rng(1), codes.own[:, 0])
    assert found == pytest.approx(link.optimum(names, (2,), 100, 1).matching[2], abs=0.015)


def test_more_covariates_never_hurt_and_none_are_chance():
    nothing = link.optimum((), (2, 10), 50, 2)
    assert nothing.matching == pytest.approx({2: 0.5, 10: 0.1}) and nothing.eer == 0.5
    chance = rules.average_precision([100], [2])
    assert nothing.precision == pytest.approx(float(chance))
    for name in CLASSES:
        alone, rest = (link.optimum(n, (2, 10), 50, 2) for n in ((name,), tuple(CLASSES)))
        assert nothing.matching[2] < alone.matching[2] < rest.matching[2]
        assert nothing.precision < alone.precision < rest.precision and rest.eer < alone.eer


def test_precision_of_the_person_agrees_with_rankings():
    rng = np.random.default_rng(2)
    people, each, c = 40, 3, link.covariate("shape")
    found = []
    for k in range(300):
        codes = link.draw(people, 100 + k)
        face = np.repeat(codes.face[:, 3], each)
        score = c.ratio[codes.voice[0, 3], face] + rng.uniform(0, 1e-9, len(face))
        places = np.flatnonzero(np.argsort(-score) < each) + 1
        found.append((np.arange(1, each + 1) / places).mean())
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - link.precision(c, people, each)) < 4 * error + 0.01


@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")
def test_a_voice_is_the_code_it_shows():
    def made(code):
        one = voices.speaker(np.array(code), np.random.default_rng(5))
        return one, one.say("A quiet evening by the river.", np.random.default_rng(6))

    young, old = made([0, 0, 1, 0])[1], made([0, 3, 1, 0])[1]
    assert len(old) > 1.3 * len(young)
    assert made([0, 1, 0, 0])[0].formants > made([0, 1, 2, 0])[0].formants
    sounds = [made([1, 1, 1, k])[1] for k in range(6)]
    assert all(np.isfinite(s).all() and np.abs(s).max() < 1 for s in sounds)
    pairs = itertools.combinations([voices.frames(s) for s in sounds], 2)
    assert all(a.shape != b.shape or np.abs(a - b).max() > 1 for a, b in pairs)
