"""The long run: does memory grow, do pictures keep coming, is sound lost?"""

import asyncio

from tqdm import tqdm

from .figures import Figures
from .run import SETTLE, stats_of, watched


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
