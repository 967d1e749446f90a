"""A process killed while it enrolls loses nobody whom it said were enrolled, and breaks nothing."""

import contextlib
import multiprocessing
import random
import time

import pytest

from engine.verify.gallery import Gallery
from engine.verify.protect import make_key
from tests.wire.enroll_until_killed import Net, enroll, face

KILLS = 50
PROCESSES = multiprocessing.get_context("forkserver")  # what it imports, it imports once
PROCESSES.set_forkserver_preload(["tests.wire.enroll_until_killed"])


def test_killed_fifty_times(tmp_path):
    where, key = tmp_path / "people.db", tmp_path / "keys" / "k"
    make_key(key)
    kept, gone, open_, chance = set(), set(), set(), random.Random(1)
    for round_ in range(KILLS):
        # Some are killed while the gallery is made, most while somebody is being written.
        said = killed_after(where, key, round_ * 10_000, chance.choice([0, 1, 2, 3, 5, 9]), chance)
        kept |= {n for what, n in said if what == "enrolled"}
        gone |= {n for what, n in said if what == "removed"}
        open_ |= {n for what, n in said if what == "removing"} - gone  # may be there or not
        if where.exists():
            gallery = Gallery.open(where, Net(), key)
            names = {p.name for p in gallery.people()}
            lost = {n for n in kept - gone - open_ if f"person {n}" not in names}
            assert not lost, f"after kill {round_}"
            assert not {n for n in gone if f"person {n}" in names}
            gallery.close()
    assert len(kept) > KILLS
    for number in list(kept - gone - open_)[::7]:
        gallery = Gallery.open(where, Net(), key)
        assert gallery.nearest(face(number)[0], 1)[0] == (
            f"person {number}", pytest.approx(1, abs=1e-5),
        )  # fmt: skip
        gallery.close()
    print(f"{KILLS} kills, {len(kept - gone)} enrolled, {len(gone)} removed, none lost")


def killed_after(where, key, first, lines, chance):
    """What a process said before it was killed, a moment after its n-th word."""
    ours, theirs = PROCESSES.Pipe(duplex=False)
    process = PROCESSES.Process(target=enroll, args=(where, key, first, theirs))
    process.start()
    theirs.close()
    said = [ours.recv() for _ in range(lines)]
    time.sleep(chance.uniform(0, 0.03))
    process.kill()
    process.join()
    with contextlib.suppress(EOFError):
        while True:
            said.append(ours.recv())
    process.close()
    ours.close()
    return said
