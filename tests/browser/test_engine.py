"""The engine itself, as `python -m engine.live` runs it, watched in Chromium."""

import asyncio

from engine.bench.run import Live, stats_of
from tests.browser.browsing import FIGURES, open_page

NOISE = 3  # machines that run tests are busy: the bounds proper are held by engine.bench

SOUND = """async () => {
  const all = [...(await likeness.meter.peer.getStats()).values()];
  return all.find((s) => s.type === "inbound-rtp" && s.kind === "audio").totalAudioEnergy;
}"""
LOOK = """() => {
  const canvas = new OffscreenCanvas(64, 64), pen = canvas.getContext("2d");
  pen.drawImage(document.getElementById("video"), 0, 0, 64, 64);
  return [...pen.getImageData(0, 0, 64, 64).data];
}"""


async def test_a_head_speaks_on_the_page(browser):
    live = Live("--port", "0", "--seconds", "60")
    try:
        page = await open_page(browser, await live.address())
        await page.click("#hear")
        await asyncio.sleep(4)
        before, energy = await page.evaluate(LOOK), await page.evaluate(SOUND)
        await asyncio.sleep(4)
        after, figures = await page.evaluate(LOOK), await page.evaluate(FIGURES)
        energy = await page.evaluate(SOUND) - energy
        served = await stats_of(live)
    finally:
        live.end()
    lookahead = 1000 * served["info"]["lookahead"]
    print(
        f"\nsound to screen: p50 {figures['latency_p50']:.0f}, p95 {figures['latency_p95']:.0f} ms"
        f" ({lookahead:.0f} ms of it look-ahead); sound after picture {figures['skew']:.0f} ms"
        f"\npictures a second: {figures['fps']:.1f}; {served['counts']}"
    )
    assert max(abs(a - b) for a, b in zip(before, after, strict=True)) > 20, "nothing moves"
    assert energy > 0, "nothing is heard"
    assert figures["latency_p50"] < lookahead + NOISE * 130
    assert abs(figures["skew"]) < NOISE * 45
    assert figures["fps"] > 30 / NOISE
