"""People who talk, and attacks made of their videos; blocks of them, and windows of blocks.

Each attack keeps the blocks' own pictures or sound and changes the other:

still    a photo of the person, held in a hand, and the person's own sound
muted    the person's video, and another person's sound
swapped  the person's video, and the person's sound of another moment
delayed  the person's video, and its own sound 0.32 to 1 s later
replay   the person's video with its own sound, seen through a second camera's noise

A window is some blocks of one person, drawn without putting back (but for photos, of which any
stretch is like the others); what lies across a join is in no block. Of one window the delay is one
and the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.types import Floats
from engine.verify.lips import MEL_ROWS, ROWS, Block, is_spoken
from engine.verify.synchrony import Sums
from training.synchrony.take import Take

STOPPED = ("still", "muted", "swapped", "delayed")  # attacks that this is made to stop
ATTACKS = (*STOPPED, "replay")
DELAYS = (8, 11, 15, 20, 25)  # rows of 40 ms
AGAIN = 0.4  # of a channel's usual spread: noise of a second camera

Judge = Callable[[Block, bool], Sums]


@dataclass(frozen=True, slots=True)
class Person:
    """All blocks of one person, and those of each attack; delays are attacks of their own."""

    name: str
    group: str
    bona_fide: list[Sums]
    attacks: dict[str, list[Sums]]  # "delayed 8" and so on


def people(
    group: str, takes: Sequence[Take], photos: Sequence[Take], strangers: Sequence[Take],
    judge: Judge, seed: int = 0,
) -> list[Person]:  # fmt: skip
    """Everybody in `takes`; `strangers` lend their voices."""
    names = sorted({take.person for take in takes})
    return [
        _person(group, name, [t for t in takes if t.person == name],
                [t for t in photos if t.person == name],
                [t for t in strangers if t.person != name], judge, np.random.default_rng(seed))
        for name in names
    ]  # fmt: skip


def _person(
    group: str, name: str, takes: Sequence[Take], photos: Sequence[Take],
    strangers: Sequence[Take], judge: Judge, rng: np.random.Generator,
) -> Person:  # fmt: skip
    own = [(k, piece) for k, take in enumerate(takes) for piece in take.pieces()]
    pieces = [piece for _, piece in own]
    voices = [piece for take in strangers for piece in take.pieces()]
    usual = np.stack([take.lips.std(0) for take in takes]).mean(0)
    attacks = {"still": [piece for photo in photos for piece in photo.pieces()]}
    attacks["muted"] = [_with(p, voices[int(rng.integers(len(voices)))]) for p in pieces] * bool(
        voices
    )
    others = [[p for j, p in own if j != k] for k, _ in own]
    attacks["swapped"] = [_with(p, theirs[int(rng.integers(len(theirs)))])
                          for p, theirs in zip(pieces, others, strict=True) if theirs]  # fmt: skip
    for delay in DELAYS:
        late = [_late(take, delay) for take in takes]
        attacks[f"delayed {delay}"] = [piece for take in late for piece in take.pieces()]
    attacks["replay"] = [_seen_again(p, usual, rng) for p in pieces]
    made = {attack: [_sums(p, judge) for p in theirs] for attack, theirs in attacks.items()}
    return Person(name, group, [_sums(p, judge) for p in pieces], made)


def _with(one: Take, voice: Take) -> Take:
    return replace(one, mel=voice.mel, foretold=voice.foretold, samples=voice.samples)


def _late(take: Take, delay: int) -> Take:
    """Its own sound `delay` rows later; before it begins, its first moments backwards."""
    row = len(take.samples) // len(take)
    fine, samples = MEL_ROWS * delay, row * delay

    def shift(values: Floats, by: int) -> Floats:
        return np.concatenate([values[:by][::-1], values[:-by]])

    return replace(
        take, mel=shift(take.mel, fine), samples=shift(take.samples, samples),
        foretold=shift(take.foretold, delay),
    )  # fmt: skip


def _seen_again(one: Take, usual: Floats, rng: np.random.Generator) -> Take:
    noise = rng.normal(0, AGAIN, one.lips.shape) * usual
    return replace(one, lips=(one.lips + noise).astype(np.float32))


def _sums(one: Take, judge: Judge) -> Sums:
    assert len(one) == ROWS
    block = Block(0.0, one.lips, one.foretold, one.mel, one.head, one.face)
    return judge(block, is_spoken(one.samples))


def windows(
    person: Person, attack: str, blocks: int, count: int, rng: np.random.Generator
) -> list[Sums]:
    """`count` windows of so many blocks; none where there are too few of them."""
    kinds = [person.attacks[k] for k in person.attacks if k.split()[0] == attack]
    again = attack == "still"
    pools = [pool for pool in kinds if len(pool) >= (1 if again else blocks)]
    if attack == "":
        pools = [person.bona_fide] if len(person.bona_fide) >= blocks else []
    made = []
    for _ in range(count if pools else 0):
        pool = pools[int(rng.integers(len(pools)))]
        chosen = rng.choice(len(pool), blocks, replace=again)
        made.append(sum((pool[int(k)] for k in chosen), Sums.none()))
    return made
