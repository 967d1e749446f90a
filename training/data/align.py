"""Phones of real speech: forced alignment of a known text, or decoding where none is known.

Both by pocketsphinx with the American English models that it brings (Huggins-Daines et al. 2006).
Decoding listens twice: once for words and once for phones alone. Words that the phones bear out
are taken with their own phones, which are seldom wrong; elsewhere the phones alone are taken.
What both hear is trusted most. Other languages than English are decoded as the nearest English
phones, by the second way mostly, and trusted accordingly.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pocketsphinx
from numpy.typing import NDArray

from engine.errors import ConfigError, DeviceError
from engine.types import Floats

from .phones import BILABIAL, LABIODENTAL, PAUSE, VOWELS
from .voices import RATE, Phone, Voice

_FRAMES = 100  # of pocketsphinx, a second
_LEAD = 0.2  # seconds of faint noise put before and after: the models begin and end in silence
_QUIET = 10.0  # of a decoder's integers (of 32768): the size of that noise
_FITS = -30.0  # acoustic score a frame: right texts score about -18, wrong ones below -33
_SOFT = 4.0  # of that score: from sure to unsure
_BORNE_OUT = 0.5  # share of a word's phones that must be heard without the word as well

# How far each kind is believed. Right in kind on flite and on GRID (30 and 29 clips, python -m
# training.evaluate speech --grid DIR): heard both ways 0.98 and 0.76, in a word only 0.68 and 0.24,
# alone 0.84 and 0.60, alone and short 0.89 and 0.35.
_BOTH, _WORD, _ALONE, _ALONE_SHORT = 1.0, 0.3, 0.5, 0.25
_SHORT = 0.045  # seconds: the phone loop's shortest phones are mostly inserted


@dataclass(frozen=True, slots=True)
class Decoded:
    """Phones without gaps from 0 to the end of the sound, and how far each is to be believed."""

    phones: tuple[Phone, ...]
    confidence: Floats  # (phones,) in [0, 1]


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a transcript and when it is said, in seconds."""

    text: str
    start: float
    end: float


def align(samples: Floats, text: str) -> Decoded | None:
    """When each phone of `text` is said in the 16 kHz sound; None where the text does not fit."""
    words = [_known(w) for w in _words(text)]
    if not words or _level(samples) < _SILENT:
        return None
    entries = _aligned(samples, " ".join(words))
    if entries is None:
        return None
    spoken = [e for e in entries if e.name not in _FILLERS]
    score = sum(e.score for e in spoken) / max(1, sum(e.frames for e in spoken))
    if not spoken or score < _FITS:
        return None
    sure = [
        1 / (1 + np.exp(-(e.score / max(e.frames, 1) - _FITS - _SOFT) / _SOFT)) for e in entries
    ]
    return _finished(entries, sure, samples)


def decode(samples: Floats) -> Decoded:
    """The phones of 16 kHz speech of unknown words; all one pause where there is no speech."""
    if _level(samples) < _SILENT:
        return _whole_pause(samples)
    alone = _segments(_loop(), samples)
    heard = [e.word for e in _run(_recogniser(), samples) if re.match(r"[a-z]", e.word)]
    words = _aligned(samples, " ".join(heard)) if heard else None
    entries, sure = _fused(alone, words or [])
    return _finished(entries, sure, samples) if entries else _whole_pause(samples)


def trust(decoded: Decoded, times: NDArray[np.float64], smooth: float = 0.06) -> Floats:
    """Confidence of the phones at `times` (n,), averaged over `smooth` seconds to either side."""
    starts = np.array([p.start for p in decoded.phones])
    around = times[:, None] + np.linspace(-smooth, smooth, 7)
    at = np.clip(np.searchsorted(starts, around, side="right") - 1, 0, len(starts) - 1)
    return decoded.confidence[at].mean(1).astype(np.float32)


def spoken_share(decoded: Decoded) -> float:
    """Mean confidence of all that is not a pause; 0 where nothing is said."""
    said = [(p.end - p.start, c) for p, c in zip(decoded.phones, decoded.confidence, strict=True)
            if p.name != PAUSE]  # fmt: skip
    total = sum(length for length, _ in said)
    return float(sum(length * c for length, c in said) / total) if total else 0.0


def read_align(file: Path) -> tuple[str, list[Word]]:
    """GRID's .align file (lines "start end word" in 1/25000 s): the sentence, its words' times."""
    try:
        rows = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line]
        words = [Word(w, int(a) / 25_000, int(b) / 25_000) for a, b, w in rows]
    except (OSError, ValueError) as e:
        raise ConfigError(f"{file} is not a word alignment (lines 'start end word'): {e}") from e
    words = [w for w in words if w.text not in ("sil", "sp")]
    return " ".join(w.text for w in words), words


# --- pocketsphinx ------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class _Entry:
    """A phone as pocketsphinx names it, in its frames; frame 0 is at -_LEAD seconds."""

    name: str
    start: int
    frames: int
    score: float = 0.0  # log, of the whole entry

    @property
    def end(self) -> int:
        return self.start + self.frames


_FILLERS = frozenset(("SIL", "+NSN+", "+SPN+"))


@cache
def _aligner() -> Any:
    return pocketsphinx.Decoder(lm=None, silprob=0.1, loglevel="FATAL")


@cache
def _recogniser() -> Any:
    """One pass with narrow beams: half the time of the usual three, and hardly another word."""
    return pocketsphinx.Decoder(
        loglevel="FATAL", fwdflat=False, bestpath=False, beam=1e-40, pbeam=1e-40, wbeam=1e-25,
        maxhmmpf=4000, ds=2,
    )  # fmt: skip


@cache
def _loop() -> Any:
    model = pocketsphinx.get_model_path("en-us/en-us-phone.lm.bin")
    return pocketsphinx.Decoder(
        lm=None, allphone=model, lw=1.0, beam=1e-20, pbeam=1e-20, loglevel="FATAL"
    )


def _listen(decoder: Any, samples: Floats) -> None:
    """The whole sound as one utterance; RuntimeError where an alignment does not reach its end."""
    noise = np.random.default_rng(0).standard_normal((2, round(_LEAD * RATE))) * _QUIET
    sound = np.concatenate([noise[0], np.clip(samples, -1, 1) * 32767, noise[1]])
    decoder.start_utt()
    try:
        decoder.process_raw(np.rint(sound).astype(np.int16).tobytes(), False, True)
    finally:
        decoder.end_utt()


def _run(decoder: Any, samples: Floats) -> list[Any]:
    """pocketsphinx's segments of the sound; [] where no path reached the end."""
    _listen(decoder, samples)
    return list(decoder.seg() or ()) if decoder.hyp() is not None else []


def _segments(decoder: Any, samples: Floats) -> list[_Entry]:
    return [_Entry(s.word, s.start_frame, s.end_frame + 1 - s.start_frame)
            for s in _run(decoder, samples)]  # fmt: skip


def _aligned(samples: Floats, text: str) -> list[_Entry] | None:
    """Words first, then phones within them; None where the sound does not hold the text."""
    decoder = _aligner()
    try:
        decoder.set_align_text(text)
        if not _run(decoder, samples):
            return None
        decoder.set_alignment()
        _listen(decoder, samples)
    except RuntimeError:  # its way of saying that the last state was not reached
        return None
    return [_Entry(p.name, p.start, p.duration, p.score) for w in decoder.get_alignment()
            for p in w]  # fmt: skip


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)*", text.lower().replace("’", "'"))


def _known(word: str) -> str:
    """The word, with the pronunciation that flite gives it where the dictionary has none."""
    if _aligner().lookup_word(word) is None:
        said = [p.name for p in Voice("flite", "slt", "f").say(word).phones if p.name != PAUSE]
        if not said:
            raise DeviceError(f"nobody can say the word '{word}'; leave it out of the text")
        spelt = " ".join("AH" if p == "ax" else p.upper() for p in said)
        _aligner().add_word(word, spelt, True)
    return word


# --- what was heard twice ----------------------------------------------------------------------
def _fused(alone: Sequence[_Entry], words: Sequence[_Entry]) -> tuple[list[_Entry], list[float]]:
    """Stretches of words that the phone loop bears out, and the phone loop elsewhere."""
    if not words:
        return list(alone), [_alone(e) for e in alone]
    taken = [support >= _BORNE_OUT for support in _support(words, alone)]
    spans = [(e.start, e.end) for e, take in zip(words, taken, strict=True) if take]
    kept = [(e, _BOTH if _also(e, alone) else _WORD)
            for e, take in zip(words, taken, strict=True) if take]  # fmt: skip
    rest = [(piece, _alone(piece)) for e in alone for piece in _outside(e, spans)]
    both = sorted(kept + rest, key=lambda pair: pair[0].start)
    return [e for e, _ in both], [c for _, c in both]


def _alone(e: _Entry) -> float:
    return _ALONE_SHORT if e.frames < _SHORT * _FRAMES else _ALONE


def _support(words: Sequence[_Entry], alone: Sequence[_Entry]) -> list[float]:
    """For each phone: the share of the seven around it that are heard without words as well."""
    also = [_also(e, alone) for e in words]
    return [float(np.mean(also[max(0, i - 3) : i + 4])) for i in range(len(also))]


_LIKE = {**{v: "vowel" for v in VOWELS}, **{p: "lips" for p in BILABIAL},
         **{p: "teeth" for p in LABIODENTAL}}  # fmt: skip


def _also(e: _Entry, others: Iterable[_Entry]) -> bool:
    """Whether a phone that looks the same on the lips overlaps."""
    kind = _like(e.name)
    return any(_like(o.name) == kind and o.start < e.end and e.start < o.end for o in others)


def _like(name: str) -> str:
    return _LIKE.get(_ours(name), _ours(name))


def _outside(e: _Entry, spans: Sequence[tuple[int, int]]) -> list[_Entry]:
    """What is left of an entry outside of the spans (in order, not overlapping)."""
    edges = [e.start]
    for start, end in spans:
        if start < e.end and e.start < end:
            edges += [max(start, e.start), min(end, e.end)]
    edges.append(e.end)
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [replace(e, start=a, frames=b - a) for a, b in pairs if b - a > 2]


# --- from pocketsphinx's frames to phones ------------------------------------------------------
_SILENT = -60.0  # dB of full scale: nothing to hear
_FAINT = 18.0  # dB under the speech from which on a pause is surely one


def _finished(entries: Sequence[_Entry], sure: Sequence[float], samples: Floats) -> Decoded:
    """Gaps filled with pauses, neighbouring pauses joined, pauses trusted where it is quiet."""
    length = len(samples) / RATE
    phones: list[Phone] = []
    kept: list[float] = []
    for e, c in zip(entries, sure, strict=True):
        start, end = (float(np.clip(f / _FRAMES - _LEAD, 0, length)) for f in (e.start, e.end))
        if end > start:
            reached = phones[-1].end if phones else 0.0
            phones += [Phone(PAUSE, reached, start), Phone(_ours(e.name), start, end)]
            kept += [0.0, c]
    phones.append(Phone(PAUSE, phones[-1].end if phones else 0.0, length))
    phones, kept = _joined(phones, [*kept, 0.0])
    return Decoded(tuple(phones), _with_pauses(phones, kept, samples))


def _ours(name: str) -> str:
    return PAUSE if name in _FILLERS else name.lower()


def _joined(phones: list[Phone], sure: list[float]) -> tuple[list[Phone], list[float]]:
    """Neighbouring pauses as one, empty ones left out."""
    out: list[Phone] = []
    kept: list[float] = []
    for p, c in zip(phones, sure, strict=True):
        if out and p.name == PAUSE == out[-1].name:
            out[-1] = replace(out[-1], end=p.end)
        elif p.end > p.start:
            out.append(p)
            kept.append(c)
    return out, kept


def _with_pauses(phones: Sequence[Phone], sure: Sequence[float], samples: Floats) -> Floats:
    """Confidence with each pause's taken from how quiet it is: 1 at 18 dB under the speech."""
    levels = np.array([_level(samples[round(p.start * RATE) : round(p.end * RATE)])
                       for p in phones])  # fmt: skip
    pause = np.array([p.name == PAUSE for p in phones])
    speech = float(np.median(levels[~pause])) if not pause.all() else 0.0
    quiet = np.clip((speech - levels) / _FAINT, 0, 1)
    return np.where(pause, quiet, np.asarray(sure)).astype(np.float32)


def _level(samples: Floats) -> float:
    """Loudness in dB of full scale."""
    power = float(np.mean(samples.astype(np.float64) ** 2)) if len(samples) else 0.0
    return 10 * float(np.log10(power + 1e-12))


def _whole_pause(samples: Floats) -> Decoded:
    return Decoded((Phone(PAUSE, 0.0, len(samples) / RATE),), np.ones(1, np.float32))
