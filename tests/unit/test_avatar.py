"""Avatars from TOML."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.head import Head
from engine.head.avatar import avatar_names, load_appearance


@pytest.fixture(scope="module")
def head() -> Head:
    return Head.load()


def write(path, text):
    file = path / "me.toml"
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize("name", avatar_names())
def test_every_built_in_avatar_loads(head, name):
    look = load_appearance(name, head)
    assert look.name and len(look.identity) <= len(head.identity_basis)
    assert head.person(look.identity).shape == head.neutral.shape


def test_built_in_avatars_are_of_different_people(head):
    looks = [load_appearance(name, head) for name in avatar_names()]
    assert len({look.hair_style for look in looks}) >= 4
    assert max(look.age for look in looks) - min(look.age for look in looks) > 30
    people = [head.person(look.identity) for look in looks]
    assert min(np.abs(a - b).max() for a in people for b in people if a is not b) > 3.0


def test_ones_own_avatar_mixes_presets_and_adds_modes(head, tmp_path):
    preset = sorted(head.presets)[0]
    text = f"[identity]\nmix = {{ {preset} = 0.5 }}\nmodes = [1.0, 0, -2]\n"
    look = load_appearance(write(tmp_path, text), head)
    wanted = 0.5 * head.presets[preset]
    wanted[:3] += [1.0, 0.0, -2.0]
    assert np.allclose(look.identity, wanted)
    assert look.name == "me"


def test_colours_become_linear_light(head, tmp_path):
    look = load_appearance(write(tmp_path, '[face]\nskin = "#ff8000"\n'), head)
    assert look.skin == pytest.approx((1.0, 0.2159, 0.0), abs=1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[face]\nskim = '#ffffff'\n", "unknown key 'face.skim'"),
        ("[face]\nskin = 'pink'\n", "'face.skin' should be a colour"),
        ("[hair]\nstyle = 'mullet'\n", "'hair.style' should be one of"),
        ("[identity]\nmix = { nobody = 1 }\n", "no preset 'nobody'"),
        ("[identity]\nmix = { male = 'yes' }\n", "identity.mix.male should be a number"),
        (f"[identity]\nmodes = {[0.0] * 1000}\n", "identity.modes has 1000"),
    ],
)
def test_mistakes_are_named(head, tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        load_appearance(write(tmp_path, text), head)


def test_an_unknown_avatar_names_those_that_exist(head):
    with pytest.raises(ConfigError, match=r"no avatar 'zork'; there are: .*nora"):
        load_appearance("zork", head)


def test_the_example_of_the_guide_loads(head, tmp_path):
    guide = (Path(__file__).parents[2] / "docs/avatar.md").read_text()
    file = tmp_path / "kim.toml"
    file.write_text(guide.split("```toml")[1].split("```")[0])
    assert load_appearance(str(file), head).name == "Kim"
