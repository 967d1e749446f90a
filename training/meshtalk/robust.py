"""What the lips do when the sound is not clean speech: babble, gain, silence, music."""

from collections.abc import Sequence

import numpy as np

from engine.types import Floats
from training import audio
from training.data.voices import RATE

from . import measure
from .recorded import Held, Values, truth_of
from .ruler import Ruler
from .speakers import Speaker

BABBLE_DB, VOICES = 10.0, 4
SILENCE = 60.0  # seconds


def babble(clips: Sequence[Held], own: int, length: int) -> Floats:
    """Other clips' sound laid over one another (length,)."""
    mixed = np.zeros(length, np.float32)
    for i in range(1, min(VOICES, len(clips) - 1) + 1):
        other = clips[(own + i) % len(clips)].clip.samples
        loud = float(np.sqrt(np.mean(np.square(other)))) + 1e-6
        mixed += np.resize(other, length) / loud
    return mixed


def spoilt(clips: Sequence[Held], own: int) -> dict[str, Floats]:
    """A clip's sound, clean and spoilt, by name."""
    clean = clips[own].clip.samples
    sounds = {"clean": clean}
    if len(clips) > 1:
        sounds["babble 10 dB"] = audio.add_noise(clean, babble(clips, own, len(clean)), BABBLE_DB)
    return sounds | {
        "20 dB louder": clean * np.float32(10),
        "20 dB quieter": clean * np.float32(0.1),
    }


def robustness(ruler: Ruler, speaker: Speaker, clips: Sequence[Held]) -> Values:
    """Mean correlation of the opening with the recorded one, clean, and as shares of clean."""
    fits: dict[str, list[float]] = {}
    for own, held in enumerate(clips):
        clip = held.clip
        person = ruler.head.person(clip.identity)
        wanted = ruler.openings(truth_of(ruler, clip, clip.weights))
        for name, sound in spoilt(clips, own).items():
            made = ruler.openings(speaker.speak(sound, person, len(clip.weights), None))
            fits.setdefault(name, []).append(measure.correlation(made, wanted))
    mean = {name: float(np.mean(values)) for name, values in fits.items()}
    clean = mean.pop("clean")
    found = {"clean correlation": clean}
    return found | {f"{name} / clean": value / max(clean, 1e-6) for name, value in mean.items()}


def quiet_and_music(ruler: Ruler, speaker: Speaker, clips: Sequence[Held]) -> Values:
    """Opening and blinks in a minute of silence; how much music opens the mouth."""
    head = ruler.head
    person, frames = head.neutral, round(SILENCE * 30)
    silent = speaker.speak(np.zeros(round(SILENCE * RATE), np.float32), person, frames, 0)
    opening = ruler.openings(silent)
    spoken = [
        ruler.openings(speaker.speak(h.clip.samples, person, len(h.clip.weights), 0)).std()
        for h in clips
    ]
    tune = music(20.0)
    played = ruler.openings(speaker.speak(tune, person, 600, 0)).std()
    return {
        "silence opening / aa": float(opening.mean() / measure.aa(head, person)),
        "silence worst opening / aa": float(opening.max() / measure.aa(head, person)),
        "silence blinks a minute": ruler.blinks(person, silent) / (SILENCE / 60),
        "music motion / speech": float(played / max(float(np.mean(spoken)), 1e-6)),
    }


def music(seconds: float, seed: int = 0) -> Floats:
    """Chords of four plucked notes every half second over drums, at about -20 dB."""
    rng = np.random.default_rng(seed)
    out = np.zeros(round(seconds * RATE), np.float32)
    for beat in range(int(seconds * 2)):
        start = beat * RATE // 2
        root = 110 * 2 ** ((0, 5, 7, 3)[beat // 4 % 4] / 12)
        for step in (0, 4, 7, 12):
            _add(out, start, _pluck(root * 2 ** (step / 12)))
        _add(out, start, _drum(beat, rng))
    return out * np.float32(0.1 / np.sqrt(np.mean(out**2)))


def _pluck(hertz: float) -> Floats:
    t = np.arange(RATE // 2) / RATE
    tone = np.sum([np.sin(2 * np.pi * hertz * k * t) / k for k in range(1, 6)], axis=0)
    return np.asarray(tone * np.exp(-5 * t), np.float32)


def _drum(beat: int, rng: np.random.Generator) -> Floats:
    """A bass drum on even beats, a snare on odd ones."""
    t = np.arange(RATE // 5) / RATE
    if beat % 2:
        return np.asarray(1.5 * rng.standard_normal(len(t)) * np.exp(-25 * t), np.float32)
    return np.asarray(4 * np.sin(2 * np.pi * 60 * t) * np.exp(-18 * t), np.float32)


def _add(out: Floats, start: int, part: Floats) -> None:
    end = min(len(out), start + len(part))
    out[start:end] += part[: end - start]
