"""The long run: does memory grow, do pictures keep coming, is sound lost, does the delay grow?"""

import asyncio
import os
import secrets
import statistics
import sys
from typing import Any

from tqdm import tqdm

from ..errors import DeliveryError
from .browser import FIGURES, chromium, open_page, why_not
from .figures import Figures
from .run import SETTLE, Live, stats_of, watched
from .yard import Wire, wires

EACH = 10.0  # seconds between two readings of the page's meter
SHOWN = "document.querySelector('video').getVideoPlaybackQuality().totalVideoFrames"


async def soak(minutes: float, *options: str) -> Figures:
    """A session with one viewer for `minutes`: memory, rate and what was lost of the sound."""
    figures = Figures()
    async with watched(*options) as (live, receiver):
        await asyncio.sleep(SETTLE)
        steps = max(2, round(minutes * 6))
        memory, pictures = [live.memory()], [receiver.pictures]
        for _ in tqdm(range(steps), desc="soak", unit="10 s"):
            await asyncio.sleep(minutes * 60 / steps)
            memory.append(live.memory())
            pictures.append(receiver.pictures)
        said = await stats_of(live)
    counts = said["counts"]
    each = [(b - a) / (minutes * 60 / steps) for a, b in zip(pictures, pictures[1:], strict=False)]
    figures.values = {
        "memory at the end MB": round(memory[-1]),
        "memory growth MB": round(memory[-1] - memory[len(memory) // 4]),
        "mean frames a second": round(sum(each) / len(each), 2),
        "slowest ten seconds, frames a second": round(min(each), 2),
        "sound filled or cut ms": sum(
            counts.get(f"deliver.sound {k} ms", 0) for k in ("filled", "cut")
        ),
    }
    figures.milliseconds, figures.counts = said["milliseconds"], counts
    return figures


async def soak_behind(minutes: float, loss: float, delay: float, *options: str) -> Figures:
    """Chromium for `minutes` on a line that loses `loss` per cent and delays by `delay` ms, each
    way; then on a good one again."""
    if reason := why_not():
        raise DeliveryError(f"a bad line is measured in a browser: {reason}")
    os.environ["LIKENESS_TOKEN"] = secrets.token_urlsafe(24)
    with wires(1) as (wire,):
        live = Live("--port", "0", "--host", "0.0.0.0", "--tls", "auto", *options)
        try:
            port = (await live.address()).partition("#")[0].rstrip("/").rpartition(":")[2]
            link = f"https://{wire.host}:{port}/#token={os.environ['LIKENESS_TOKEN']}"
            async with chromium(within=wire.within) as browser:
                page = await open_page(browser, link, ignore_https_errors=True)
                await page.click("#hear")
                return Figures(await _behind(page, wire, live, minutes, (loss, delay)))
        finally:
            live.end()


async def _behind(
    page: Any, wire: Wire, live: Live, minutes: float, line: tuple[float, float]
) -> dict[str, float]:  # fmt: skip
    async def reading() -> dict[str, float]:
        before = await page.evaluate(SHOWN)
        await asyncio.sleep(EACH)
        shown = (await page.evaluate(SHOWN) - before) / EACH  # a fresh start of the page: below 0
        seen = {k: v for k, v in (await page.evaluate(FIGURES)).items() if v is not None}
        return seen | {"fps": max(shown, 0.0), "memory": live.memory()}

    await asyncio.sleep(SETTLE)
    clean = await reading()
    print(f"likeness: the bad line is made by: {wire.spoil(*line)}", file=sys.stderr)
    await asyncio.sleep(2 * SETTLE)
    steps = max(4, round(minutes * 60 / EACH))
    bad, bar = list[dict[str, float]](), tqdm(range(steps), desc="bad line", unit="10 s")
    for _ in bar:
        bad.append(await reading())
        bar.set_postfix({k: round(bad[-1].get(k, 0.0)) for k in ("fps", "skew", "latency_p50")})
    wire.heal()
    await asyncio.sleep(2 * SETTLE)
    after = await reading()
    quarter = len(bad) // 4
    skews = [r.get("skew", 1e3) for r in bad]  # none measured: as bad as can be
    early, late = bad[quarter : 2 * quarter], bad[-quarter:]
    found = {
        "clean: frames a second": clean["fps"], "clean: latency p50 ms": clean["latency_p50"],
        "bad line: mean frames a second": _mean(bad, "fps"),
        "bad line: slowest ten seconds, frames a second": min(r.get("fps", 0.0) for r in bad),
        "bad line: skew ms, worst": max(map(abs, skews)),
        "bad line: skew ms, median, + is sound late": statistics.median(skews),
        "bad line: latency p50 ms": _mean(bad, "latency_p50"),
        "bad line: growth of delay ms": _mean(late, "latency_p50") - _mean(early, "latency_p50"),
        "bad line: memory growth MB": _mean(late, "memory") - _mean(early, "memory"),
        "after it: frames a second": after["fps"], "after it: latency p50 ms": after["latency_p50"],
    }  # fmt: skip
    return {name: round(value, 1) for name, value in found.items()}


def _mean(readings: list[dict[str, float]], name: str) -> float:
    return statistics.fmean(r[name] for r in readings if name in r)
