"""Scenes of one's own."""

import re
from pathlib import Path

import pytest

from engine.errors import ConfigError
from engine.render.scene import check_scene, load_scene, scene_names

GUIDE = Path(__file__).parents[2] / "docs" / "scene.md"


def example() -> str:
    found = re.search(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.S)
    assert found
    return found[1]


def test_the_example_of_the_guide_draws(draw, tmp_path):
    file = tmp_path / "points.py"
    file.write_text(example(), encoding="utf-8")
    pixels = draw("nora", {"jawOpen": 0.3}, yaw=0.2, scene=str(file))
    assert (pixels[60:180, 70:190].max(2) > 80).mean() > 0.2
    assert pixels[5, 5].max() == 0


def test_the_example_has_about_thirty_lines():
    assert len([line for line in example().splitlines() if line.strip()]) <= 32


def test_an_unknown_scene_names_those_that_exist():
    for find in (check_scene, load_scene):
        with pytest.raises(ConfigError, match=r"no scene 'nowhere'; there are: .*avatar"):
            find("nowhere")
    assert "avatar" in scene_names()


@pytest.mark.parametrize("find", [check_scene, load_scene])
def test_a_missing_file_and_one_without_a_scene_are_errors(tmp_path, find):
    with pytest.raises(ConfigError, match="no scene file"):
        find(str(tmp_path / "none.py"))
    file = tmp_path / "empty.py"
    file.write_text("x = 1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no class Scene"):
        find(str(file))
    file.write_text("def broken(:\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="does not load"):
        find(str(file))


def test_looking_for_a_scene_does_not_run_it(tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("class Scene:\n    pass\nraise SystemExit\n", encoding="utf-8")
    check_scene(str(file))
