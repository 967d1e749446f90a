"""The doctor says what is wrong and what to do, and never falls over itself."""

import socket

from engine import doctor
from engine.doctor import Finding
from engine.errors import DeviceError


def broken():
    raise DeviceError("PortAudio is missing: install it")


def test_an_error_becomes_a_line_that_says_what_to_do():
    (finding,) = doctor.examine((broken,))
    assert finding == Finding("broken", "bad", "not usable", "PortAudio is missing: install it")
    assert "BAD" in doctor.report(finding, colour=False)
    assert "install it" in doctor.report(finding, colour=False)


def test_a_busy_port_is_found_out():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        number = taken.getsockname()[1]
        assert doctor.port(number).verdict == "bad"
    assert doctor.port(number).verdict == "good"
