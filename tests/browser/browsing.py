"""Debian's Chromium, as a viewer has it: autoplay rules in force, no access to other networks."""

import socket
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from playwright.async_api import async_playwright

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
MEASURE = (Path(__file__).parent / "measure.js").read_text().rstrip().rstrip(";")
FIGURES = "likeness.meter.figures()"


def why_not():
    """What this machine lacks for a browser to get video, or ""."""
    if not CHROMIUM.exists():
        return f"no {CHROMIUM}: apt install chromium"
    up = psutil.net_if_stats()
    for name, addresses in psutil.net_if_addrs().items():
        if name != "lo" and up[name].isup and any(a.family == socket.AF_INET for a in addresses):
            return ""
    return "no network interface but lo is up, and WebRTC skips lo"


@asynccontextmanager
async def chromium():
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


async def open_page(browser, url, live=True, **context):
    """A page that says on the test's output what it complains of."""
    context = {"viewport": {"width": 1280, "height": 800}} | context
    page = await browser.new_page(**context)
    page.on("pageerror", lambda e: print(f"page error: {e}"))
    await page.goto(url)
    if live:
        await page.wait_for_selector("body[data-state=live]", timeout=20_000)
    return page


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]
