"""Figures, the bounds that they are held to, and how both are shown."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Bound:
    """What a figure may be at most, or at least."""

    name: str
    limit: float
    at_least: bool = False

    def holds(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


BOUNDS = (
    Bound("frames a second", 28.5, at_least=True),
    Bound("cores", 1.5),
    Bound("memory MB", 600),
    Bound("first frame s", 4.0),
    Bound("import s", 2.0),
    Bound("meshtalk step ms", 3.0),
    Bound("latency over look-ahead ms", 130),
    Bound("skew ms", 45),
    Bound("reconnect s", 5.0),
    Bound("memory growth MB", 40),  # what caches and allocators may still take after a while
)


@dataclass
class Figures:
    """What was measured: single values by name, and milliseconds and counts by place."""

    values: dict[str, float] = field(default_factory=dict)
    milliseconds: dict[str, dict[str, float]] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def missed(self) -> list[str]:
        return [
            f"{b.name} {self.values[b.name]} (bound {b.limit})"
            for b in BOUNDS
            if b.name in self.values and not b.holds(self.values[b.name])
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
