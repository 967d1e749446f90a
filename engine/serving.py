"""The page's server, and what it says of the session."""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any

from .capture import Senses
from .clock import Clock
from .deliver import Server
from .deliver.enroll import enroll_routes
from .deliver.intake import Intake
from .deliver.metrics import Metrics
from .deliver.views import ask_route, challenge_route, persona_route
from .imagining import DOINGS
from .outside import Outside
from .parts import LiveConfig, Parts
from .stats import Stats
from .watching import Watching
from .wearing import Wearing

STALE = 2.0  # seconds without a picture after which a session that serves is not ready


def serving(
    config: LiveConfig, parts: Parts, senses: Senses, watching: Watching, outside: Outside,
    clock: Clock, delay: float, stats: Stats, pool: Executor,
) -> Server:  # fmt: skip
    """The page's server, and what programs find beside the page."""
    info = about_page(config, parts, senses, watching, outside, clock)
    wearing = wearing_for(config, parts, watching, pool)

    def gauges() -> dict[str, float]:
        online = {"mqtt_connected": float(outside.link.connected)} if outside.link else {}
        return {"viewers": server.watching, "uptime_seconds": clock.now(), **online}

    def unready() -> str:
        return "" if clock.now() - server.pictures_at < STALE else "no pictures come"

    def about() -> dict[str, Any]:
        more = {"worn": wearing.state} if wearing and watching.drive else {}
        return info() | more | ({"scene": parts.renderer.scene} if parts.renderer else {})

    routes = [*Metrics(stats, gauges, unready).routes, *outside.feed.routes]
    if watching.presence:
        routes += enroll_routes(watching.presence.begin_enrolment)
    routes.append(ask_route("/view", watching.choose))
    if watching.liveness:
        routes.append(challenge_route(watching.liveness.challenge_now))
    if parts.imagining:
        routes.append(persona_route(DOINGS, parts.imagining.do))
    if wearing:
        routes.append(ask_route("/wear", wearing.ask))
    browser = senses.browser
    intake = Intake(browser.kinds, browser.take) if browser else None
    server = Server(
        config.deliver, clock, delay, stats, about, intake, routes, outside.notice_viewer,
        watching.notary.attend if watching.notary else None, prompt=not watching.hears,
    )  # fmt: skip
    outside.watching = lambda: server.watching
    outside.figures = server.published
    outside.takes = server.takes
    if config.motion.channel:
        outside.feed.say = server.say
    return server


def about_page(
    config: LiveConfig, parts: Parts, senses: Senses, watching: Watching, outside: Outside,
    clock: Clock,
) -> Callable[[], dict[str, Any]]:  # fmt: skip
    """What the page says of the session."""
    fixed = parts.about | {
        "microphone": senses.sound.is_microphone and senses.browser is None,
        "source": senses.sound.describe,
        "background": config.render.background,
        "lookahead": parts.speech.lookahead,
        "enrolls": watching.presence is not None and config.verify.enroll,
    }

    def now() -> dict[str, Any]:
        about = fixed | watching.about() | {"refused": outside.refused}
        if parts.imagining:
            about |= parts.imagining.about()
        if not watching.describe:
            return about
        seen = {"describe": watching.describe} | watching.report.now(clock.now())
        return about | {"camera": seen | watching.known()}

    return now


def wearing_for(
    config: LiveConfig, parts: Parts, watching: Watching, pool: Executor
) -> Wearing | None:
    """Who puts a person's own face on the avatar, where one is drawn."""
    if parts.renderer is None:
        return None
    return Wearing(
        parts.head, config.render.avatar, config.track.avatars, parts.renderer,
        lambda: watching.drive, pool,
    )  # fmt: skip
