"""How long media are held back, on a machine that may be slower than was planned."""

_MOST = 0.6  # seconds on top of the plan: beyond that a machine is too slow for a conversation
_LATE = 15  # pictures in a row, all of them late, that make the delay grow
_EARLY = 120  # pictures in a row, all of them early, that let it shrink again
_SPARE = 0.02  # seconds between a picture and its time that are aimed at


class Patience:
    """`delay` is the planned one, and more while pictures cannot be ready by then.

    Sound could always leave in time; but if pictures are late every time and sound is not,
    lips lag behind. So both wait longer, and a count tells that they do.
    """

    def __init__(self, planned: float) -> None:
        self.planned = self.delay = planned  # seconds
        self._late: list[float] = []
        self._early: list[float] = []

    def note(self, slack: float) -> bool:
        """Takes how much before its time a picture was ready; True where `delay` has changed."""
        self._late = [*self._late, slack] if slack < 0 else []
        self._early = [*self._early, slack] if slack > 2 * _SPARE else []
        before = self.delay
        if len(self._late) == _LATE:
            self.delay = min(self.planned + _MOST, self.delay + _SPARE - max(self._late))
        if len(self._early) == _EARLY:
            self.delay = max(self.planned, self.delay + _SPARE - min(self._early))
        if len(self._late) == _LATE or len(self._early) == _EARLY:
            self._late, self._early = [], []
        return self.delay != before
