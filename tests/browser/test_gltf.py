"""A recorded GLB in three.js, in Chromium: it loads, plays, and its jaw moves with the sound."""

import base64
import csv
import json
import shutil
import struct
import subprocess
import sys
import tarfile
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile
from aiohttp import web

from engine.capture import read_sound
from engine.capture.choose import SAMPLE
from engine.head import ARKIT, Head
from engine.head.avatar import load_appearance
from tests.browser.browsing import chromium, why_not

ROOT = Path(__file__).parents[2]
THREE = "0.180.0"
FPS, SECONDS = 30, 4.0
WEBGL = ["--no-sandbox", "--no-first-run", "--disable-background-networking",
         "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]  # fmt: skip


@pytest.fixture(scope="module")
def three(tmp_path_factory):
    """three.js as npm has it, fetched once."""
    cache = ROOT / ".cache" / "three"
    packed = cache / f"three-{THREE}.tgz"
    if not packed.exists():
        if shutil.which("npm") is None:
            pytest.skip("no npm: apt install npm")
        cache.mkdir(parents=True, exist_ok=True)
        command = ["npm", "pack", "--silent", f"three@{THREE}"]
        done = subprocess.run(command, cwd=cache, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"npm could not fetch three.js: {done.stderr.strip()[-200:]}")
    folder = tmp_path_factory.mktemp("three")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """The same four seconds of the bundled sample as GLB and as CSV, and their sound."""
    folder = tmp_path_factory.mktemp("glb")
    sound = read_sound(SAMPLE)
    samples = sound.samples[: round(SECONDS * sound.rate)]
    soundfile.write(folder / "said.wav", samples, sound.rate)
    for name in ("head.glb", "head.csv"):
        command = [sys.executable, "-m", "engine.live", "--no-serve", "--audio",
                   str(folder / "said.wav"), "--motion", str(folder / name)]  # fmt: skip
        subprocess.run(command, check=True, cwd=ROOT, capture_output=True, timeout=120)
    return folder, samples, sound.rate


def rows_of(folder):
    with (folder / "head.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [{k: float(v) for k, v in row.items()} for row in rows]


def glb(path):
    """By the container's layout: its JSON and its binary chunk."""
    data = path.read_bytes()
    assert struct.unpack_from("<4sII", data) == (b"glTF", 2, len(data))
    size, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and size % 4 == 0
    text = json.loads(data[20 : 20 + size])
    length, kind = struct.unpack_from("<I4s", data, 20 + size)
    assert kind == b"BIN\0" and 28 + size + length == len(data)
    return text, data[28 + size :]


def test_the_container_holds_what_it_says(recorded):
    text, binary = glb(recorded[0] / "head.glb")
    assert text["buffers"] == [{"byteLength": len(binary)}]
    for view in text["bufferViews"]:
        assert view["byteOffset"] % 4 == 0
        assert view["byteOffset"] + view["byteLength"] <= len(binary)
    (mesh,) = text["meshes"]
    assert mesh["extras"]["targetNames"] == list(ARKIT)
    assert all(len(p["targets"]) == 52 for p in mesh["primitives"])
    (animation,) = text["animations"]
    paths = [c["target"]["path"] for c in animation["channels"]]
    assert paths == ["weights", "rotation"]
    keys = [text["accessors"][s["input"]]["count"] for s in animation["samplers"]]
    values = text["accessors"][animation["samplers"][0]["output"]]["count"]
    assert keys == [len(rows_of(recorded[0]))] * 2 and values == 52 * keys[0]


@asynccontextmanager
async def served(three, folder):
    async def page(_):
        return web.FileResponse(Path(__file__).parent / "gltf.html")

    app = web.Application()
    app.add_routes([web.static("/three", three), web.static("/made", folder), web.get("/", page)])
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/"
    finally:
        await runner.cleanup()


def loudness(samples, rate, count):
    """(count,) root mean square around each frame."""
    half = rate // FPS
    middles = (np.arange(count) * rate / FPS).astype(int)
    pieces = [samples[max(0, m - half) : m + half] for m in middles]
    return np.array([np.sqrt(np.mean(p**2)) if len(p) else 0.0 for p in pieces])


async def test_three_js_plays_it_and_the_jaw_moves_with_the_sound(three, recorded, tmp_path):
    if reason := why_not():
        pytest.skip(reason)
    folder, samples, rate = recorded
    rows = rows_of(folder)
    async with served(three, folder) as url, chromium(WEBGL) as browser:
        page = await browser.new_page(viewport={"width": 480, "height": 480})
        errors = []
        page.on("pageerror", lambda e: errors.append(str(e)))
        await page.goto(url)
        await page.wait_for_function("window.about", timeout=60_000)
        about = await page.evaluate("about")
        shown = await page.evaluate(f"Array.from({{length: {len(rows)}}}, (_, k) => at(k / {FPS}))")
        loud = int(np.argmax([row["jawOpen"] for row in rows]))
        quiet = int(np.argmin([row["jawOpen"] for row in rows]))
        pictures, corners = {}, {}
        for name, k in (("open", loud), ("closed", quiet)):
            await page.evaluate(f"at({k} / {FPS})")
            corners[name] = np.array(await page.evaluate(
                f"Array.from({{length: {about['vertices']}}}, (_, k) => vertex(k))"))  # fmt: skip
            drawn = await page.evaluate('document.querySelector("canvas").toDataURL()')
            pictures[name] = base64.b64decode(drawn.partition(",")[2])
            (tmp_path / f"{name}.png").write_bytes(pictures[name])
    print(f"\n{about['meshes']} meshes, {about['seconds']:.2f} s; pictures in {tmp_path}")
    assert not errors
    assert about["targets"] == list(ARKIT) and about["meshes"] == 6
    assert about["seconds"] == pytest.approx((len(rows) - 1) / FPS, abs=1e-3)
    jaw = np.array([frame["jawOpen"] for frame in shown])
    assert jaw == pytest.approx([row["jawOpen"] for row in rows], abs=1e-3)
    heard = loudness(samples, rate, len(rows))
    together = np.corrcoef(jaw, heard)[0, 1]
    print(
        f"jaw and loudness: correlation {together:.2f}; jaw from {jaw.min():.2f} to {jaw.max():.2f}"
    )
    assert together > 0.3 and np.ptp(jaw) > 0.1
    assert np.ptp([frame["turn"] for frame in shown], axis=0).max() > 0.002, "the head is still"
    assert pictures["open"] != pictures["closed"]
    for name, k in (("open", loud), ("closed", quiet)):
        assert corners[name] * 1000 == pytest.approx(posed(rows[k]), abs=0.05), name


def posed(row):
    """Where the engine's own head has each render vertex at this row: millimetres."""
    head = Head.load()
    person = head.person(load_appearance("nora", head).identity)
    weights = np.array([row[name] for name in ARKIT], np.float32)
    vertices = head.pose(person, weights)
    yaw, pitch, roll = (row[f"head{a}"] for a in ("Yaw", "Pitch", "Roll"))
    turned = vertices @ turn(yaw, pitch, roll).T
    follow = head.head_weight[:, None]
    return ((1 - follow) * vertices + follow * turned)[head.corner_vertex]


def turn(yaw, pitch, roll):
    (cy, cx, cz), (sy, sx, sz) = np.cos([yaw, pitch, roll]), np.sin([yaw, pitch, roll])
    y = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    x = np.array([[1, 0, 0], [0, cx, -sx], [0, sx, cx]])
    z = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]])
    return y @ x @ z
