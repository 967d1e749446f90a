"""What the tests of the page share; the browser itself is the one that engine.bench uses."""

from pathlib import Path

from engine.bench.browser import FIGURES, chromium, open_page, why_not

__all__ = ["FIGURES", "MEASURE", "chromium", "open_page", "percentile", "why_not"]
MEASURE = (Path(__file__).parent / "measure.js").read_text().rstrip().rstrip(";")


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]
