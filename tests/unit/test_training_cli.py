"""The training commands: wrong requests end in one line and the right exit code."""

from pathlib import Path

import pytest
import torch

from engine.errors import ConfigError, DeviceError
from training.fit import dispatch
from training.loop import pick_device
from training.meshtalk.steps import saved_config


@pytest.mark.parametrize("argv", [[], ["--help"], ["nobody"], ["data"]])
def test_unknown_models_are_named(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch("fit", "recipe", argv) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_wrong_key_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert dispatch("fit", "recipe", ["meshtalk", "--set", "first.stepz=3"]) == 2
    assert "stepz" in capsys.readouterr().err


def test_resuming_what_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no run"):
        saved_config(tmp_path)


def test_devices() -> None:
    assert pick_device("cpu").type == "cpu"
    with pytest.raises(ConfigError):
        pick_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(DeviceError):
            pick_device("cuda")
