"""A learned face as an avatar: worn, saved, read again."""

import numpy as np
import pytest

from engine.errors import ConfigError
from engine.head import INDEX, Head
from engine.head.avatar import load_appearance
from engine.head.worn import save, wear
from engine.track import Drive
from engine.types import FaceMesh, Motion, World

SIDE = 64


@pytest.fixture(scope="module")
def head():
    return Head.load()


@pytest.fixture(scope="module")
def look(head):
    identity = np.zeros(60, np.float32)
    identity[:3] = 1.0, -0.5, 0.25
    reflectance = np.full((SIDE, SIDE, 3), (0.4, 0.25, 0.2), np.float32)
    return wear(load_appearance("nora", head), head, identity, reflectance)


def test_a_worn_face_has_its_own_shape_and_tone_and_the_avatars_hair(head, look):
    nora = load_appearance("nora", head)
    assert look.hair_style == nora.hair_style and look.iris == nora.iris
    np.testing.assert_allclose(look.identity[:3], (1.0, -0.5, 0.25))
    np.testing.assert_allclose(look.skin, (0.4, 0.25, 0.2), rtol=1e-3)


def test_a_saved_face_is_read_as_it_was_by_its_owner_alone(head, look, tmp_path):
    file = save(look, "nora", tmp_path, "ada")
    again = load_appearance(str(file), head)
    assert again.name == "Ada" and again.hair_style == look.hair_style
    np.testing.assert_allclose(again.identity, look.identity, atol=1e-4)
    np.testing.assert_allclose(again.albedo, look.albedo, atol=0.01)
    np.testing.assert_allclose(again.skin, look.skin, atol=0.01)
    assert {f.stat().st_mode & 0o777 for f in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("name", ["", "../ada", "Ada", "a" * 40, "ada.toml"])
def test_a_name_that_is_a_path_or_none_is_refused(look, tmp_path, name):
    with pytest.raises(ConfigError, match="small letters"):
        save(look, "nora", tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(look, tmp_path):
    save(look, "nora", tmp_path, "ada")
    with pytest.raises(ConfigError, match="is there already"):
        save(look, "nora", tmp_path, "ada")


def test_an_avatar_whose_picture_is_missing_is_told(head, look, tmp_path):
    file = save(look, "nora", tmp_path, "ada")
    (tmp_path / "ada.png").unlink()
    with pytest.raises(ConfigError, match="no square picture"):
        load_appearance(str(file), head)


def test_the_avatar_moves_as_the_worn_person(head, look):
    nora = head.person(load_appearance("nora", head).identity)
    drive = Drive(head, nora)
    drive.worn = head.person(look.identity)
    weights = np.zeros(52, np.float32)
    weights[[INDEX["jawOpen"], INDEX["eyeBlinkLeft"]]] = 0.6
    motion = Motion(0.0, weights, np.zeros(3, np.float32))
    [out] = drive.push(World(0.0, FaceMesh(0.0, head.pose(nora, weights)), motion))
    wanted = head.pose(drive.worn, weights)
    np.testing.assert_allclose(out.face.vertices, wanted, atol=1e-3)
    drive.forget()
    [out] = drive.push(World(0.1, FaceMesh(0.1, head.pose(nora, weights)), motion))
    np.testing.assert_allclose(out.face.vertices, head.pose(nora, weights), atol=1e-4)
