"""The command line: what it asks for, and what a person is told when it goes wrong."""

import asyncio
import io
import json
import logging
import tomllib
from pathlib import Path

import pytest

from engine import config, live, logs
from engine.errors import ConfigError, DeviceError
from engine.parts import LiveConfig
from engine.session import keep_inputs

ROOT = Path(__file__).parents[2]


def resolved(*words):
    return live.resolve(live.parser().parse_args(words))


def test_flags_stand_over_the_file_and_set_over_both(tmp_path):
    file = tmp_path / "my.toml"
    file.write_text("seed = 1\n[render]\nsize = '320x240'\nfps = 20\n")
    got = resolved("--config", str(file), "--fps", "25", "--seed", "2", "--set", "seed=3")
    assert (got.render.size, got.render.fps, got.seed) == ("320x240", 25, 3)
    assert resolved("--no-serve").serve is False
    assert resolved("--tls", "a.pem", "b.pem").deliver.tls == ("a.pem", "b.pem")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--provider", "tpu"), "--provider: 'provider' should be one of 'auto', 'cpu', 'cuda'"),
        (("--set", "render.siez=3"), "unknown key 'render.siez'"),
        (("--config", "/none.toml"), "cannot read the configuration /none.toml"),
    ],
)
def test_a_wrong_request_names_what_was_wrong(words, told):
    with pytest.raises(ConfigError) as error:
        resolved(*words)
    assert told in str(error.value)


@pytest.mark.parametrize("sense", ["audio", "video"])
def test_what_is_read_is_never_written_over(sense, tmp_path):
    file = tmp_path / "in.mp4"
    config = resolved(f"--{sense}", str(file), "--record", f"{tmp_path}/./in.mp4")
    with pytest.raises(ConfigError, match="--record .* choose another name"):
        keep_inputs(config)


@pytest.mark.parametrize("words", [("--fps", "many"), ("--nonsense",), ("--port",)])
def test_a_wrong_flag_is_one_line_and_exit_code_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        live.parser().parse_args(words)
    assert ended.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_first_cause_is_told_out_of_a_bundle(capsys):
    bundle = BaseExceptionGroup(
        "tasks", [asyncio.CancelledError(), ExceptionGroup("x", [DeviceError("no microphone")])]
    )
    assert live.complain(bundle, verbose=False) == 1
    assert capsys.readouterr().err == "likeness: no microphone\n"
    assert live.complain(ConfigError("wrong"), verbose=False) == 2


def test_what_nobody_foresaw_is_one_line_too(capsys):
    assert live.complain(ZeroDivisionError("1 / 0"), verbose=False) == 1
    told = capsys.readouterr().err
    assert "ZeroDivisionError" in told and len(told.splitlines()) == 1


def test_log_lines_as_json_and_the_token_left_out(monkeypatch):
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonLines())
    log = logging.getLogger("likeness")
    monkeypatch.setattr(log, "handlers", [handler])
    monkeypatch.setattr(log, "level", logging.INFO)
    live.speaker("json")("open https://host:8080/#token=secretsecretsecret")
    assert live.complain(DeviceError("no\nmicrophone"), False, "json") == 1
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert first["message"] == "open https://host:8080/" and first["level"] == "info"
    assert (second["message"], second["level"]) == ("no microphone", "error")
    assert set(first) == {"time", "level", "logger", "message"} and first["time"][-1] == "Z"


def test_live_toml_shows_every_key_with_its_default():
    file = ROOT / "configs/live.toml"
    assert config.load(LiveConfig, file) == LiveConfig()
    assert _keys(tomllib.loads(file.read_text())) == _keys(_plain(LiveConfig()))


def _plain(made):
    return config.as_dict(made)


def _keys(table, prefix=""):
    found = set()
    for key, value in table.items():
        nested = isinstance(value, dict)
        found |= _keys(value, f"{prefix}{key}.") if nested else {prefix + key}
    return found


@pytest.mark.parametrize("file", sorted((ROOT / "configs").glob("*.toml")), ids=lambda f: f.name)
def test_every_shipped_configuration_loads(file):
    config.load(LiveConfig, file)
