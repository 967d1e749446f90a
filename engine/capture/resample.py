"""Changes the sample rate of a stream, by soxr, with a small and stated delay.

soxr's own stream hands out in bursts: at 48 -> 16 kHz its delay swings between 6 and 37 ms,
and a live path must declare the worst. Here fixed blocks are resampled one at a time
together with the context that the filter sees, which gives the same samples (-130 dB apart,
rounding) for 11 ms. Blocks are fixed, so any cutting of the input gives the same output.
"""

from math import ceil, gcd

import numpy as np
import soxr

from ..stats import Stats
from ..types import AudioChunk, Floats

_BLOCK = 0.005  # seconds, at the least
_REACH = 96  # samples at the lower rate: half the length of soxr's HQ filter
_TOLERANCE = 0.02  # seconds that the stamps may differ from the count


class Resample:
    """A stage: AudioChunk at `rate_in` -> contiguous AudioChunk at `rate_out`.

    Sample i of the output is at exactly `origin + i / rate_out`, with the origin taken from
    the first chunk. Where the stamps jump by more than 20 ms, silence is put in or sound is
    cut out, and counted as NAME.gap or NAME.cut.
    """

    def __init__(
        self,
        rate_out: int,
        name: str = "resample",
        rate_in: int = 48_000,
        stats: Stats | None = None,
    ) -> None:
        common = gcd(rate_in, rate_out)
        self.name, self.rate_in, self.rate_out = name, rate_in, rate_out
        self._stats = stats or Stats()
        self._unit_in, self._unit_out = rate_in // common, rate_out // common
        units = ceil(_BLOCK * common)
        self._block_in, self._block_out = units * self._unit_in, units * self._unit_out
        self._after = ceil(_REACH * rate_in / min(rate_in, rate_out))
        self._before = ceil(self._after / self._unit_in) * self._unit_in
        self._same = rate_in == rate_out
        self._held: Floats = np.zeros(0 if self._same else self._before, np.float32)
        self._origin: float | None = None
        self._in = self._out = 0  # samples so far

    @property
    def lookahead(self) -> float:
        """Seconds of input after t that are needed for the output at t."""
        return 0.0 if self._same else (self._block_in + self._after) / self.rate_in

    def push(self, item: AudioChunk) -> list[AudioChunk]:
        if item.rate != self.rate_in:
            raise ValueError(f"{self.name}: {item.rate} Hz came where {self.rate_in} was declared")
        if self._origin is None:
            self._origin = item.t
        samples = self._aligned(item.t, item.samples)
        self._in += len(samples)
        return self._emit(samples if self._same else self._resampled(samples))

    def finish(self) -> list[AudioChunk]:
        """The rest, so that the output lasts as long as the input."""
        left = ceil(self._in * self._unit_out / self._unit_in) - self._out
        if left <= 0:
            return []
        tail = np.zeros(self._after + self._block_in, np.float32)
        return self._emit(self._resampled(tail)[:left])

    def _aligned(self, t: float, samples: Floats) -> Floats:
        """`samples` with silence put before them, or cut off, where the count says so."""
        assert self._origin is not None
        jump = t - (self._origin + self._in / self.rate_in)
        if abs(jump) <= _TOLERANCE:
            return samples
        n = round(abs(jump) * self.rate_in)
        if jump > 0:
            self._stats.count(f"{self.name}.gap")
            return np.concatenate([np.zeros(n, np.float32), samples])
        self._stats.count(f"{self.name}.cut")
        return samples[n:]

    def _resampled(self, samples: Floats) -> Floats:
        """What can be answered now: whole blocks that have all their context."""
        self._held = np.concatenate([self._held, samples])
        window = self._before + self._block_in + self._after
        skip = self._before // self._unit_in * self._unit_out
        done, begin = [np.zeros(0, np.float32)], 0
        while begin + window <= len(self._held):
            piece = self._held[begin : begin + window]
            whole = soxr.resample(piece, self.rate_in, self.rate_out, quality="HQ")
            done.append(whole[skip : skip + self._block_out])
            begin += self._block_in
        self._held = self._held[begin:]
        return np.concatenate(done)

    def _emit(self, samples: Floats) -> list[AudioChunk]:
        if not len(samples):
            return []
        assert self._origin is not None
        t = self._origin + self._out / self.rate_out
        self._out += len(samples)
        return [AudioChunk(t, samples, self.rate_out)]
