"""For whoever watches over a session: /metrics for Prometheus, /readyz for a supervisor."""

import asyncio
from collections.abc import Callable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from ..stats import BUCKETS, Stats

DROPPED = "dropped from "
Gauges = Callable[[], dict[str, float]]


class Metrics(Collector):
    """Everything that `stats` holds, and `gauges` by name; read when somebody asks.

    `ready` says "", or why the session is not ready to be used.
    """

    def __init__(self, stats: Stats, gauges: Gauges, ready: Callable[[], str]) -> None:
        self._stats, self._gauges, self._ready = stats, gauges, ready
        self._values: dict[str, float] = {}  # of the gauges, as they were when last asked
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        self.routes = [web.get("/metrics", self._metrics), web.get("/readyz", self._readyz)]

    def collect(self) -> Iterator[Metric]:
        yield self._steps()
        counts = dict(self._stats.counts)
        drops = {k.removeprefix(DROPPED): n for k, n in counts.items() if k.startswith(DROPPED)}
        others = {k: n for k, n in counts.items() if not k.startswith(DROPPED)}
        yield _counters("likeness_dropped", "Values dropped, by where.", "reason", drops)
        yield _counters("likeness_counted", "Other things counted.", "what", others)
        for name, value in self._values.items():
            yield GaugeMetricFamily(f"likeness_{name}", name.replace("_", " "), value)

    def _steps(self) -> Metric:
        family = HistogramMetricFamily(
            "likeness_step_seconds", "How long each step takes.", labels=["step"]
        )
        for name, (counts, total) in self._stats.histograms().items():
            edges = [*(f"{b:g}" for b in BUCKETS), "+Inf"]
            running, buckets = 0, []
            for edge, n in zip(edges, counts, strict=True):
                running += n
                buckets.append((edge, float(running)))
            family.add_metric([name], buckets, total)
        return family

    async def _metrics(self, request: web.Request) -> web.Response:
        self._values = self._gauges() | {"ready": float(not self._ready())}
        text = await asyncio.to_thread(generate_latest, self._registry)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _readyz(self, request: web.Request) -> web.Response:
        why = self._ready()
        body = {"ready": not why} | ({"why": why} if why else {})
        return web.json_response(body, status=503 if why else 200)


def _counters(name: str, words: str, label: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, words, labels=[label])
    for what, n in counts.items():
        family.add_metric([what], n)
    return family
