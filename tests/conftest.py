"""Shared fixtures."""

import pytest

from engine.errors import DeviceError


@pytest.fixture(scope="session")
def synthesisers() -> None:
    """Skips where flite or espeak-ng is not installed."""
    from training.data.voices import HELD_OUT  # here, for most tests need no synthesiser

    try:
        for voice in HELD_OUT:
            voice.say("a")
    except DeviceError as e:
        pytest.skip(str(e))
