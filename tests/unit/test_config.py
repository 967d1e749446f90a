"""Configuration: what a person may write, and what they are told when it is wrong."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from engine import config
from engine.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Picture:
    size: tuple[int, int] = (512, 512)
    quality: Literal["low", "high"] = "high"


@dataclass(frozen=True, slots=True)
class Everything:
    fps: int = 30
    margin: float = 0.06
    loop: bool = False
    audio: Path | None = None
    picture: Picture = field(default_factory=Picture)


def write(tmp_path, text):
    file = tmp_path / "my.toml"
    file.write_text(text)
    return file


def test_file_then_sets(tmp_path):
    file = write(tmp_path, "fps = 25\nmargin = 1\n[picture]\nsize = [640, 480]\n")
    got = config.load(Everything, file, ["picture.quality=low", "fps=24", "audio=a b.wav"])
    assert got == Everything(24, 1.0, False, Path("a b.wav"), Picture((640, 480), "low"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("speed = 3", "unknown key 'speed'; known keys: fps"),
        ("[picture]\nwidth = 3", "unknown key 'picture.width'"),
        ("fps = 29.97", "'fps' should be a whole number, not 29.97"),
        ("fps = true", "'fps' should be a whole number, not True"),
        ("loop = 1", "'loop' should be true or false, not 1"),
        ("picture = 3", "'picture' is a section"),
        ("[picture]\nsize = [1]", "'picture.size' should be a list of"),
        ("[picture]\nquality = 'best'", "'picture.quality' should be one of 'low', 'high'"),
        ("fps = ", "not valid TOML"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_what_was_expected(tmp_path, text, told):
    with pytest.raises(ConfigError) as error:
        config.load(Everything, write(tmp_path, text))
    assert told in str(error.value) and "my.toml" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("assignment", ["fps", "=3", "fps=x", "nothing=1", "fps.deeper=1"])
def test_a_wrong_set_is_told(assignment):
    with pytest.raises(ConfigError, match="--set"):
        config.load(Everything, None, [assignment])


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot read the configuration"):
        config.load(Everything, tmp_path / "none.toml")


def test_every_default_survives_the_round_trip():
    assert config.as_dict(Everything())["picture"] == {"size": (512, 512), "quality": "high"}
