"""Speakers against clips of a data set that nothing was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from engine.types import Floats
from training.data import sentences, store
from training.data.clips import FPS, Clip

from . import measure
from .ruler import LAGS, TRUSTED, Ruler, lag_of, phone_counts, shifted
from .speakers import Speaker

SAMPLES = 5  # seeds
PHONES = ("closure", "quintile", "touch", "vowels")
Values = dict[str, float]


@dataclass(frozen=True, slots=True)
class Held:
    """A clip that was held out, with its second fit where the data set has one."""

    name: str
    clip: Clip
    refit: Floats | None  # (n, 52) the same video fitted again: the noise of the truth


def held_out(folder: Path, most: int) -> list[Held]:
    """The clips that dataset.json lists as `held_out`; else those of held-out sentences; else all.

    At most `most`, evenly taken.
    """
    names = store.names(folder)
    listed = store.read_page(folder).get("held_out")
    if listed is None:
        listed = [n for n in names if sentences.held_out(store.load(folder / f"{n}.npz").text)]
    found = [n for n in names if n in set(listed)] or names
    places = np.unique(np.linspace(0, len(found) - 1, min(most, len(found))).round().astype(int))
    return [_read(folder, found[i]) for i in places]


def _read(folder: Path, name: str) -> Held:
    file = folder / f"{name}.npz"
    with np.load(file) as saved:
        refit = saved["refit"].astype(np.float32) if "refit" in saved.files else None
    return Held(name, store.load(file), refit)


def truth_of(ruler: Ruler, clip: Clip, weights: Floats) -> Floats:
    """The recorded faces (n, v, 3)."""
    person = ruler.head.person(clip.identity)
    return np.stack([ruler.head.pose(person, w) for w in weights])


def clip_values(ruler: Ruler, speaker: Speaker, held: Held, samples: int) -> Values:
    """One clip's figures; keys that end in made, asked, chance, blinks and minutes are sums."""
    clip = held.clip
    person, n = ruler.head.person(clip.identity), len(clip.weights)
    truth = truth_of(ruler, clip, clip.weights)
    likely = speaker.speak(clip.samples, person, n, None)
    drawn = [likely]
    if speaker.draws:
        drawn = [speaker.speak(clip.samples, person, n, seed) for seed in range(samples)]
    return {
        **errors(ruler, likely, truth, clip, "likely"),
        **sampled_errors(ruler, drawn, truth, clip),
        **follows(ruler, likely, truth, clip),
        **phone_counts(ruler, person, likely, clip),
        **alive(ruler, person, drawn[0]),
        **spread(ruler, np.stack(drawn) if speaker.draws else None),
    }


def spread(ruler: Ruler, drawn: Floats | None) -> Values:
    """Variance over seeds against own motion, lips and upper face."""
    if drawn is None:
        return {}
    lips, upper = (ruler.variance(drawn, region) for region in ("lips", "upper"))
    return {"seeds lips": lips, "seeds upper": upper}


def alive(ruler: Ruler, person: Floats, faces: Floats) -> Values:
    return {
        "blinks": ruler.blinks(person, faces), "minutes": len(faces) / FPS / 60,
        "jerk m/s3": ruler.jerk(faces),
    }  # fmt: skip


def errors(ruler: Ruler, made: Floats, truth: Floats, clip: Clip, name: str) -> Values:
    """Means over the frames that are believed, in mm; nan where there are none."""
    mouth, upper = clip.mouth >= TRUSTED, clip.upper >= TRUSTED
    return {
        f"lip error {name} mm": _mean(ruler.lip_error(made, truth, False)[mouth]),
        f"lip error centred {name} mm": _mean(ruler.lip_error(made, truth, True)[mouth]),
        f"upper error {name} mm": _mean(ruler.upper_error(made, truth)[upper]),
    }


def sampled_errors(ruler: Ruler, drawn: Sequence[Floats], truth: Floats, clip: Clip) -> Values:
    """The mean of the samples' errors, and the error of the samples' mean."""
    each = [errors(ruler, faces, truth, clip, "sampled") for faces in drawn]
    mean = {key: _mean(np.array([e[key] for e in each])) for key in each[0]}
    return mean | errors(ruler, np.mean(drawn, axis=0), truth, clip, "of mean")


def follows(ruler: Ruler, made: Floats, truth: Floats, clip: Clip) -> Values:
    """How the mouth's opening goes with the recorded one."""
    if (clip.mouth >= TRUSTED).sum() < 15:
        return {}
    one, two = ruler.openings(made), ruler.openings(truth)
    lag = lag_of(one, two)
    believed = clip.mouth >= TRUSTED
    return {
        "correlation": measure.correlation(one[believed], two[believed]),
        "lag frames": lag, "correlation at lag": shifted(one, two, lag),
        "openness": float(one.std() / max(two.std(), 1e-6)),
    }  # fmt: skip


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


class Recording:
    """The truth itself as a speaker: the video's own figures, and its noise against the refit."""

    def values(self, ruler: Ruler, held: Held) -> Values:
        clip = held.clip
        person, truth = ruler.head.person(clip.identity), truth_of(ruler, clip, clip.weights)
        found = phone_counts(ruler, person, truth, clip) | alive(ruler, person, truth)
        if held.refit is not None:
            again = truth_of(ruler, clip, held.refit)
            found |= errors(ruler, again, truth, clip, "likely") | follows(
                ruler, again, truth, clip
            )
        return found


def summary(clips: Sequence[Values]) -> Values:
    """Means over clips; shares of phones and blinks a minute from their sums."""
    keys = list(dict.fromkeys(key for c in clips for key in c))
    sums = {key: float(np.nansum([c.get(key, 0.0) for c in clips])) for key in keys}
    found: Values = {"clips": len(clips)}
    for key in keys:
        if not key.endswith((" made", " asked", " chance")) and key not in ("blinks", "minutes"):
            values = np.array([c[key] for c in clips if key in c])
            if not np.isnan(values).all():
                found[key] = float(np.nanmean(values))
    for name in PHONES:
        if asked := sums.get(f"{name} asked", 0):
            found[name] = sums[f"{name} made"] / asked
            found[f"{name} by chance"] = sums[f"{name} chance"] / asked
            found[f"{name} n"] = asked
    if sums.get("minutes"):
        found["blinks a minute"] = sums["blinks"] / sums["minutes"]
    if "seeds lips" in found:
        found["seeds upper over lips"] = found["seeds upper"] / max(found["seeds lips"], 1e-9)
    return found


def against(
    ruler: Ruler, speakers: dict[str, Speaker], clips: Sequence[Held], samples: int = SAMPLES
) -> dict[str, list[Values]]:
    """Each speaker's figures clip by clip, the recording's own among them."""
    found: dict[str, list[Values]] = {"recording": [Recording().values(ruler, c) for c in clips]}
    for name, speaker in speakers.items():
        bar = tqdm(clips, name, leave=False)
        found[name] = [clip_values(ruler, speaker, held, samples) for held in bar]
    return found


def others(ruler: Ruler, speaker: Speaker, clips: Sequence[Held], rounds: int = 2000) -> Values:
    """Median correlation of the opening once each source's own offset is removed, with 95 %
    intervals by resampling people and by resampling sources (Clip.voice names the source)."""
    pairs = []
    for held in clips:
        person = ruler.head.person(held.clip.identity)
        made = speaker.speak(held.clip.samples, person, len(held.clip.weights), None)
        wanted = truth_of(ruler, held.clip, held.clip.weights)
        pairs.append((ruler.openings(made), ruler.openings(wanted)))
    sources = [held.clip.voice for held in clips]
    fits = corrected(pairs, sources)
    found = {"median correlation": float(np.median(fits)), "clips": len(fits),
             "raw median": float(np.median([shifted(a, b, 0) for a, b in pairs]))}  # fmt: skip
    for name, groups in (("people", [h.clip.person for h in clips]), ("sources", sources)):
        low, high = interval(fits, groups, rounds)
        found |= {f"low by {name}": low, f"high by {name}": high, name: len(set(groups))}
    return found


def corrected(pairs: Sequence[tuple[Floats, Floats]], sources: Sequence[str]) -> Floats:
    """Each clip's correlation at the lag that fits the other clips of its source best, so that no
    clip chooses its own; a source's only clip stays as it is."""
    lags = np.array([[shifted(a, b, d) for d in LAGS] for a, b in pairs])
    names = np.array(sources)
    fits = []
    for k, row in enumerate(lags):
        fellows = lags[(names == names[k]) & (np.arange(len(names)) != k)]
        best = int(np.argmax(fellows.mean(0))) if len(fellows) else LAGS.index(0)
        fits.append(row[best])
    return np.array(fits, np.float32)


def interval(values: Floats, groups: Sequence[str], rounds: int) -> tuple[float, float]:
    """95 % interval of the median when groups, and then values within them, are drawn anew."""
    rng = np.random.default_rng(0)
    members = [values[[g == h for h in groups]] for g in sorted(set(groups))]
    medians = []
    for _ in range(rounds):
        drawn = [members[i] for i in rng.integers(0, len(members), len(members))]
        medians.append(np.median(np.concatenate([rng.choice(m, len(m)) for m in drawn])))
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
