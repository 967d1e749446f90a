"""`python -m engine.live`: arguments → Config → session. Flags over TOML over defaults."""

import argparse
import asyncio
import logging
import signal
import sys
import traceback
import webbrowser
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

if __name__ == "__main__":  # Ctrl-C during the imports below, which take a second, just ends it
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from . import config as configuration
from . import logs, session
from .capture import describe_devices
from .errors import EngineError
from .head.avatar import avatar_names
from .parts import LiveConfig, Voice


class Flag(NamedTuple):
    """An option that sets one key of the configuration."""

    name: str
    key: str
    value: str | tuple[str, ...]  # what --help calls it; a tuple where it may take several
    help: str
    kind: type = str


FLAGS = (
    Flag("--scene", "render.scene", "SCENE", "a scene's name, or the path of your own scene file"),
    Flag(
        "--avatar", "render.avatar", "NAME", f"{', '.join(avatar_names())}; or a TOML of your own"
    ),
    Flag("--seed", "seed", "N", "blinks, gaze and brows follow it; lips do not", int),
    Flag("--seconds", "seconds", "S", "end after so many seconds", float),
    Flag("--fps", "render.fps", "N", "pictures a second (30)", int),
    Flag("--provider", "provider", "WHERE", "auto, cpu or cuda: where the nets run"),
    Flag("--device", "capture.device", "MICROPHONE", "a microphone, by number or part of its name"),
    Flag("--audio", "capture.audio", "FILE", "a file with sound, in place of a microphone"),
    Flag(
        "--camera", "capture.camera", "CAMERA", "a camera, by number or part of its name; or test"
    ),
    Flag("--video", "capture.video", "FILE", "a file with pictures, in place of a camera"),
    Flag("--input", "capture.input", "WHERE", "browser: microphone and camera of a page"),
    Flag("--size", "render.size", "WxH", "width x height of the picture (512x512)"),
    Flag("--quality", "render.quality", "LEVEL", "auto, low, medium or high"),
    Flag("--background", "render.background", "COLOUR", "such as #203040, or transparent"),
    Flag("--host", "deliver.host", "ADDRESS", "to listen on; beyond loopback needs --tls"),
    Flag("--port", "deliver.port", "N", "port of the page (8080); 0 picks a free one", int),
    Flag("--tls", "deliver.tls", ("auto|CERT", "KEY"), "auto makes a certificate; or give yours"),
    Flag("--record", "files.record", "FILE", "write an .mp4, .mkv or .webm with picture and sound"),
    Flag("--motion", "files.motion", "FILE", "write a .csv of ARKit-52 weights and head angles"),
    Flag("--mesh", "files.mesh", "FILE", "write an .npz of vertices and landmarks"),
    Flag("--persona", "files.persona", "FILE", "write a .toml of the avatar that was imagined"),
    Flag("--params", "files.params", "FILE", "write an .npz of what is tracked of a camera's face"),
)


class Parser(argparse.ArgumentParser):
    """Tells a wrong command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"likeness: {message} (--help lists the options)\n")


def parser() -> Parser:
    p = Parser(
        prog="python -m engine.live",
        description="Speak, and a face speaks: microphone or file → 3D head → browser or files.",
    )
    for f in FLAGS:
        several: dict[str, Any] = {"nargs": "+"} if isinstance(f.value, tuple) else {}
        p.add_argument(f.name, dest=f.key, metavar=f.value, type=f.kind, help=f.help, **several)
    p.add_argument("--no-serve", action="store_true", help="no page: only write the files, fast")
    p.add_argument("--window", action="store_true", help="show the head in a window as well")
    p.add_argument("--open", action="store_true", help="open the page in the default browser")
    p.add_argument("--once", action="store_true", help="end when --audio ends, in place of looping")
    p.add_argument("--config", type=Path, help="a TOML file; configs/live.toml shows every key")
    p.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="any key, last")
    p.add_argument("--list-devices", action="store_true", help="list microphones, and end")
    p.add_argument("--log", choices=("words", "json"), default="words", help="form of log lines")
    p.add_argument("-v", "--verbose", action="store_true", help="log more, and show tracebacks")
    return p


def resolve(args: argparse.Namespace) -> LiveConfig:
    """The configuration that the command line asks for."""
    config = configuration.load(LiveConfig, args.config)
    for f in FLAGS:
        value = getattr(args, f.key)
        if value is not None:
            config = configuration.merge(config, _tree(f.key, value), f.name)
    for asked, key, value in (
        (args.no_serve, "serve", False),
        (args.window, "render.window", True),
        (args.once, "capture.loop", False),
    ):
        config = configuration.merge(config, _tree(key, value), key) if asked else config
    return configuration.override(config, args.set)


def _tree(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


async def converse(config: LiveConfig, open_page: bool, say: Callable[[str], None]) -> None:
    """One session, which Ctrl-C ends politely: what is being written is finished."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def end(number: signal.Signals) -> None:
        stop.set()
        loop.remove_signal_handler(number)  # a second Ctrl-C does not wait any more

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, end, number)

    def serving(url: str) -> None:
        say(f"open {url}")
        if open_page:
            webbrowser.open(url)

    await session.run(config, Voice(say, serving), stop)


def first(error: BaseException) -> BaseException:
    """The cause that a person should hear of, out of a task group's bundle."""
    while isinstance(error, BaseExceptionGroup):
        told = [e for e in error.exceptions if first(e).__class__ is not asyncio.CancelledError]
        mine = [e for e in told if isinstance(first(e), EngineError)]
        error = (mine or told or list(error.exceptions))[0]
    return error


def complain(error: BaseException, verbose: bool, form: logs.Form = "words") -> int:
    """Says what went wrong in one line; the exit code."""
    cause = first(error)
    if verbose and form == "words":
        traceback.print_exception(error)
    text = " ".join(str(cause).split())
    if not isinstance(cause, EngineError):
        text = (
            f"unexpected {type(cause).__name__}: {text} (--verbose shows where; "
            "./run doctor may know why)"
        )
    if form == "json":
        logging.getLogger("likeness").error(text, exc_info=error if verbose else None)
    else:
        print(f"likeness: {text}", file=sys.stderr)
    return cause.exit_code if isinstance(cause, EngineError) else 1


def speaker(form: logs.Form) -> Callable[[str], None]:
    """Tells a person, or the log: which must not keep the token that a link ends with."""
    if form == "json":
        return lambda line: logging.getLogger("likeness").info(line.partition("#token=")[0])
    return lambda line: print(line, flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    args = parser().parse_args(argv)
    logs.set_up(args.log, args.verbose)
    try:
        if args.list_devices:
            print("\n".join(describe_devices()))
            return 0
        asyncio.run(converse(resolve(args), args.open, speaker(args.log)))
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        return complain(error, args.verbose, args.log)
    return 0


if __name__ == "__main__":
    sys.exit(main())
