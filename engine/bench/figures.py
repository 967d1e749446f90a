"""Figures, the bounds that they are held to, and how both are shown."""

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure may be at most, or at least."""

    name: str
    limit: float
    at_least: bool = False
    of: str = "chain"  # the run: chain, browser, camera, soak, line, speech, mqtt or crowd

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


BOUNDS = (
    Bound("frames a second", 28.5, at_least=True),
    Bound("cores", 1.5),
    Bound("memory MB", 600),
    Bound("first frame s", 4.0),
    Bound("import s", 2.0),
    Bound("meshtalk step ms", 3.0),
    Bound("latency over look-ahead ms", 130, of="browser"),
    Bound("skew ms", 45, of="browser"),
    Bound("reconnect s", 5.0, of="browser"),
    Bound("camera to screen p50 ms", 120, of="camera"),
    Bound("speech step ms", 3.0, of="speech"),
    Bound("frames off", 0, of="speech"),
    Bound("samples of drift", 0, of="speech"),
    Bound("speech memory growth MB", 10, of="speech"),
    Bound("memory growth MB", 40, of="soak"),  # what caches and allocators may still take
    Bound("mean frames a second", 10, at_least=True, of="soak"),  # low, for it also runs in tests
    Bound("slowest ten seconds, frames a second", 3, at_least=True, of="soak"),
    Bound("sound filled or cut ms", 100, of="soak"),
    Bound("% of a core a viewer", 3.0, of="crowd"),
    Bound("20 viewers: slowest, frames a second", 25, at_least=True, of="crowd"),
    Bound("beside a dead line: slowest, share of before", 0.9, at_least=True, of="crowd"),
    Bound("dead line cut off after s", 30, of="crowd"),
    Bound("Chromium, bad line: skew ms", 60, of="crowd"),
    Bound("bad line: skew ms, worst", 60, of="line"),
    Bound("bad line: growth of delay ms", 50, of="line"),
    Bound("bad line: memory growth MB", 40, of="line"),
    Bound("bad line: slowest ten seconds, frames a second", 3, at_least=True, of="line"),
    Bound("after it: frames a second", 10, at_least=True, of="line"),
    Bound("lost", 0, of="mqtt"),
    Bound("out of order", 0, of="mqtt"),
    Bound("came twice, unmarked", 0, of="mqtt"),
    Bound("killed: lost, unacknowledged at a broker's end", 0, of="mqtt"),
    Bound("killed: out of order", 0, of="mqtt"),
)


@dataclass
class Figures:
    """What was measured: single values by name, and milliseconds and counts by place."""

    values: dict[str, float] = field(default_factory=dict)
    milliseconds: dict[str, dict[str, float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def missed(self, runs: Collection[str]) -> list[str]:
        """The bounds of these runs that do not hold, or whose figure is not there."""
        held = [b for b in BOUNDS if b.of in runs]
        values = [self.values.get(b.name) for b in held]
        return [
            f"{b.name} {'not measured' if value is None else value} (bound {b.limit:g})"
            for b, value in zip(held, values, strict=True)
            if value is None or not b.holds(value)
        ]

    def rows(self) -> list[str]:
        """A table for people."""
        return [
            *(self._value(name, value) for name, value in self.values.items()),
            "",
            f"{'milliseconds':<34}{'median':>9}{'p95':>9}{'n':>8}",
            *(
                f"  {k:<32}{m['p50']:>9.2f}{m['p95']:>9.2f}{m['n']:>8.0f}"
                for k, m in sorted(self.milliseconds.items())
            ),
            "",
            "counted (drops by place, gaps): " + (str(self.counts) if self.counts else "none"),
        ]

    def _value(self, name: str, value: float) -> str:
        bound = next((b for b in BOUNDS if b.name == name), None)
        if bound is None:
            return f"{name:<34}{value:>9}"
        word = "at least" if bound.at_least else "at most"
        return f"{name:<34}{value:>9}   {word} {bound.limit:g}  {_verdict(bound, value)}"


def _verdict(bound: Bound, value: float) -> str:
    return "holds" if bound.holds(value) else "MISSED"
