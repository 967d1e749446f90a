"""Claims and keys: what is signed, by whom, and what the 40-line verifier of docs/ refuses."""

import json
import logging
import time

import pytest

from docs.examples.check_claim import check
from engine.errors import ConfigError
from engine.types import Evidence
from engine.verify.__main__ import main
from engine.verify.claims import ClaimsConfig
from engine.verify.fusion import Fusion, FusionConfig
from engine.verify.keys import VARIABLE, key_id, new_keys, open_keys, rotate
from tests.vouching import ACCEPT, Forger, notary

ENGINE, VIEWER = ("11:" * 31 + "11", "22:" * 31 + "22")
FORGERIES = [
    ("another key", "another key"),
    ("own key beside it", "altered"),
    ("forged rotation", "altered"),
    ("another stream", "another connection"),
    ("another viewer", "another connection"),
    ("another engine", "another connection"),
    ("stale", "stale"),
    ("from the future", "stale"),
    ("lasts a year", "lasts too long"),
    ("edited", "altered"),
    ("no claim", "no claim"),
]


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    return tmp_path / "owner" / "key"


def test_the_true_claim_passes_the_verifier_of_the_docs_and_each_forgery_fails(file, tmp_path):
    forger = Forger(keys := new_keys(file), tmp_path)

    def told(mode):
        forger.mode = mode
        return forger.attend(ENGINE, VIEWER)()

    body = check(true := told("true"), keys.id, ENGINE, VIEWER)
    assert body["name"] == "Anna" and body["evidence"] == ["face", "voice"]
    assert body["models"] and body["target_fmr"] == 1e-3 and body["sequence"] == 1
    for mode, why in FORGERIES:
        with pytest.raises(ValueError, match=why):
            check(told(mode), keys.id, ENGINE, VIEWER)
    with pytest.raises(ValueError, match="shown before"):
        check(true, keys.id, ENGINE, VIEWER, last=1)
    with pytest.raises(ValueError, match="another connection"):
        check(true, keys.id, ENGINE, "33:" * 31 + "33")


def test_news_are_told_at_once_and_else_every_few_seconds(file):
    now = [time.monotonic()]
    made = notary(new_keys(file), now=lambda: now[0], names={"Anna": "Fox"})
    news = made.attend(ENGINE, VIEWER)
    assert json.loads(news()["body"])["name"] == "Fox"
    assert news() is None
    now[0] += 3.1
    assert json.loads(news()["body"])["sequence"] == 2
    made.fusion.see(now[0], 1, None)
    assert "not settled" in news()["none"]
    assert news() is None
    made.fusion.see(now[0], 1, "Anna")
    assert json.loads(news()["body"])["sequence"] == 3


def test_pseudonyms_are_words():
    with pytest.raises(ConfigError, match="Fox"):
        ClaimsConfig(names={"Anna": 3})
    with pytest.raises(ConfigError, match="lifetime"):
        ClaimsConfig(lifetime=3600.0)


def decided(*said, name="Anna", track=1, required=("face",), t=1.0, before=None):
    fusion = before or Fusion(FusionConfig(required=required), ACCEPT)
    for kind, llr in said:
        fusion.push(Evidence(t, track, kind, llr))
    fusion.see(t, track, name)
    return fusion, fusion.decide(t)


@pytest.mark.parametrize(
    "said,required,why",
    [
        ([("face", 7.0)], ("face",), ""),
        ([("face", 6.0)], ("face",), "not enough evidence yet"),
        ([("face", 6.5), ("voice", 0.5)], ("face",), ""),
        ([("face", 40.0), ("liveness", -2.5)], ("face",), "liveness speaks against"),
        ([("face", 40.0), ("voice", -2.5)], ("face",), "the voice speaks against"),
        ([("face", 40.0)], ("face", "liveness"), "evidence of liveness"),
        ([("face", 40.0), ("liveness", 1.0)], ("face", "liveness"), "evidence of liveness"),
        ([("face", 40.0), ("liveness", 3.5)], ("face", "liveness"), ""),
        ([("liveness", 40.0)], ("face",), "evidence of the face"),
        ([("face", 7.0), ("gait", -40.0)], ("face",), ""),
    ],
)
def test_what_is_required_and_what_speaks_against(said, required, why):
    _, standing = decided(*said, required=required)
    assert why in standing.why and bool(why) == (standing.name is None)


def test_a_decision_holds_with_less_than_it_took_and_expires():
    fusion, standing = decided(("face", 7.0))
    assert standing.name == "Anna" and standing.since == 1.0
    _, standing = decided(("face", 4.0), t=2.0, before=fusion)
    assert standing.name == "Anna" and standing.since == 1.0, "hysteresis"
    _, standing = decided(("face", 3.0), t=3.0, before=fusion)
    assert standing.name is None
    _, standing = decided(("face", 4.0), t=4.0, before=fusion)
    assert standing.name is None, "what was given up takes the whole again"
    _, standing = decided(("face", 7.0), t=5.0, before=fusion)
    assert standing.name == "Anna" and standing.since == 5.0
    assert "nobody" in fusion.decide(8.0).why


def test_evidence_is_of_one_face():
    fusion, _ = decided(("face", 9.0), ("liveness", 5.0), required=("face", "liveness"))
    _, standing = decided(("face", 9.0), track=2, t=1.5, before=fusion)
    assert "liveness" in standing.why, "another face's liveness does not count"


def test_another_name_begins_anew():
    fusion, _ = decided(("face", 9.0))
    _, standing = decided(("face", 9.0), name="Bert", t=2.0, before=fusion)
    assert (standing.name, standing.since) == ("Bert", 2.0)


@pytest.mark.parametrize(
    "wrong", [{"required": ("voice",)}, {"kinds": ("voice",)}, {"least": 0.0}, {"keep": 2.0}]
)
def test_a_wrong_fusion_is_refused(wrong):
    with pytest.raises(ConfigError):
        FusionConfig(**wrong)


def test_keys_are_private_and_never_beside_the_data(file, tmp_path):
    keys = new_keys(file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert open_keys(file).id == keys.id
    with pytest.raises(ConfigError, match="never overwritten"):
        new_keys(file)
    with pytest.raises(ConfigError, match="beside the gallery"):
        open_keys(file, file.with_name("gallery.db"))
    file.chmod(0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        open_keys(file)
    with pytest.raises(ConfigError, match="claims new"):
        open_keys(tmp_path / "none")


def test_a_key_of_the_environment(file, monkeypatch):
    monkeypatch.setenv(VARIABLE, "07" * 32)
    assert open_keys().id == open_keys().id
    monkeypatch.setenv(VARIABLE, "07")
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        open_keys()


def test_rotation_signs_the_new_key_by_the_old_one_and_is_followed(file):
    first = new_keys(file)
    second = rotate(file)
    third = rotate(file)
    assert len({first.id, second.id, third.id}) == 3 and open_keys(file).id == third.id
    claim = notary(third).attend(ENGINE, VIEWER)()
    for keys in (first, second, third):
        assert check(claim, keys.id, ENGINE, VIEWER)["name"] == "Anna"
    with pytest.raises(ValueError, match="another key"):
        check(claim | {"rotations": claim["rotations"][1:]}, first.id, ENGINE, VIEWER)


def test_a_rotation_cut_short_is_finished_or_never_was(file):
    first = new_keys(file)
    seed, chain = file.read_bytes(), file.with_name("key.json").read_bytes()
    second = rotate(file)
    draft = file.with_name("key.new")
    draft.write_bytes(file.read_bytes())  # killed before the new key took its place
    draft.chmod(0o600)
    file.write_bytes(seed)
    assert open_keys(file).id == second.id
    draft.write_bytes(file.read_bytes())  # killed before the new key was signed
    draft.chmod(0o600)
    file.write_bytes(seed)
    file.with_name("key.json").write_bytes(chain)
    assert open_keys(file).id == first.id and rotate(file).id not in (first.id, second.id)


def test_an_altered_list_of_keys_is_refused(file):
    new_keys(file)
    rotate(file)
    chain = file.with_name("key.json")
    text = chain.read_text()
    for wrong in (text.replace('"since": 1', '"since": 2'), "{", '{"keys": []}', '{"keys": [3]}'):
        chain.write_text(wrong)
        with pytest.raises(ConfigError, match="altered|no list"):
            open_keys(file)


def test_the_command_line_makes_shows_publishes_and_rotates(file, tmp_path, capsys):
    given = ["--key-file", str(file)]
    assert main(["claims", "new", *given]) == 0
    assert main(["claims", "publish", str(tmp_path / "keys.json"), *given]) == 0
    assert main(["claims", "rotate", *given]) == 0
    capsys.readouterr()
    assert main(["claims", "show", "--json", *given]) == 0
    said = json.loads(capsys.readouterr().out)
    published = json.loads((tmp_path / "keys.json").read_text())
    assert said["keys"][0] == published["keys"][0] and len(said["keys"]) == 2
    assert said["pin"] == f"#key={key_id(said['key'])}"
    assert main(["claims", "new", *given]) == 2
    assert "never overwritten" in capsys.readouterr().err


def test_no_private_key_in_what_is_said_or_logged(file, tmp_path, capsys, caplog):
    caplog.set_level(logging.DEBUG)
    given, seeds = ["--key-file", str(file)], []
    for action in ("new", "show", "rotate", "show"):
        main(["claims", action, *given])
        seeds.append(file.read_text().strip())
    main(["claims", "publish", str(tmp_path / "keys.json"), *given])
    told = capsys.readouterr()
    said = told.out + told.err + caplog.text + (tmp_path / "keys.json").read_text()
    assert said and not [seed for seed in seeds if seed in said]
