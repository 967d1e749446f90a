"""A gallery on disk: sealed, bound to key and model, and nothing left of who was removed."""

import os
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from engine.errors import ConfigError, GalleryError
from engine.verify.gallery import Gallery
from engine.verify.protect import Vault, make_key, read_key
from engine.verify.records import Consent, Person, checked_name
from engine.verify.store import Seen
from engine.verify.store.sqlite import SqliteStore
from engine.verify.transfer import export_gallery, import_gallery


@dataclass(frozen=True)
class Net:
    """What a gallery needs to know of a model."""

    name: str = "net-1"
    sha256: str = "ab" * 32
    dim: int = 128


@pytest.fixture
def key(tmp_path):
    path = tmp_path / "keys" / "gallery.key"
    make_key(path)
    return path


@pytest.fixture
def where(tmp_path):
    return tmp_path / "data" / "people.db"


@pytest.fixture
def gallery(where, key):
    opened = Gallery.open(where, Net(), key)
    yield opened
    opened.close()


def door(days=365):
    return Consent("opening the door", datetime.now(UTC) + timedelta(days=days))


def face(seed, n=1):
    rng = np.random.default_rng(seed)
    person = rng.standard_normal(128)
    raw = person + 0.3 * rng.standard_normal((n, 128))
    return (raw / np.linalg.norm(raw, axis=1, keepdims=True)).astype(np.float32)


def test_somebody_enrolled_is_found_again(gallery, where, key):
    for seed in range(30):
        gallery.enroll(f"person {seed}", face(seed, 3), door())
    probe = face(7, 5)[4]
    name, similarity = gallery.nearest(probe, 2)[0]
    assert name == "person 7" and similarity > 0.8
    assert gallery.similarity("person 7", probe) == pytest.approx(similarity, abs=1e-5)
    assert gallery.similarity("nobody", probe) is None
    assert Gallery.open(where, Net(), key).nearest(probe, 1)[0][0] == "person 7"
    assert len(gallery) == 30


def test_similarity_is_the_cosine_of_plain_embeddings(gallery):
    """The rotation changes nothing of it."""
    enrolled, probe = face(1, 4), face(2)[0]
    gallery.enroll("Anna", enrolled, door())
    mean = enrolled.mean(0)
    cosine = float(mean @ probe / np.linalg.norm(mean))
    assert gallery.similarity("Anna", probe) == pytest.approx(cosine, abs=1e-6)


def test_more_pictures_of_somebody_join_the_earlier_ones(gallery):
    pictures = face(3, 5)
    gallery.enroll("Anna", pictures[:2], door())
    gallery.enroll("Anna", pictures[2:], door())
    person, plain = gallery.plain()[0]
    assert person.pictures == 5 and len(gallery.people()) == 1
    assert np.allclose(plain, pictures.mean(0), atol=1e-6)


def test_nothing_readable_is_stored(gallery, where):
    pictures = face(4, 1)
    gallery.enroll("Wilhelmina", pictures, Consent("sauna access", door().expires))
    gallery.close()
    raw = where.read_bytes()
    for secret in (b"Wilhelmina", b"sauna", pictures[0].tobytes()[:64]):
        assert secret not in raw
    assert stat.S_IMODE(where.stat().st_mode) == 0o600


def test_a_template_taken_from_memory_is_not_the_embedding(gallery):
    pictures = face(5)
    gallery.enroll("Anna", pictures, door())
    rotated = gallery.people()[0].template
    assert abs(float(rotated @ pictures[0])) < 0.4


def test_removed_people_leave_no_bytes_behind(gallery, where):
    for seed in range(20):
        gallery.enroll(f"p{seed}", face(seed), door())
    store = SqliteStore(where)
    rows = list(store.rows())
    assert gallery.remove(["p3", "p11", "nobody"]) == 2
    gallery.close()
    raw = where.read_bytes()
    gone = [r for r in rows if r.id not in {left.id for left in store.rows()}]
    assert len(gone) == 2
    for row in gone:
        assert row.id not in raw and row.sealed[:24] not in raw and row.sealed[-24:] not in raw
    assert gallery.find("p3") is None and gallery.find("p4") is not None


def test_the_check_after_a_removal_can_fail(gallery, where):
    """A file that keeps what it frees is noticed."""
    gallery.enroll("Anna", face(1), door())
    store = SqliteStore(where)
    [row] = store.rows()
    store._connection().execute("PRAGMA secure_delete = OFF")
    with pytest.raises(GalleryError, match="still holds"):
        store.remove([row.id])


def test_consent_is_wanted_and_ends(gallery):
    with pytest.raises(ConfigError, match="purpose"):
        Consent(" ", door().expires)
    with pytest.raises(ConfigError, match="time zone"):
        Consent("door", datetime(2030, 1, 1))
    with pytest.raises(ConfigError, match="expired"):
        Consent.until("door", "2001-01-01")
    for words in ("soon", "9", "-3d", "99999999999999y"):
        with pytest.raises(ConfigError):
            Consent.until("door", words)
    assert (Consent.until("door", "2w").expires - datetime.now(UTC)).days in (13, 14)
    gallery.enroll("Anna", face(1), door())
    gallery.enroll("Bert", face(2), Consent("door", datetime.now(UTC) - timedelta(seconds=1)))
    assert [p.name for p in gallery.people()] == ["Anna"]
    assert gallery.nearest(face(2)[0], 2)[0][0] == "Anna" and gallery.find("Bert") is None
    assert gallery.purge() == 1 and gallery.purge() == 0


def test_consent_that_ends_while_running_is_noticed(gallery):
    gallery.enroll("Anna", face(1), Consent("door", datetime.now(UTC) + timedelta(seconds=0.3)))
    assert len(gallery.nearest(face(1)[0], 1)) == 1
    known = gallery._known
    gallery._known = replace(known, expires=datetime.now(UTC).timestamp() - 1)
    row = next(iter(gallery._store.rows()))
    seen = Seen(gallery._store.generation(), gallery._store.meta()["check"])
    ended = replace(row, expires=datetime.now(UTC) - timedelta(seconds=1))
    assert gallery._store.put([ended], seen)
    assert gallery.nearest(face(1)[0], 1) == []


def test_another_programs_changes_are_seen(gallery, where, key):
    gallery.enroll("Anna", face(1), door())
    assert len(gallery) == 1
    Gallery.open(where, Net(), key).enroll("Bert", face(2), door())
    assert gallery.nearest(face(2)[0], 1)[0][0] == "Bert"


def untouched(where, does):
    """The error of `does`, after which the file is what it was."""
    before = where.read_bytes()
    with pytest.raises((GalleryError, ConfigError)) as told:
        does()
    assert where.read_bytes() == before
    assert "\n" not in str(told.value)
    return str(told.value)


def test_wrong_key_and_other_model_are_told_and_nothing_is_written(gallery, where, key, tmp_path):
    gallery.enroll("Anna", face(1), door())
    gallery.close()
    other = tmp_path / "other" / "k"
    make_key(other)
    assert "not the key" in untouched(where, lambda: Gallery.open(where, Net(), other))
    net = Net("net-2", "cd" * 32)
    assert "made by net-1, not net-2" in untouched(where, lambda: Gallery.open(where, net, key))


@pytest.mark.parametrize("keep", [0, 1, 50, 100, 4096, 0.5, 0.9, 0.999])
def test_a_truncated_database_is_told_and_left(gallery, where, key, keep):
    gallery.enroll_all([(f"p{seed}", face(seed), door()) for seed in range(50)])
    gallery.close()
    raw = where.read_bytes()
    where.write_bytes(raw[: int(keep * len(raw)) if isinstance(keep, float) else keep])
    told = untouched(where, lambda: Gallery.open(where, Net(), key).people())
    assert str(where) in told


def test_other_files_are_no_galleries(where, key, tmp_path):
    where.parent.mkdir()
    where.write_text("hello")
    untouched(where, lambda: Gallery.open(where, Net(), key))
    other = tmp_path / "data" / "other.db"
    with sqlite3.connect(other) as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    assert "no gallery" in untouched(other, lambda: Gallery.open(other, Net(), key))
    with pytest.raises(ConfigError, match="folder"):
        Gallery.open(tmp_path, Net(), key)


@pytest.mark.parametrize("column", ["sealed", "expires", "id"])
def test_an_altered_record_is_refused(gallery, where, column):
    gallery.enroll("Anna", face(1), door())
    gallery.enroll("Bert", face(2), door())
    change = {
        "sealed": "UPDATE person SET sealed = (SELECT sealed FROM person LIMIT 1 OFFSET 1)",
        "expires": "UPDATE person SET expires = expires + 9e9",
        "id": "UPDATE person SET id = x'00112233445566778899aabbccddeeff' WHERE rowid = 1",
    }
    with sqlite3.connect(where) as db:
        db.execute(change[column])
    db.close()
    with pytest.raises(GalleryError, match="altered"):
        gallery.people()


def test_the_key_comes_from_file_or_environment_but_never_from_beside(
    where, key, tmp_path, monkeypatch
):
    monkeypatch.delenv("LIKENESS_GALLERY_KEY_FILE", raising=False)
    beside = where.parent / "gallery.key"
    make_key(beside)
    with pytest.raises(ConfigError, match="beside"):
        Gallery.open(where, Net(), beside)
    assert not where.exists()
    monkeypatch.setenv("LIKENESS_GALLERY_KEY", key.read_text())
    Gallery.open(where, Net()).close()
    monkeypatch.setenv("LIKENESS_GALLERY_KEY", "12")
    with pytest.raises(ConfigError, match="64 hexadecimal"):
        Gallery.open(where, Net())
    monkeypatch.delenv("LIKENESS_GALLERY_KEY")
    monkeypatch.setenv("LIKENESS_GALLERY_KEY_FILE", str(key))
    Gallery.open(where, Net()).close()
    monkeypatch.setenv("LIKENESS_GALLERY_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match="cannot be read"):
        Gallery.open(where, Net())


def test_a_first_gallery_makes_its_key_and_a_key_is_never_overwritten(where, tmp_path, monkeypatch):
    for name in ("LIKENESS_GALLERY_KEY", "LIKENESS_GALLERY_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    Gallery.open(where, Net()).enroll("Anna", face(1), door())
    made = tmp_path / "home" / ".config" / "likeness" / "gallery.key"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600 and len(read_key(made)) == 32
    with pytest.raises(ConfigError, match="never overwritten"):
        make_key(made)
    made.unlink()
    with pytest.raises(ConfigError, match="no key"):  # it is not made anew for an old gallery
        Gallery.open(where, Net())


def test_rekeying_revokes_every_template(gallery, where, key, tmp_path):
    gallery.enroll("Anna", face(1, 2), door())
    gallery.annotate("floor", "0.25")
    old = gallery.people()[0].template
    new_key = tmp_path / "keys" / "new.key"
    make_key(new_key)
    gallery.rekey(new_key)
    assert gallery.nearest(face(1)[0], 1)[0][0] == "Anna"
    assert abs(float(old @ gallery.people()[0].template)) < 0.4
    assert gallery.annotation("floor") == "0.25"
    gallery.close()
    untouched(where, lambda: Gallery.open(where, Net(), key))
    assert Gallery.open(where, Net(), new_key).find("Anna").pictures == 2


class Interrupted(Gallery):
    """A gallery in the middle of whose reading somebody else does something, once."""

    meanwhile = None

    def plain(self):
        people = super().plain()
        if self.meanwhile:
            do, self.meanwhile = self.meanwhile, None
            do()
        return people


def test_who_is_enrolled_while_the_key_changes_is_not_lost(gallery, where, key, tmp_path):
    gallery.enroll("Anna", face(1), door())
    rekeyed = Interrupted.open(where, Net(), key)
    rekeyed.meanwhile = lambda: gallery.enroll("Bert", face(2), door())
    make_key(tmp_path / "keys" / "new.key")
    rekeyed.rekey(tmp_path / "keys" / "new.key")
    assert {p.name for p in rekeyed.people()} == {"Anna", "Bert"}


def test_nobody_is_sealed_under_a_key_that_was_changed(gallery, where, key, tmp_path):
    gallery.enroll("Anna", face(1), door())
    late = Gallery.open(where, Net(), key)
    make_key(tmp_path / "keys" / "new.key")
    gallery.rekey(tmp_path / "keys" / "new.key")
    make_key(tmp_path / "keys" / "newer.key")
    with pytest.raises(GalleryError, match="another key"):
        late.enroll("Bert", face(2), door())
    with pytest.raises(GalleryError):
        late.rekey(tmp_path / "keys" / "newer.key")
    assert [p.name for p in gallery.people()] == ["Anna"]


def test_pictures_that_two_programs_add_at_once_are_all_kept(gallery, where, key):
    others = [Gallery.open(where, Net(), key) for _ in range(3)]
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda g: [g.enroll("Anna", face(1), door()) for _ in range(5)], others))
    assert gallery.find("Anna").pictures == 15


def test_export_and_import_between_deployments(gallery, key, tmp_path):
    for seed in range(5):
        gallery.enroll(f"somebody {seed}", face(seed, 2), door())
    file = tmp_path / "people.likeness"
    assert export_gallery(gallery, file, "correct horse battery") == 5
    raw = file.read_bytes()
    assert b"somebody" not in raw.partition(b"\n")[2] and face(0, 2).tobytes()[:32] not in raw
    with pytest.raises(ConfigError, match="exists"):
        export_gallery(gallery, file, "correct horse battery")
    with pytest.raises(ConfigError, match="at least"):
        export_gallery(gallery, tmp_path / "x", "short")
    other_key = tmp_path / "elsewhere" / "k"
    make_key(other_key)
    other = Gallery.open(tmp_path / "other.db", Net(), other_key)
    with pytest.raises(GalleryError, match="passphrase"):
        import_gallery(other, file, "wrong horse battery")
    assert len(other) == 0
    assert import_gallery(other, file, "correct horse battery") == 5
    assert other.nearest(face(3)[0], 1)[0][0] == "somebody 3"
    assert other.similarity("somebody 3", face(3)[0]) == pytest.approx(
        gallery.similarity("somebody 3", face(3)[0]), abs=1e-5
    )
    foreign = Gallery.open(tmp_path / "foreign.db", Net("net-2", "cd" * 32), other_key)
    with pytest.raises(GalleryError, match="made by net-1"):
        import_gallery(foreign, file, "correct horse battery")
    file.write_bytes(raw[:-1])
    with pytest.raises(GalleryError, match="damaged"):
        import_gallery(other, file, "correct horse battery")


def test_templates_do_not_match_between_deployments(tmp_path):
    """Unlinkability: cross-deployment scores of one person are as those of two (D_sys near 0).

    D_sys as of Gomez-Barrero et al. 2018: the local measure max(0, (r - 1) / (r + 1)) of the
    likelihood ratio r, averaged over the scores of the same people.
    """
    vaults = [Vault(os.urandom(32), os.urandom(16)) for _ in range(2)]
    first, second = (v.rotation(128) for v in vaults)
    people = [face(seed, 2) for seed in range(1500)]
    a, b = (np.stack([p[i] for p in people]) for i in range(2))
    own, linked = linkability(a, b), linkability(a @ first, b @ second)
    print(f"D_sys: {own:.3f} with one rotation, {linked:.3f} across two deployments")
    assert own > 0.9 and linked < 0.08


def linkability(a, b):
    same, other = (a * b).sum(1), (a * np.roll(b, 1, 0)).sum(1)
    edges = np.quantile(np.concatenate([same, other]), np.linspace(0, 1, 16))
    p, q = (np.histogram(x, edges)[0] / len(x) for x in (same, other))
    ratio = p / np.maximum(q, 1e-9)
    return float((p * np.where(ratio > 1, (ratio - 1) / (ratio + 1), 0)).sum())


def test_a_rotation_is_orthogonal_and_of_its_key():
    secret, salt = bytes(range(32)), bytes(16)
    one = Vault(secret, salt).rotation(128)
    assert np.allclose(one @ one.T, np.eye(128), atol=1e-5)
    assert np.array_equal(one, Vault(secret, salt).rotation(128))
    assert np.abs(one - Vault(secret, b"x" * 16).rotation(128)).max() > 0.1


def test_names_are_checked():
    assert checked_name("  José Núñez ") == "José Núñez"
    for wrong in ("", "  ", "a\nb", "x" * 201):
        with pytest.raises(ConfigError):
            checked_name(wrong)


def test_a_record_survives_packing():
    person = Person("Zoë", door(), 3, datetime.now(UTC), face(1)[0])
    same = Person.unpack(person.pack())
    assert same.name == "Zoë" and same.consent == person.consent
    assert np.array_equal(same.template, person.template)
    for broken in (b"", b"\xff\xff\xff\xff", person.pack()[:20]):
        with pytest.raises(GalleryError):
            Person.unpack(broken)


def test_a_thousand_people_are_enrolled_within_a_minute(gallery):
    began = datetime.now(UTC)
    for seed in range(200):
        gallery.enroll(f"p{seed}", face(seed, 2), door())
    gallery.enroll_all([(f"q{seed}", face(seed, 2), door()) for seed in range(800)])
    seconds = (datetime.now(UTC) - began).total_seconds()
    print(f"1,000 people in {seconds:.1f} s, 200 of them one by one")
    assert len(gallery) == 1000 and seconds < 60
