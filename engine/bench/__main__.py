"""`python -m engine.bench [chain|nets|camera|soak|speech|mqtt|crowd]`: how fast it is here.

chain (the default): a whole session with one viewer, the nets alone, the start, and where
Chromium and playwright are installed what a browser sees. nets: streams batched through one ONNX
session. camera: from a browser's fake camera to the picture that it displays. soak: the long run.
speech: --minutes of sound through the speech stage, as fast as it goes. mqtt: events through a
broker that ends again and again. crowd: up to twenty viewers, a dead line and a bad one, in a
network of its own (root); with --loss or --delay soak puts a browser behind a bad line there.
--gate exits with 1 where a figure misses its bound or is not there.
"""

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any

from ..errors import EngineError
from .camera import camera_to_screen
from .crowd import crowd
from .figures import Figures
from .mqtt import both
from .nets import nets
from .run import chain
from .soak import soak, soak_behind
from .speech import long_speech
from .viewer import watch_in_browser


def import_seconds() -> float:
    """A fresh interpreter that imports the engine: the fastest of three."""
    command = [sys.executable, "-c", "import engine.live"]
    taken = []
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run(command, check=True)
        taken.append(time.perf_counter() - began)
    return round(min(taken), 2)


async def everything(args: argparse.Namespace, options: list[str]) -> Figures:
    figures = await chain(args.seconds, *options)
    alone = nets(args.provider)
    figures.milliseconds |= alone.milliseconds
    steps = [
        m["p50"] for k, m in alone.milliseconds.items() if "meshtalk" in k and "batch 1" == k[-7:]
    ]
    figures.values["meshtalk step ms"] = max(steps)
    figures.values["import s"] = import_seconds()
    if args.browser:
        figures.values |= await watch_in_browser(args.seconds, *options)
    return figures


def line_of(args: argparse.Namespace) -> tuple[float, float]:
    """Loss and delay that were asked for; 2 % and 80 ms where nothing was said."""
    return (2.0 if args.loss is None else args.loss, 80.0 if args.delay is None else args.delay)


def asks_line(args: argparse.Namespace) -> bool:
    return args.loss is not None or args.delay is not None


async def long_run(args: argparse.Namespace, options: list[str]) -> Figures:
    if asks_line(args):
        return await soak_behind(args.minutes, *line_of(args), *options)
    return await soak(args.minutes, *options)


def measure(args: argparse.Namespace, options: list[str]) -> Figures:
    """The run that was asked for."""
    if args.what == "nets":
        return nets(args.provider)
    if args.what == "speech":
        return long_speech(args.minutes, args.provider)
    runs: dict[str, Callable[[], Coroutine[Any, Any, Figures]]] = {
        "camera": lambda: camera(args.seconds, *options),
        "soak": lambda: long_run(args, options),
        "mqtt": lambda: both(args.events, args.restarts),
        "crowd": lambda: crowd(args.seconds, *line_of(args), *options),
        "chain": lambda: everything(args, options),
    }
    return asyncio.run(runs[args.what]())


async def camera(seconds: float, *options: str) -> Figures:
    return Figures(await camera_to_screen(seconds, *options))


def gated(what: str, browser: bool, line: bool = False) -> tuple[str, ...]:
    """The runs whose bounds are held."""
    if what == "chain":
        return ("chain", "browser") if browser else ("chain",)
    return ("line",) if what == "soak" and line else (what,)


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m engine.bench", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument(
        "what",
        nargs="?",
        default="chain",
        choices=("chain", "nets", "camera", "soak", "speech", "mqtt", "crowd"),
    )
    parser.add_argument(
        "--seconds", type=float, default=20, help="of chain and crowd, once settled"
    )
    parser.add_argument("--minutes", type=float, default=1, help="of soak or speech")
    parser.add_argument("--loss", type=float, help="of a bad line, %% each way; crowd: 2")
    parser.add_argument("--delay", type=float, help="of a bad line, ms each way; crowd: 80")
    parser.add_argument("--events", type=int, default=10_000, help="of mqtt")
    parser.add_argument("--restarts", type=int, default=20, help="of mqtt's broker")
    parser.add_argument("--provider", default="cpu", choices=("auto", "cpu", "cuda"))
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument("--gate", action="store_true", help="exit with 1 where a bound is missed")
    parser.add_argument(
        "--no-browser", dest="browser", action="store_false", help="chain: leave the browser out"
    )
    args, options = parser.parse_known_args()
    try:
        figures = measure(args, [*options, "--provider", args.provider])
    except EngineError as e:
        print(f"likeness: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print("likeness: stopped", file=sys.stderr)
        return 1
    print(json.dumps(asdict(figures), indent=1) if args.json else "\n".join(figures.rows()))
    runs = gated(args.what, args.browser, asks_line(args))
    missed = figures.missed(runs) if args.gate else []
    if missed:
        print("likeness: missed: " + "; ".join(missed), file=sys.stderr)
    return int(bool(missed))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that all is put away
    sys.exit(main())
