"""A gallery in a real PostgreSQL with pgvector, by the same tests as the one in a file."""

import os
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from engine.errors import ConfigError, GalleryError
from engine.verify.gallery import Gallery
from engine.verify.protect import make_key
from engine.verify.records import Consent
from tests.wire.enroll_until_killed import Net, face


@pytest.fixture(scope="module")
def server():
    """The address of a PostgreSQL of the test's own, which listens on a socket in its folder."""
    pgserver = pytest.importorskip("pgserver", reason="needs pgserver: PostgreSQL with pgvector")
    programs = Path(pgserver.__file__).parent / "pginstall" / "bin"
    # PostgreSQL refuses to run as root, who becomes nobody here.
    as_whom = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    folder = Path(tempfile.mkdtemp(prefix="pg"))
    if as_whom:
        shutil.chown(folder, "nobody", "nogroup")

    def run(program, *arguments):
        return subprocess.run(
            [programs / program, "-D", folder / "data", *arguments],
            cwd=folder, capture_output=True, text=True, **as_whom,
        )  # fmt: skip

    options = f"-k {folder} -c listen_addresses='' -c fsync=off"
    for step in (
        ("initdb", "-A", "trust", "-U", "postgres", "-N"),
        ("pg_ctl", "-w", "-t", "120", "-l", folder / "log", "-o", options, "start"),
    ):
        done = run(*step)
        if done.returncode:
            shutil.rmtree(folder)
            pytest.skip(f"PostgreSQL does not start here: {done.stderr.strip()[-200:]}")
    yield f"postgresql://postgres@/postgres?host={folder}"
    run("pg_ctl", "-w", "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def database(server):
    """An empty database."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as db:
        db.execute("DROP TABLE IF EXISTS likeness_meta, likeness_person")
    return server


@pytest.fixture
def opened(database, key):
    """Opens the gallery, and closes it afterwards."""
    each = []

    def open_gallery(net=None, other=None, **options):
        each.append(Gallery.open(database, net or Net(), other or key, **options))
        return each[-1]

    yield open_gallery
    for gallery in each:
        gallery.close()


@pytest.fixture
def key(tmp_path):
    make_key(tmp_path / "keys" / "k")
    return tmp_path / "keys" / "k"


def door(seconds=86_400):
    return Consent("door", datetime.now(UTC) + timedelta(seconds=seconds))


def test_enroll_search_remove_and_rekey(opened, tmp_path):
    with pytest.raises(GalleryError, match="enroll somebody first"):
        opened(make=False)
    gallery = opened()
    gallery.enroll_all([(f"person {n}", face(n), door()) for n in range(300)])
    plain = np.concatenate([face(n) for n in range(300)])
    for n in (3, 77, 299):
        probe = face(n)[0] + 0.1 * face(1000 + n)[0]
        found = gallery.nearest(probe, 4)
        scores = plain @ probe
        best = np.argsort(-scores)[:4]
        assert [name for name, _ in found] == [f"person {i}" for i in best]  # exact
        assert np.allclose([s for _, s in found], scores[best], atol=1e-5)
        assert gallery.similarity(f"person {n}", probe) == pytest.approx(scores[n], abs=1e-5)
    assert len(gallery) == 300 and gallery.remove(["person 3", "nobody"]) == 1
    assert gallery.find("person 3") is None
    gallery.enroll("brief", face(500), door(-1))
    assert gallery.nearest(face(500)[0], 1)[0][0] != "brief" and gallery.purge() == 1
    gallery.annotate("floor", "0.3")
    other = tmp_path / "keys" / "other"
    make_key(other)
    gallery.rekey(other)
    assert gallery.nearest(face(77)[0], 1)[0][0] == "person 77"
    assert gallery.annotation("floor") == "0.3" and len(gallery.people()) == 299
    gallery.close()
    with pytest.raises(GalleryError, match="not the key"):
        opened()
    with pytest.raises(GalleryError, match="made by net-1"):
        opened(Net("net-2", "cd" * 32), other)


def test_nothing_readable_is_stored_but_the_rotated_template(opened, database):
    import psycopg

    gallery = opened()
    gallery.enroll("Wilhelmina", face(1), door())
    with psycopg.connect(database) as db:
        [row] = db.execute("SELECT id, sealed, template::text FROM likeness_person").fetchall()
    assert b"Wilhelmina" not in row[0] + row[1]
    stored = np.array([float(x) for x in row[2].strip("[]").split(",")])
    assert abs(float(stored @ face(1)[0])) < 0.4


def test_a_server_that_is_not_there_is_told_without_the_password(key):
    address = "postgresql://me:hunter2@127.0.0.1:1/people"
    with pytest.raises(GalleryError) as told:
        Gallery.open(address, Net(), key)
    assert "hunter2" not in str(told.value) and "\n" not in str(told.value)
    assert "127.0.0.1/people" in str(told.value)


def test_a_second_gallery_cannot_be_made_over_the_first(opened):
    gallery = opened()
    gallery.enroll("Anna", face(1), door())
    with pytest.raises(GalleryError):
        gallery._store.create({"dim": "128"})
    assert [p.name for p in gallery.people()] == ["Anna"]
    with pytest.raises((GalleryError, ConfigError)):
        gallery.enroll("Bert", face(2)[:, :64], door())


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://me:hunter2@[::1/people",
        "postgresql://me:hunt%65r2@127.0.0.1:x1/people",
        "postgresql://me@127.0.0.1:1/people?password=hunter2&nonsense=1",
    ],
)
def test_an_address_that_cannot_be_read_is_told_without_the_password(key, address):
    with pytest.raises((GalleryError, ConfigError)) as told:
        Gallery.open(address, Net(), key)
    assert "hunter2" not in str(told.value) and "hunt%65r2" not in str(told.value)


def test_a_key_that_another_program_changed_is_noticed(opened, tmp_path):
    gallery, late = opened(), opened()
    gallery.enroll("Anna", face(1), door())
    make_key(tmp_path / "keys" / "other")
    gallery.rekey(tmp_path / "keys" / "other")
    with pytest.raises(GalleryError, match="another key"):
        late.enroll("Bert", face(2), door())
    assert [p.name for p in gallery.people()] == ["Anna"]
