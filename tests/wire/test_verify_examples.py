"""The examples of docs/verify.md, run as they are."""

import ast
import importlib.util
from pathlib import Path

import av
import cv2
import pytest
from aiohttp.test_utils import TestClient, TestServer

from engine import Consent, Verifier
from engine.verify.decision import DecisionConfig
from engine.verify.protect import make_key
from engine.verify.verifier import VerifyConfig
from tests.recognisers import film, make_calibrated, portrait, taken

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def example(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_calibrated(tmp_path_factory.mktemp("models") / "pooled")


@pytest.fixture
def where(model, tmp_path, monkeypatch):
    """What Verifier.open is to be told: a gallery with Kenji in it."""
    make_key(tmp_path / "keys" / "k")
    monkeypatch.setenv("LIKENESS_GALLERY_KEY_FILE", str(tmp_path / "keys" / "k"))
    options = {"gallery": tmp_path / "people.db", "model": model}
    with Verifier.open(**options) as verifier:
        pictures = [taken(portrait("kenji"), k) for k in range(3)]
        verifier.enroll("Kenji", pictures, Consent.until("the door", "1y"))
    return options


def video(file, frames):
    with av.open(str(file), "w") as out:
        stream = out.add_stream("h264", rate=10, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(frame.pixels, format="rgb24")))
        out.mux(stream.encode())
    return file


def test_the_script(where, tmp_path, capsys):
    example("verify_script").main(video(tmp_path / "k.mp4", film(portrait("kenji"), 2.0)), **where)
    assert "match  Kenji" in capsys.readouterr().out.splitlines()[-1]


async def test_the_service(where):
    with Verifier.open(**where, target_fmr=0.02) as verifier:
        app = example("verify_service").application(verifier)
        async with TestClient(TestServer(app)) as client:
            answers = {}
            for name, pixels in (("kenji", portrait("kenji")), ("wall", portrait("kenji")[:40])):
                coded = cv2.imencode(".png", pixels[..., ::-1])[1].tobytes()
                answers[name] = await client.post("/identify", data=coded)
            known = await answers["kenji"].json()
            assert (known["decision"], known["name"]) == ("match", "Kenji")
            assert known["similarity"] is None  # whoever asks over the network is not trusted
            assert (
                answers["wall"].status == 422 and "face" in (await answers["wall"].json())["error"]
            )
            assert (await client.post("/identify", data=b"x")).status == 400


def test_the_door(where):
    config = VerifyConfig(decision=DecisionConfig(patience=1.0))
    opened = []
    with Verifier.open(**where, target_fmr=0.02, config=config) as verifier:
        door = example("verify_door")
        strangers = film(portrait("nora"), 2.0)
        door.guard(verifier, strangers, lambda: opened.append("stranger"))
        verifier.finish()
    with Verifier.open(**where, target_fmr=0.02) as verifier:
        door.guard(verifier, film(portrait("kenji"), 2.0), lambda: opened.append("Kenji"))
    assert opened == ["Kenji"]


@pytest.mark.parametrize("file", sorted(EXAMPLES.glob("verify_*.py")), ids=lambda f: f.stem)
def test_an_example_is_short(file):
    """What it does, without imports and what starts it: some 15 lines."""
    body = [n for n in ast.parse(file.read_text()).body if isinstance(n, ast.FunctionDef)]
    assert sum(n.end_lineno - n.lineno + 1 for n in body) <= 16
