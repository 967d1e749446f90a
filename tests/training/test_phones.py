"""Phones heard in speech whose phones are known, and recordings made into clips with them."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from engine.errors import ConfigError
from engine.types import Floats
from training.data import align, recordings, store
from training.data.phones import BILABIAL, PAUSE, VOWELS
from training.data.voices import RATE, Phone, Utterance, Voice
from training.speech import prepare

TEXT = "my brother put a big paper box behind the bed"
OTHER = "three cheeky sheep were chasing seagulls across the icy lake today"


@pytest.fixture(scope="module")
def said(synthesisers: None) -> Utterance:
    return Voice("flite", "rms", "m").say(TEXT)


def bilabials(phones: tuple[Phone, ...]) -> list[Phone]:
    return [p for p in phones if p.name in BILABIAL]


def overlap(a: Phone, others: list[Phone], slack: float = 0.03) -> bool:
    return any(o.start - slack < a.end and a.start < o.end + slack for o in others)


def without_gaps(found: align.Decoded, seconds: float) -> bool:
    ends = [0.0, *(p.end for p in found.phones)]
    return ends[:-1] == [p.start for p in found.phones] and abs(ends[-1] - seconds) < 1e-6


def test_known_words_are_found_in_time(said: Utterance) -> None:
    found = align.align(said.samples, TEXT)
    assert found is not None and without_gaps(found, len(said.samples) / RATE)
    true, ours = bilabials(said.phones), bilabials(found.phones)
    assert len(ours) == len(true) == 9
    off = [abs(a.start - b.start) for a, b in zip(true, ours, strict=True)]
    assert np.median(off) < 0.04
    vowels = [[p for p in phones if p.name in VOWELS] for phones in (said.phones, found.phones)]
    assert len(vowels[0]) == len(vowels[1])
    assert np.median([abs(a.end - b.end) for a, b in zip(*vowels, strict=True)]) < 0.04
    assert align.spoken_share(found) > 0.7


def test_wrong_words_are_refused(said: Utterance) -> None:
    assert align.align(said.samples, OTHER) is None
    assert align.align(said.samples, "") is None


def test_unknown_words_are_heard(said: Utterance) -> None:
    found = align.decode(said.samples)
    assert without_gaps(found, len(said.samples) / RATE)
    true, ours = bilabials(said.phones), bilabials(found.phones)
    assert sum(overlap(p, ours) for p in true) >= 7, "of 9"
    assert sum(overlap(p, true) for p in ours) >= 0.7 * len(ours)


def test_silence_is_one_pause() -> None:
    silence = np.zeros(2 * RATE, np.float32)
    found = align.decode(silence)
    assert found.phones == (Phone(PAUSE, 0.0, 2.0),) and found.confidence.tolist() == [1.0]
    assert align.align(silence, TEXT) is None
    assert align.spoken_share(found) == 0


def test_trust_is_the_confidence_of_what_sounds() -> None:
    phones = (Phone("m", 0.0, 1.0), Phone("aa", 1.0, 2.0))
    found = align.trust(
        align.Decoded(phones, np.array([0.2, 0.8], np.float32)), np.array([-1, 0.5, 1.0, 1.5, 9])
    )
    assert found[[0, 1, 3, 4]] == pytest.approx([0.2, 0.2, 0.8, 0.8])
    assert 0.2 < found[2] < 0.8


def test_alignments_of_grid_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.align"
    file.write_text("0 25000 sil\n25000 30000 bin\n30000 50000 blue\n50000 60000 sil\n")
    text, words = align.read_align(file)
    assert text == "bin blue" and words[1] == align.Word("blue", 1.2, 2.0)
    file.write_text("0 what\n")
    with pytest.raises(ConfigError, match="not a word alignment"):
        align.read_align(file)


def tones(seconds: float, quiet: list[float]) -> Floats:
    """Noise with silences of 0.4 s around some moments."""
    t = np.arange(int(seconds * RATE)) / RATE
    sound = 0.1 * np.random.default_rng(0).standard_normal(len(t))
    for moment in quiet:
        sound[np.abs(t - moment) < 0.2] = 0
    return sound.astype(np.float32)


def test_long_recordings_are_cut_in_pauses() -> None:
    pauses = [9.5, 20.4]
    found = recordings.pieces(tones(31.0, pauses))
    assert len(found) == 3 and found[0][0] == 0 and found[-1][1] == 31.0
    assert [end for _, end in found[:-1]] == [start for start, _ in found[1:]]
    assert np.abs(np.array([end for _, end in found[:-1]]) - pauses).max() < 0.2
    assert recordings.pieces(tones(14.9, [7.0])) == [(0.0, 14.9)]


def test_splits_depend_on_the_name_alone() -> None:
    kept = [recordings.held_out(f"libri:{k}") for k in range(2000)]
    assert 0.15 < np.mean(kept) < 0.25
    assert kept[:50] == [recordings.held_out(f"libri:{k}") for k in range(50)]


def test_recordings_become_clips_and_bad_ones_are_named(
    said: Utterance, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus, out = tmp_path / "corpus", tmp_path / "out"
    corpus.mkdir()
    for voice in ("slt", "awb"):
        sound = Voice("flite", voice, "f").say("a man with a big map came home").samples
        soundfile.write(corpus / f"{voice}-1.wav", sound, RATE)
    soundfile.write(corpus / "rms-1.wav", said.samples, RATE)
    (corpus / "rms-1.txt").write_text(TEXT)
    soundfile.write(corpus / "quiet-1.wav", np.zeros(2 * RATE, np.float32), RATE)
    (corpus / "torn-1.wav").write_bytes(b"RIFF....")
    soundfile.write(corpus / "wrong-1.wav", said.samples, RATE)
    (corpus / "wrong-1.txt").write_text(OTHER)
    prepare.main([str(corpus), "--out", str(out), "--processes", "1"])
    page = store.read_page(out)
    assert sorted(page["train"] + page["held_out"]) == ["awb-1-00", "rms-1-00", "slt-1-00"]
    assert set(page["refused"]) == {"quiet-1.wav", "torn-1.wav", "wrong-1.wav"}
    assert "silent" in page["refused"]["quiet-1.wav"]
    assert "does not say" in page["refused"]["wrong-1.wav"]
    assert "3 recordings refused" in capsys.readouterr().out
    clip = store.load(out / "rms-1-00.npz")
    assert clip.person == "corpus:rms" and clip.text == TEXT
    assert (clip.mouth >= 0).all() and (clip.mouth <= 1).all() and clip.mouth.mean() > 0.6
    assert len(bilabials(clip.phones)) == 9 and len(clip.weights) == len(clip.mouth)


def test_a_folder_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not a folder"):
        prepare.main([str(tmp_path / "no"), "--out", str(tmp_path)])
    with pytest.raises(ConfigError, match="no recordings"):
        prepare.main([str(tmp_path), "--out", str(tmp_path / "out")])
