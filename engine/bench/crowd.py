"""Many viewers at once, a viewer that falls silent, and a bad line: what each costs the others.

Viewers are in network namespaces (yard.py); most count pictures without decoding them, one is
Chromium, so what is measured is the engine and not the viewers' own machine.
"""

import asyncio
import json
import os
import secrets
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from typing import Any

import aiohttp

from ..errors import DeliveryError
from .browser import FIGURES, chromium, open_page, why_not
from .figures import Figures
from .run import SETTLE, Live, told
from .yard import Wire, wires

CROWD = (1, 5, 10, 20)
PATIENCE = 60.0  # seconds that a silent viewer is waited for to be cut off


class Crowd:
    """`count` viewers in a process of their own, behind a wire."""

    def __init__(self, wire: Wire, url: str, count: int) -> None:
        command = [*wire.within, sys.executable, "-m", "engine.bench.receivers", url, str(count)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._said: list[list[int]] = []
        self._reading = asyncio.create_task(asyncio.to_thread(self._read))

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._said.append(json.loads(line))

    @property
    def counts(self) -> list[int]:
        return self._said[-1] if self._said else []

    async def watch(self) -> None:
        """Until each has had a picture."""
        with told():
            async with asyncio.timeout(60):
                while not (self.counts and all(self.counts)):
                    if self._process.poll() is not None:
                        raise DeliveryError("the viewers ended; what they said is above")
                    await asyncio.sleep(0.1)

    async def rates(self, seconds: float) -> list[float]:
        """Pictures a second of each."""
        before, began = self.counts, time.perf_counter()
        await asyncio.sleep(seconds)
        taken = time.perf_counter() - began
        return [(b - a) / taken for a, b in zip(before, self.counts, strict=True)]

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()


async def crowd(seconds: float, loss: float, delay: float, *options: str) -> Figures:
    """All of it, `seconds` for each number of viewers."""
    figures = Figures()
    with wires(2) as (near, far):
        os.environ["LIKENESS_TOKEN"] = secrets.token_urlsafe(24)
        places = ("--set", f"deliver.viewers={max(CROWD) + 4}")
        live = Live("--port", "0", "--host", "0.0.0.0", "--tls", "auto", *places, *options)
        try:
            port = (await live.address()).partition("#")[0].rstrip("/").rpartition(":")[2]
            urls = [f"https://{wire.host}:{port}/" for wire in (near, far)]
            figures.values |= await _grown(live, near, urls[0], seconds)
            figures.values |= await _silent(near, far, urls)
            figures.values |= await _bad_line(far, urls[1], seconds, (loss, delay))
            figures.counts = (await _stats(urls[0]))["counts"]
        finally:
            live.end()
    return figures


async def _grown(live: Live, wire: Wire, url: str, seconds: float) -> dict[str, float]:
    """The engine's own processor time over the number of viewers, one of the most is Chromium."""
    found: dict[str, float] = {}
    cores: list[float] = []
    for count in CROWD:
        real = count == CROWD[-1] and not _no_browser()
        async with AsyncExitStack() as stack:
            page = await stack.enter_async_context(_chromium_at(wire, url)) if real else None
            viewers = stack.enter_context(closing(Crowd(wire, url, count - real)))
            await viewers.watch()
            await asyncio.sleep(SETTLE)
            before, began = live.cpu()[0], time.perf_counter()
            rates = await viewers.rates(seconds)
            cores.append((live.cpu()[0] - before) / (time.perf_counter() - began))
            if page is not None:
                seen = await page.evaluate(FIGURES)
                found[f"{count} viewers: Chromium among them, frames a second"] = seen["fps"]
        found[f"{count} viewers: cores"] = cores[-1]
        found[f"{count} viewers: slowest, frames a second"] = min(rates)
    found["% of a core a viewer"] = 100 * (cores[-1] - cores[0]) / (CROWD[-1] - CROWD[0])
    return {name: round(value, 2) for name, value in found.items()}


def _no_browser() -> bool:
    """Whether there is none; and tells so."""
    if reason := why_not():
        print(f"likeness: no browser figures: {reason}", file=sys.stderr)
    return bool(reason)


@asynccontextmanager
async def _chromium_at(wire: Wire, url: str) -> AsyncIterator[Any]:
    """The page in a Chromium behind the wire, with its sound on."""
    async with chromium(within=wire.within) as browser:
        link = f"{url}#token={os.environ['LIKENESS_TOKEN']}"
        page = await open_page(browser, link, ignore_https_errors=True)
        await page.click("#hear")
        await asyncio.sleep(SETTLE)
        yield page


async def _silent(near: Wire, far: Wire, urls: list[str]) -> dict[str, float]:
    """Five who watch while the line of a sixth goes dead."""
    with closing(Crowd(near, urls[0], 5)) as five, closing(Crowd(far, urls[1], 1)) as sixth:
        await asyncio.gather(five.watch(), sixth.watch())
        await asyncio.sleep(SETTLE)
        before = await five.rates(6)
        far.cut()
        began = time.perf_counter()
        while_dead = await five.rates(6)
        await _left(urls[0], 5)
        taken = time.perf_counter() - began
        far.cut(on=False)
    return {
        "beside a dead line: slowest, share of before": round(min(while_dead) / min(before), 3),
        "dead line cut off after s": round(taken, 1),
    }


async def _left(url: str, count: int) -> None:
    """Until no more than `count` viewers are there, or patience ends."""
    for _ in range(round(PATIENCE / 0.5)):
        if len((await _stats(url))["viewers"]) <= count:
            return
        await asyncio.sleep(0.5)


async def _bad_line(
    wire: Wire, url: str, seconds: float, line: tuple[float, float]
) -> dict[str, float]:
    """Chromium behind loss (%) and delay (ms), by the page's own meter; {} and a line where none
    is."""
    if _no_browser():
        return {}
    async with _chromium_at(wire, url) as page:
        said = {"clean": await _metered(page, seconds)}
        print(f"likeness: the bad line is made by: {wire.spoil(*line)}", file=sys.stderr)
        await asyncio.sleep(2 * SETTLE)
        said["bad line"] = await _metered(page, seconds)
        wire.heal()
        await asyncio.sleep(2 * SETTLE)
        said["after it"] = await _metered(page, seconds)
    return {
        f"Chromium, {name}: {k}": v for name, figures in said.items() for k, v in figures.items()
    }


async def _metered(page: Any, seconds: float) -> dict[str, float]:
    await asyncio.sleep(seconds)
    seen = await page.evaluate(FIGURES)
    wanted = (("fps", "frames a second"), ("latency_p50", "latency p50 ms"), ("skew", "skew ms"))
    return {words: round(seen[k], 1) for k, words in wanted if seen[k] is not None}


async def _stats(url: str) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {os.environ['LIKENESS_TOKEN']}"}
    with told():
        async with aiohttp.ClientSession(raise_for_status=True, headers=headers) as http:
            async with http.get(f"{url}stats", ssl=False) as said:
                return dict(await said.json())
