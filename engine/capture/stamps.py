"""From the time stamps of a camera or a network stream to session time."""

_LEAK = 300e-6  # seconds a second: faster than any two clocks part
_JUMP = 1.0  # seconds by which a stream's stamps and their arrivals part only where it began anew


class FrameClock:
    """Stamps counted by the sender, moved to session time by the quickest arrivals.

    A value arrives when it was taken, plus what the way takes, which is never less than its
    least: so the least of (arrival - stamp) says where the sender's clock begins, and the
    jitter of the way does not show. The least is forgotten slowly, since clocks drift.
    """

    def __init__(self, rate: float = 1.0) -> None:
        """`rate`: of the stamps, in ticks a second."""
        self.rate = rate
        self._least: float | None = None
        self._noted = 0.0

    def note(self, stamp: float, arrival: float) -> None:
        """Something stamped `stamp` arrived at `arrival`, in session time."""
        begun = arrival - stamp / self.rate
        if self._least is None or abs(begun - self._least) > _JUMP:
            self._least = begun
        else:
            self._least = min(begun, self._least + _LEAK * (arrival - self._noted))
        self._noted = arrival

    def time(self, stamp: float) -> float:
        """The session time that belongs to a stamp; something must have been noted before."""
        assert self._least is not None
        return self._least + stamp / self.rate
