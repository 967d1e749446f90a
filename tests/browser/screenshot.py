"""Takes the pictures of the page that docs/ show: `python -m tests.browser.screenshot [FOLDER]`.

`--url` takes them of a session that already runs.
"""

import argparse
import asyncio
from pathlib import Path

from engine.bench.run import Live
from tests.browser.browsing import chromium, open_page

WARM = 12  # seconds before the figures on the page are worth showing


async def take(folder, url):
    async with chromium() as browser:
        page = await open_page(browser, url)
        await asyncio.sleep(3)
        await page.screenshot(path=folder / "page.png")
        await page.click("#hear, #anyway")
        await page.keyboard.press("s")
        await asyncio.sleep(WARM)
        await page.screenshot(path=folder / "page-statistics.png")
        phone = await open_page(browser, url, viewport={"width": 390, "height": 780})
        await asyncio.sleep(3)
        await phone.screenshot(path=folder / "page-phone.png")


async def main(args):
    args.folder.mkdir(parents=True, exist_ok=True)
    live = None if args.url else Live("--port", "0", "--avatar", args.avatar)
    try:
        await take(args.folder, args.url or await live.address())
    finally:
        if live:
            live.end()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=Path("docs/pictures"))
    parser.add_argument("--url", default="")
    parser.add_argument("--avatar", default="nora")
    asyncio.run(main(parser.parse_args()))
