"""A whole session with a camera's video: who is enrolled is recognised, and the page checks it."""

from engine.bench.run import Live
from engine.verify.keys import new_keys
from tests.browser.browsing import open_page
from tests.faces_seen import write_video
from tests.recognisers import make_calibrated
from tests.wire.test_verify_session import enroll, make_key


async def test_who_is_before_the_camera_is_verified_on_the_page(browser, tmp_path):
    write_video(tmp_path / "me.mp4", 6)
    make_calibrated(tmp_path / "model")
    make_key(tmp_path / "keys" / "k")
    enroll(tmp_path, tmp_path / "people.db")
    keys = new_keys(tmp_path / "keys" / "owner")
    files = {"model": "model", "gallery": "people.db", "key": "keys/k", "claims.key": "keys/owner"}
    sets = [f'verify.{k}="{tmp_path / v}"' for k, v in files.items()]
    sets += ["verify.claims.issue=true", 'verify.claims.names={ Nora = "Fox" }', "render.fps=10"]
    given = [part for each in sets for part in ("--set", each)]
    live = Live("--port", "0", "--size", "64x64", "--video", str(tmp_path / "me.mp4"), *given)
    try:
        url = await live.address()
        page = await open_page(browser, f"{url}#key={keys.id}", live=False)
        await page.wait_for_selector("#claim[data-claim=verified]", timeout=60_000)
        said = await page.inner_text("#claim")
        stranger = await open_page(browser, f"{url}#key={'0' * 64}", live=False)
        await stranger.wait_for_selector("#claim[data-why=key]", timeout=60_000)
    finally:
        live.end()
    print(f"\n{said!r}")
    assert "Verified: Fox" in said and "Nora" not in said
