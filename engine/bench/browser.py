"""A real browser as a viewer has it: headless Chromium on the page, driven by playwright.

Both come with the extra `test`; the autoplay rules stay in force and no other network is used.
"""

import socket
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil

from ..errors import DeliveryError

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]
FIGURES = "likeness.meter.figures()"
VIEWPORT = {"width": 1280, "height": 800}


def why_not() -> str:
    """What this machine lacks for a browser to get video, or ""."""
    if not CHROMIUM.exists():
        return f"no {CHROMIUM}: apt install chromium"
    try:
        import playwright.async_api  # noqa: F401  # optional: only the extra `test` brings it
    except ImportError:
        return "no playwright: ./run test installs it"
    up = psutil.net_if_stats()
    for name, addresses in psutil.net_if_addrs().items():
        if name != "lo" and up[name].isup and any(a.family == socket.AF_INET for a in addresses):
            return ""
    return "no network interface but lo is up, and WebRTC skips lo"


@asynccontextmanager
async def chromium(flags: Sequence[str] = FLAGS, within: Sequence[str] = ()) -> AsyncIterator[Any]:
    """A running browser, started by the command `within`; what goes wrong in it is one line."""
    from playwright.async_api import Error, async_playwright

    with tempfile.TemporaryDirectory() as folder:
        program = CHROMIUM
        if within:
            program = Path(folder) / "chromium"
            program.write_text(f'#!/bin/sh\nexec {" ".join(within)} {CHROMIUM} "$@"\n')
            program.chmod(0o755)
        try:
            async with async_playwright() as play:
                browser = await play.chromium.launch(executable_path=str(program), args=[*flags])
                try:
                    yield browser
                finally:
                    await browser.close()
        except Error as e:  # its text goes on with a log of many lines
            raise DeliveryError(f"the browser failed: {e.message.partition(chr(10))[0]}") from e


async def open_page(browser: Any, url: str, live: bool = True, **context: Any) -> Any:
    """The page at `url`, showing pictures where `live`; its errors are written out."""
    page = await browser.new_page(**({"viewport": VIEWPORT} | context))
    page.on("pageerror", lambda e: print(f"page error: {e}"))
    await page.goto(url)
    if live:
        await page.wait_for_selector("body[data-state=live]", timeout=20_000)
    return page
