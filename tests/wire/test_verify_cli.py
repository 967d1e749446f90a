"""`python -m engine.verify` as a person uses it: a first session, and what can go wrong in it."""

import json

import pytest
from PIL import Image

from engine.verify.__main__ import main
from engine.verify.pictures import read_picture
from tests.recognisers import AVATARS, film, invented, make_calibrated, portrait, taken
from tests.wire.test_verify_examples import video


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_calibrated(tmp_path_factory.mktemp("models") / "pooled")


@pytest.fixture
def cli(model, tmp_path, monkeypatch, capsys):
    """Runs one command: (exit code, JSON lines, what went to stderr)."""
    monkeypatch.setenv("LIKENESS_GALLERY_KEY_FILE", str(tmp_path / "keys" / "k"))
    monkeypatch.chdir(tmp_path)

    def run(*arguments, key=True):
        common = ["--gallery", "people.db", "--model", str(model), "--json"] if key else []
        try:
            code = main([arguments[0], *common, *map(str, arguments[1:])])
        except SystemExit as e:
            code = e.code
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return (
            code,
            [json.loads(line) for line in out.splitlines() if line.startswith(("{", "["))],
            err,
        )

    assert run("key", tmp_path / "keys" / "k", key=False)[0] == 0
    return run


@pytest.fixture
def album(tmp_path):
    """album/NAME/0.png, 1.png, 2.png"""
    for name in AVATARS[:4]:
        (tmp_path / "album" / name).mkdir(parents=True)
        for k in range(3):
            Image.fromarray(taken(portrait(name), k)).save(tmp_path / "album" / name / f"{k}.png")
    (tmp_path / "album" / "amara" / "broken.jpg").write_bytes(b"\xff\xd8")
    return tmp_path / "album"


CONSENT = ("--purpose", "door", "--expires", "90d")


def test_where_nobody_is_enrolled_nothing_is_compared(cli, album):
    code, [answer], _ = cli("identify", album / "kenji" / "0.png", "--target-fmr", "0.02")
    assert code != 0 and answer["decision"] == "unknown"
    assert answer["similarity"] is None and "nobody is enrolled" in answer["reason"]


def test_a_first_session(cli, album, tmp_path, monkeypatch):
    code, [said], err = cli("enroll", "--folder", album, *CONSENT)
    assert code == 0 and [p["name"] for p in said["enrolled"]] == AVATARS[:4]
    assert [r["file"] for r in said["refused"]] == [str(album / "amara" / "broken.jpg")]
    assert "broken.jpg" in err and err.count("\n") >= 1
    code, [people], _ = cli("list")
    assert {p["pictures"] for p in people} == {3} and people[0]["purpose"] == "door"
    assert "template" not in json.dumps(people)

    code, [found], _ = cli("calibrate", "--target-fmr", "0.02", "--picture", "det.png")
    assert code == 0 and found["pairs"] == 60 * 59 and found["gallery"] == 4
    assert found["threshold"] == max(found["strangers"], found["enrolled"])
    assert read_picture(tmp_path / "det.png").shape == (640, 640, 3)
    code, _, err = cli("calibrate", "--target-fmr", "1e-5")
    assert code == 2 and "cannot show" in err

    code, [answer], _ = cli("identify", album / "kenji" / "0.png", "--target-fmr", "0.02")
    wanted = {
        "verified",
        "similarity",
        "threshold",
        "target_fmr",
        "model_id",
        "quality",
        "liveness",
    }
    wanted |= {"decision", "reason", "frames_used", "t_capture", "t_decision", "request_id"}
    assert wanted <= set(answer)
    kenji, nora = (album / "kenji" / "1.png", tmp_path / "nora.png")
    Image.fromarray(portrait("nora")).save(nora)
    code, [answer], _ = cli("compare", kenji, nora)
    assert code == 3 and answer["decision"] == "no_match"
    assert cli("compare", kenji, kenji)[0] == 0

    monkeypatch.setenv("LIKENESS_PASSPHRASE", "correct horse battery")
    assert cli("export", "all.people")[0] == 0 and cli("remove", "kenji", "idris")[0] == 0
    assert {p["name"] for p in cli("list")[1][0]} == {"amara", "ines"}
    assert cli("import", "all.people")[0] == 0 and len(cli("list")[1][0]) == 4
    assert cli("key", tmp_path / "keys" / "new", key=False)[0] == 0
    assert cli("rekey", tmp_path / "keys" / "new")[0] == 0
    code, _, err = cli("list")
    assert code == 1 and "not the key" in err
    monkeypatch.setenv("LIKENESS_GALLERY_KEY_FILE", str(tmp_path / "keys" / "new"))
    assert len(cli("list")[1][0]) == 4


def test_camera_and_watch_from_a_file(cli, tmp_path):
    film_of = {n: video(tmp_path / f"{n}.mp4", film(portrait(n), 6.0)) for n in ("kenji", "nora")}
    code, [said], _ = cli("enroll", "Kenji", "--camera", film_of["kenji"], *CONSENT)
    assert code == 0 and said["enrolled"][0]["pictures"] == 8
    events = cli("watch", film_of["kenji"], "--target-fmr", "0.02", "--seconds", "3")[1]
    assert (events[-1]["decision"], events[-1]["name"]) == ("match", "Kenji")
    events = cli("watch", film_of["nora"], "--target-fmr", "0.02", "--expect", "Kenji")[1]
    assert events[-1]["decision"] == "no_match"


def test_a_cohort_from_a_folder_of_people(cli, model, tmp_path):
    """By the command, for a recogniser of one's own: too few people are told."""
    (tmp_path / "few" / "x").mkdir(parents=True)
    Image.fromarray(invented(3)).save(tmp_path / "few" / "x" / "0.png")
    code, _, err = cli("cohort", tmp_path / "few")
    assert code == 2 and "20 people" in err


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("list",), 1, "enroll somebody first"),
        (("enroll", "Anna", *CONSENT), 2, "pictures of Anna"),
        (("enroll", *CONSENT), 2, "enroll NAME"),
        (("enroll", "Anna", "a.png"), 2, "--purpose"),
        (("enroll", "Anna", "missing.png", *CONSENT), 2, "nobody was enrolled"),
        (("enroll", "Anna", "a.png", "--purpose", "x", "--expires", "2001-01-01"), 2, "expired"),
        (("enroll", "Anna", "--camera", "missing.mp4", *CONSENT), 2, "no such video"),
        (("remove", "nobody"), 1, "enroll somebody first"),
        (("identify", "missing.png"), 2, "no such file"),
        (("watch", "missing.mp4"), 2, "no such video"),
        (("import", "missing"), 2, "no passphrase"),
        (("calibrate", "--target-fmr", "x"), 2, "invalid float"),
        (("dance",), 2, "invalid choice"),
    ],
)
def test_what_goes_wrong_is_told_in_one_line(cli, arguments, code, said):
    got, _, err = cli(*arguments, key=arguments[0] != "dance")
    assert got == code and said in err
    assert all(line.startswith(("likeness: ", "missing.png")) for line in err.splitlines())


def test_help_teaches(cli, capsys):
    for words in (["--help"], ["enroll", "--help"], ["calibrate", "--help"]):
        with pytest.raises(SystemExit):
            main(words)
    assert "until when" in capsys.readouterr().out
