"""Covariate strategies: closed forms, the errata, Monte Carlo, properties, narrowing."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from engine.errors import ConfigError
from engine.verify import covariates_command
from engine.verify.covariates import (
    Covariate,
    adjacent,
    average_precision,
    covariate,
    matching,
    product,
    retrieval,
    soft_ratio,
    symmetric,
    verification,
)
from engine.verify.narrow import Buckets, narrow, search

EXACT = pytest.approx
HALF = [0.5, 0.5]


def uniform(k, accuracy=1.0):
    return covariate(np.full(k, 1 / k), symmetric(k, accuracy))


def gender(e_v, e_f, p=0.5):
    return covariate([p, 1 - p], symmetric(2, 1 - e_v), symmetric(2, 1 - e_f))


# closed forms, to 1e-12


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 100])
def test_perfect_gender_matching(n):
    assert matching(gender(0, 0), n) == EXACT((2 - 0.5 ** (n - 1)) / n, abs=1e-12)


@pytest.mark.parametrize("k", [2, 3, 4, 8, 16])
def test_perfect_uniform_values(k):
    c = uniform(k)
    for n in (2, 5, 10):
        assert matching(c, n) == EXACT(k * (1 - (1 - 1 / k) ** n) / n, abs=1e-12)
    assert verification(c).eer == EXACT(1 / (k + 1), abs=1e-12)


@pytest.mark.parametrize(
    ("k", "two", "ten", "eer"),
    [(4, 0.875, 0.3775, 0.2), (8, 0.9375, 0.5895, 0.1111), (16, 0.96875, 0.7609, 0.0588)],
)
def test_larger_covariates(k, two, ten, eer):
    c = uniform(k)
    found = (matching(c, 2), matching(c, 10), verification(c).eer)
    assert found == EXACT((two, ten, eer), abs=5e-5)


@pytest.mark.parametrize("prior", [[0.6, 0.4], [0.65, 0.35], [0.2, 0.3, 0.5]])
def test_perfect_matching_of_two_by_prior(prior):
    c = covariate(prior, np.eye(len(prior)))
    assert matching(c, 2) == EXACT(1 - 0.5 * sum(p * p for p in prior), abs=1e-12)


def test_unbalanced_gender():
    found = [verification(gender(0, 0, p)).eer for p in (0.6, 0.65)]
    assert found == EXACT([0.325, 0.3303], abs=1e-4)


@pytest.mark.parametrize("rates", [(0.0252, 0.0078), (0.1, 0.3), (0.8, 0.1), (0.9, 0.7)])
def test_imperfect_gender(rates):
    e_v, e_f = rates
    alpha = e_v * e_f + (1 - e_v) * (1 - e_f)
    c = gender(e_v, e_f)
    one = e_v + e_f - 2 * e_v * e_f
    error = 0.25 + 0.5 * one if alpha > 0.5 else 0.75 - 0.5 * one
    assert 1 - matching(c, 2) == EXACT(error, abs=1e-12)
    eer = 1 / (1 + 2 * alpha) if alpha > 0.5 else 1 / (3 - 2 * alpha)
    assert verification(c).eer == EXACT(eer, abs=1e-12)


def test_errata_of_the_1_n_formula():
    """With DIMNet-G's own rates: one still has to guess when nobody has the chosen label."""
    e_v, e_f = 0.0252, 0.0078
    alpha, c = e_v * e_f + (1 - e_v) * (1 - e_f), gender(e_v, e_f)
    correct = [matching(c, n) for n in (2, 3, 5, 10)]
    assert correct == EXACT([0.7337, 0.5670, 0.3753, 0.1933], abs=5e-5)
    for n, value in zip((2, 3, 5, 10), correct, strict=True):
        none = 0.5 ** (n - 1)
        assert value == EXACT(alpha * (2 - none) / n + (1 - alpha) * none / n, abs=1e-12)
    assert verification(c).eer == EXACT(0.3407, abs=5e-5)


def test_chance_precision():
    """R relevant of n in random order: (R - 1)/(n - 1) (1 - H_n/n) + H_n/n."""
    n, r = 57, 9
    h = (1 / np.arange(1, n + 1)).sum()
    wanted = (r - 1) / (n - 1) * (1 - h / n) + h / n
    assert average_precision([n], [r]) == EXACT(wanted, abs=1e-12)
    useless = covariate(HALF, np.full((2, 2), 0.5))
    assert retrieval(useless, n, r) == EXACT(wanted, abs=1e-12)


def test_retrieval_of_people_by_gender_alone():
    """DIMNet: 58,420 faces of 189 people; its appendix has .0101, against .0055 by chance."""
    relevant = 58420 // 189
    assert retrieval(gender(0.0252, 0.0078), 58420, relevant) == EXACT(0.0101, abs=5e-4)
    assert retrieval(uniform(8), 80_000, 400) == EXACT(8 * 400 / 80_000, rel=0.03)


def test_retrieval_of_the_class_by_a_perfect_covariate_is_perfect():
    assert retrieval(uniform(4), 400) == EXACT(1, abs=1e-12)


# Monte Carlo


def draw(c: Covariate, rng, count, n):
    """Labels (count,), (count, n) of probes and galleries whose first is the probe's own."""
    true = rng.choice(len(c.prior), (count, n), p=c.prior)

    def seen(confusion, classes):
        return (rng.random(classes.shape)[..., None] > confusion.cumsum(1)[classes]).sum(-1)

    return true, seen(c.probe, true[:, 0]), seen(c.gallery, true)


ODD = covariate(
    [0.5, 0.3, 0.2], [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.05, 0.25, 0.7]],
    [[0.9, 0.1], [0.3, 0.7], [0.2, 0.8]],
)  # fmt: skip


@pytest.mark.parametrize("n", [2, 6])
def test_monte_carlo_matching(n):
    rng = np.random.default_rng(4)
    _, a, b = draw(ODD, rng, 200_000, n)
    scores = ODD.ratio[a[:, None], b] + 1e-9 * rng.random(b.shape)
    right = (scores.argmax(1) == 0).mean()
    p = matching(ODD, n)
    assert right == EXACT(p, abs=4 * np.sqrt(p * (1 - p) / 200_000))


def test_monte_carlo_verification():
    rng = np.random.default_rng(5)
    _, a, b = draw(ODD, rng, 400_000, 2)
    same, other = ODD.ratio[a, b[:, 0]], ODD.ratio[a, b[:, 1]]
    roc = verification(ODD)
    for threshold in np.unique(ODD.ratio):
        fmr, tar = (other >= threshold - 1e-9).mean(), (same >= threshold - 1e-9).mean()
        assert roc.tar_at(fmr) == EXACT(tar, abs=0.006)


@pytest.mark.parametrize("relevant", [None, 5])
def test_monte_carlo_retrieval(relevant):
    rng = np.random.default_rng(6)
    size, found = 300, []
    for _ in range(1500):
        true, a, b = draw(ODD, rng, 1, size)
        mine = true[0, 0]
        if relevant is not None:
            shares = np.where(np.arange(size) < relevant, mine, true[0])
            b = (rng.random((1, size))[..., None] > ODD.gallery.cumsum(1)[shares]).sum(-1)
            hit = np.arange(size) < relevant
        else:
            hit = true[0] == mine
        hit = hit[np.lexsort((rng.random(size), -ODD.ratio[a[0], b[0]]))]
        found.append((np.cumsum(hit) / np.arange(1, size + 1))[hit].mean())
    error = np.std(found) / np.sqrt(len(found))
    assert np.mean(found) == EXACT(retrieval(ODD, size, relevant), abs=4 * error + 0.004)


# properties

RATES = st.floats(0.01, 0.49)


@given(RATES, RATES, st.integers(2, 12))
@settings(max_examples=40, deadline=None)
def test_better_sight_is_never_worse(low, high, n):
    low, high = sorted((low, high))
    better, worse = gender(low, 0.1), gender(high, 0.1)
    assert matching(better, n) >= matching(worse, n) - 1e-12
    assert verification(better).eer <= verification(worse).eer + 1e-12
    assert retrieval(better, 200, 10) >= retrieval(worse, 200, 10) - 1e-9


@given(RATES, RATES, st.integers(2, 6))
@settings(max_examples=40, deadline=None)
def test_both_sides_may_change_places(e_v, e_f, n):
    assert matching(gender(e_v, e_f), n) == EXACT(matching(gender(e_f, e_v), n), abs=1e-12)


@st.composite
def covariates(draw, classes=3):
    shares = st.lists(st.floats(0.05, 1), min_size=classes, max_size=classes)
    rows = [np.array(draw(shares)) for _ in range(2 * classes + 1)]
    rows = [r / r.sum() for r in rows]
    return covariate(rows[0], rows[1 : classes + 1], rows[classes + 1 :])


@given(covariates(), st.permutations([0, 1, 2]), st.permutations([0, 1, 2]))
@settings(max_examples=40, deadline=None)
def test_names_of_classes_and_labels_do_not_matter(c, classes, labels):
    other = Covariate(
        c.prior[classes], c.probe[classes][:, labels], c.gallery[classes][:, labels[::-1]]
    )
    assert matching(other, 4) == EXACT(matching(c, 4), abs=1e-9)
    assert verification(other).eer == EXACT(verification(c).eer, abs=1e-9)
    assert retrieval(other, 120, 6) == EXACT(retrieval(c, 120, 6), abs=0.01)  # rounding to items


@given(covariates(), st.integers(2, 20))
@settings(max_examples=40, deadline=None)
def test_never_worse_than_chance(c, n):
    assert matching(c, n) >= 1 / n - 1e-12
    assert verification(c).eer <= 0.5 + 1e-12
    roc = verification(c)
    assert (np.diff(roc.fmr) >= 0).all() and (roc.tar >= roc.fmr - 1e-12).all()
    assert roc.tar[-1] == EXACT(1) and roc.fmr[-1] == EXACT(1)


@given(covariates(), covariates())
@settings(max_examples=20, deadline=None)
def test_another_covariate_never_harms(c, d):
    assume(matching(c, 3) < 1)
    assert matching(product([c, d]), 3) >= matching(c, 3) - 1e-9
    assert np.allclose(product([c, d]).ratio, np.kron(c.ratio, d.ratio))


def test_posteriors_that_are_labels_give_the_labels_ratio():
    c = uniform(4)
    assert soft_ratio(c.prior, np.eye(4)[1], np.eye(4)) == EXACT(c.ratio[1])


# narrowing


def test_narrowing_keeps_what_it_says():
    sex = covariate(HALF, symmetric(2, 0.97))
    kind = covariate(np.full(5, 0.2), symmetric(5, 0.8))
    c = product([sex, kind])
    found = narrow(c, 0.99)
    assert found.recall >= 0.99 and found.share < 0.95
    rng = np.random.default_rng(0)
    _, a, b = draw(c, rng, 200_000, 2)
    assert found.keep[a, b[:, 0]].mean() == EXACT(found.recall, abs=0.001)
    assert found.keep[a, b[:, 1]].mean() == EXACT(found.share, abs=0.005)
    assert narrow(c, 1.0).recall == EXACT(1)


def test_a_narrowed_search_finds_the_best_of_what_is_kept():
    rng = np.random.default_rng(1)
    labels, templates = rng.integers(0, 6, 500), rng.normal(size=(500, 8)).astype(np.float32)
    buckets, keep = Buckets(labels, 6), np.array([1, 1, 0, 0, 1, 0], bool)
    runs = buckets.runs(keep)
    assert len(runs) == 2 and sum(j - i for i, j in runs) == keep[labels].sum()
    at, score = search(templates[buckets.order], runs, templates[0])
    wanted = np.where(keep[labels], templates @ templates[0], -np.inf)
    assert buckets.order[at] == wanted.argmax() and score == EXACT(wanted.max(), rel=1e-6)
    assert search(templates, buckets.runs(np.zeros(6, bool)), templates[0])[0] == -1


# the command and what it refuses


@pytest.mark.parametrize(
    ("prior", "probe"),
    [([1.0], [[1.0]]), ([0.5, 0.6], np.eye(2)), (HALF, [[1, 0]]), (HALF, [[0.9, 0.2], [0, 1]]),
     (HALF, [[1.5, -0.5], [0, 1]]), ([np.nan, 1], np.eye(2))],
)  # fmt: skip
def test_what_is_no_covariate_is_told(prior, probe):
    with pytest.raises(ConfigError):
        covariate(prior, probe)


def run(*argv):
    parser = argparse.ArgumentParser()
    covariates_command.add_parser(parser.add_subparsers())
    args = parser.parse_args(["covariates", *argv])
    return args.command(args)


def test_the_command(tmp_path: Path, capsys):
    picture, figures = tmp_path / "c.png", tmp_path / "c.json"
    code = run(
        "--prior", "0.5,0.5", "--confusion", "0.9748,0.0252;0.0252,0.9748",
        "--gallery-confusion", "0.9922", "--picture", str(picture), "--json", str(figures),
        "--gallery", "2000",
    )  # fmt: skip
    assert code == 0
    said, saved = capsys.readouterr().out, json.loads(figures.read_text())
    assert saved["matching"]["2"] == EXACT(0.7337, abs=5e-5) and "73.37%" in said
    assert saved["eer"] == EXACT(0.3407, abs=5e-5)
    assert saved["narrowed"]["recall"] >= 0.99 and saved["search"]["people"] == 2000
    assert picture.read_bytes()[:4] == b"\x89PNG" and picture.stat().st_size > 10_000


def test_bands_are_mistaken_for_their_neighbours_alone(tmp_path, capsys):
    bands = adjacent(4, 0.6)
    assert bands.sum(1) == EXACT(1) and bands[0].tolist() == EXACT([0.6, 0.4, 0, 0])
    assert bands[2].tolist() == EXACT([0, 0.2, 0.6, 0.2])
    prior = "0.25,0.25,0.25,0.25"
    run("--prior", prior, "--confusion", "0.6 adjacent", "--picture", str(tmp_path / "a.png"))
    best = matching(covariate([0.25] * 4, bands), 2)
    assert f"{100 * best:.2f}%" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["1,x", "", "0.5", "2"])
def test_the_command_tells_what_is_wrong(text):
    with pytest.raises(ConfigError):
        run("--prior", text, "--confusion", "0.9")
