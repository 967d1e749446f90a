"""The doctor says what is wrong and what to do, and never falls over itself."""

import socket
from functools import partial

from engine import doctor
from engine.deliver import DeliverConfig, MqttConfig
from engine.doctor import Finding
from engine.errors import DeviceError
from engine.parts import LiveConfig


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


def test_the_doctor_looks_at_the_port_and_broker_that_the_session_would_use():
    config = LiveConfig(deliver=DeliverConfig(port=9191), mqtt=MqttConfig(broker="embedded"))
    checks = doctor.checks_of(config, "turn:host:3478")
    port, broker, turn = (checks[k] for k in (doctor.CHECKS.index(doctor.port), -2, -1))
    assert port.args == (9191,) and "embedded" in broker().found
    assert turn.args == ("turn:host:3478",) and len(checks) == len(doctor.CHECKS) + 2
    (finding,) = doctor.examine((partial(broken),))
    assert finding.about == "broken"
