"""Whatever is wrong with what a person gives: one line, exit code 2 (usage) or 1 (failure)."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

import engine
from engine.live import main

PACKAGE = Path(engine.__file__).parent


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a good file of sound and several bad ones."""
    monkeypatch.chdir(tmp_path)
    tone = 0.3 * np.sin(np.arange(8000) / 10)
    soundfile.write("good.wav", tone, 16_000)
    soundfile.write("short.wav", tone[:80], 16_000)
    Path("broken.ogg").write_bytes(b"OggS" + bytes(range(256)) * 8)
    Path("half.flac").write_bytes(b"fLaC" + bytes(60))
    Path("empty.wav").write_bytes(b"")
    Path("story.txt").write_text("Once upon a time there was no sound.\n" * 50)
    Path("story.wav").write_text("Once upon a time there was no sound.\n" * 50)
    Path("typo.toml").write_text("[render]\nsizes = '64x64'\n")
    Path("wrong.toml").write_text("[capture]\nloop = 'often'\n")
    Path("notoml.toml").write_text("[render\n")
    Path("empty.py").write_text("x = 1\n")
    Path("broken.py").write_text("def (:\n")
    Path("me.toml").write_text("skin = 'green-ish'\n")
    return tmp_path


def one_line(err: str) -> str:
    assert "Traceback" not in err, err
    assert err.endswith("\n") and err.count("\n") == 1, err
    assert err.startswith("likeness: ") and "unexpected" not in err, err
    return err


FILES = ["--no-serve", "--motion", "out.csv", "--audio"]
USAGE = [
    ("missing file of sound", [*FILES, "gone.wav"], "gone.wav"),
    ("folder as sound", [*FILES, "."], "folder"),
    ("missing video", [*FILES, "good.wav", "--video", "gone.mp4"], "gone.mp4"),
    ("browser without a page", [*FILES, "good.wav", "--input", "browser"], "--no-serve"),
    ("unknown input", [*FILES, "good.wav", "--input", "phone"], "capture.input"),
    ("unknown flag", ["--sing"], "--sing"),
    ("unknown scene", ["--scene", "opera"], "opera"),
    ("missing scene file", ["--scene", "gone.py"], "gone.py"),
    ("scene without a Scene", ["--scene", "empty.py"], "empty"),
    ("scene that is no Python", ["--scene", "broken.py"], "broken.py"),
    ("unknown avatar", ["--avatar", "batman"], "batman"),
    ("avatar with a wrong colour", ["--avatar", "me.toml"], "me.toml"),
    ("unknown key", ["--config", "typo.toml"], "render.sizes"),
    ("wrong type", ["--config", "wrong.toml"], "capture.loop"),
    ("not TOML", ["--config", "notoml.toml"], "notoml.toml"),
    ("missing configuration", ["--config", "gone.toml"], "gone.toml"),
    ("unknown key set", ["--set", "render.colour=1"], "render.colour"),
    ("set without a value", ["--set", "render.fps"], "section.key=value"),
    ("bad size", ["--size", "big"], "big"),
    ("bad background", ["--background", "blueish"], "blueish"),
    ("bad provider", ["--provider", "abacus"], "provider"),
    ("bad ending of a recording", ["--no-serve", "--record", "out.gif"], ".mp4"),
    ("bad ending of the motion", ["--no-serve", "--motion", "out.txt"], ".csv"),
    ("bad ending of the mesh", ["--no-serve", "--mesh", "out.obj"], ".npz"),
]
FAILURE = [
    ("broken sound", [*FILES, "broken.ogg"], "broken.ogg"),
    ("half a file", [*FILES, "half.flac"], "half.flac"),
    ("empty file", [*FILES, "empty.wav"], "is empty"),
    ("shorter than a frame", [*FILES, "short.wav"], "lasts 5 ms"),
    ("text fed as audio", [*FILES, "story.txt"], "story.txt"),
    ("text that is called wav", [*FILES, "story.wav"], "story.wav"),
    ("no device by that name", ["--device", "studio"], "studio"),
    ("no such folder to write to", ["--no-serve", "--record", "gone/out.mp4"], "gone/out.mp4"),
]


@pytest.mark.parametrize(
    "code,args,words",
    [pytest.param(2, args, words, id=name) for name, args, words in USAGE]
    + [pytest.param(1, args, words, id=name) for name, args, words in FAILURE],
)
def test_one_line_and_the_exit_code(
    folder: Path, capfd: pytest.CaptureFixture[str], code: int, args: list[str], words: str
) -> None:
    # A session that starts after all ends soon, and fails the test.
    args = [*args, "--seconds", "0.1"] if args != ["--sing"] else args
    args = [*args, "--port", "0"] if "--no-serve" not in args else args
    try:
        got = main(args)
    except SystemExit as leaving:  # argparse leaves by itself
        got = int(leaving.code or 0)
    err = capfd.readouterr().err
    print(err, end="")
    assert got == code, err
    assert words in one_line(err)
    assert not [p.name for p in folder.iterdir() if p.name.startswith((".", "out."))]


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]


def test_busy_port(folder: Path, capfd: pytest.CaptureFixture[str], busy_port: int) -> None:
    args = ["--audio", "good.wav", "--seconds", "0.1", "--size", "64x64"]
    assert main([*args, "--port", str(busy_port)]) == 1
    assert str(busy_port) in one_line(capfd.readouterr().err)


def run(args: list[str], **env: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "engine.live", *args],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONPATH": str(PACKAGE.parent)} | env,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


def test_no_gl(folder: Path) -> None:
    # glvnd finds its drivers by this variable: none at all is a machine without libegl-mesa0
    nowhere = {"__EGL_VENDOR_LIBRARY_FILENAMES": str(folder / "none.json")}
    code, err = run(
        ["--no-serve", "--audio", "good.wav", "--record", "out.mp4", "--size", "64x64"], **nowhere
    )
    print(err, end="")
    assert code == 1 and "GL" in one_line(err)
    assert not list(folder.glob("*out*"))


@pytest.mark.parametrize("model", ["head/head.npz", "meshtalk/model.onnx"])
def test_a_model_changed_by_one_byte(folder: Path, model: str) -> None:
    if not (PACKAGE / "models" / model).exists():
        pytest.skip(f"{model} is not there")
    for name in ("engine", "scenes"):
        ignore = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PACKAGE.parent / name, folder / "copy" / name, ignore=ignore)
    file = folder / "copy" / "engine" / "models" / model
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    code, err = run(
        ["--no-serve", "--audio", "good.wav", "--motion", "out.csv"],
        PYTHONPATH=str(folder / "copy"),
    )
    print(err, end="")
    assert code == 1 and file.name in one_line(err)
    assert not list(folder.glob("*out*"))
