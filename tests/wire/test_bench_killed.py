"""A bench behind a bad line that is ended half way: its network goes with it, or with the next."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from engine.bench.yard import why_no_wires, wires
from engine.errors import DeliveryError


def why_not():
    if reason := why_no_wires():
        return reason
    alone = subprocess.run(("unshare", "-n", "true"), capture_output=True, check=False)
    return "no network namespaces here: run it in a privileged container" * bool(alone.returncode)


pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())
LEFT = Path("/run/netns/likeness-1"), Path("/sys/class/net/lk1")


def gone():
    return not any(place.exists() for place in LEFT)


@contextmanager
def bench():
    """`engine.bench crowd` from the moment that its network is there."""
    with wires(1):  # what was there before this test goes
        pass
    command = (sys.executable, "-m", "engine.bench", "crowd")
    run = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        limit = time.monotonic() + 60
        while not (all(p.exists() for p in LEFT) and Path("/sys/class/net/lk2").exists()):
            assert run.poll() is None and time.monotonic() < limit, "it made no network"
            time.sleep(0.05)
        yield run
    finally:
        with suppress(ProcessLookupError):
            os.killpg(run.pid, signal.SIGKILL)  # and the session that it measures
        run.communicate()


def test_asked_to_end_it_takes_its_network_away():
    with bench() as run:
        run.terminate()
        said = run.communicate(timeout=60)[1]
        assert run.returncode == 1 and said.splitlines()[-1] == "likeness: stopped"
        assert gone()


def test_what_a_killed_one_left_goes_when_the_next_begins():
    with bench() as run:
        with pytest.raises(DeliveryError, match="another bench"), wires(1):
            pass
        run.kill()
        run.wait()
        assert not gone()
        with wires(1) as (wire,):
            behind = subprocess.Popen((*wire.within, "sleep", "60"))
            assert all(place.exists() for place in LEFT)
            assert not Path("/sys/class/net/lk2").exists()
            time.sleep(0.3)
        assert gone() and behind.wait(10) == -signal.SIGKILL
