"""What a person in front of a browser gets: latency, lip sync, and the way back after a restart."""

import asyncio
import sys
import time
from typing import Any

from ..errors import DeliveryError
from .browser import FIGURES, chromium, open_page, why_not
from .run import SETTLE, Live, stats_of

RESTART = 20_000  # milliseconds that the page may take to come back before we give up


async def watch_in_browser(seconds: float, *options: str) -> dict[str, float]:
    """Figures by the page's own meter on the real engine; {} and a line where no browser is."""
    if reason := why_not():
        print(f"likeness: no browser figures: {reason}", file=sys.stderr)
        return {}
    live = Live("--port", "0", *options)
    try:
        async with chromium() as browser:
            page = await open_page(browser, await live.address())
            await page.click("#hear")
            await asyncio.sleep(SETTLE + seconds)
            seen = await page.evaluate(FIGURES)
            lookahead = (await stats_of(live))["info"]["lookahead"]
            port = live.url.rstrip("/").rpartition(":")[2]
            live.end()
            live = Live("--port", port, *options)
            back = await _comes_back(live, page)
    finally:
        live.end()
    if seen["latency_p50"] is None or seen["skew"] is None:
        raise DeliveryError(
            "the page measured nothing: no pictures or no sound reached the browser"
        )
    return {
        "latency p50 ms": round(seen["latency_p50"]),
        "latency p95 ms": round(seen["latency_p95"]),
        "latency over look-ahead ms": round(seen["latency_p50"] - 1e3 * lookahead),
        "skew ms": round(abs(seen["skew"]), 1),
        "browser frames a second": round(seen["fps"], 1),
        "reconnect s": round(back, 1),
    }


async def _comes_back(live: Live, page: Any) -> float:
    """Seconds from the moment the server answers again to pictures on the page."""
    await page.wait_for_selector("body:not([data-state=live])", timeout=RESTART)
    await live.address()
    began = time.perf_counter()
    await page.wait_for_selector("body[data-state=live]", timeout=RESTART)
    return time.perf_counter() - began
