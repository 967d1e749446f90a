"""What belongs to a person and not to a moment: means over a session, weighted by belief."""

import numpy as np

from ..types import Floats

LONG = 60.0  # of belief: from then on the mean goes on following, slowly
LITTLE = 1e-6


class Mean:
    """A weighted mean (any shape) of values that come now and then."""

    def __init__(self) -> None:
        self.weight = 0.0
        self._mean: Floats | None = None

    def push(self, value: Floats, weight: float) -> Floats:
        """The mean with `value` in it; without any belief yet, the value itself."""
        if self._mean is None or self.weight < LITTLE:
            self._mean, self.weight = value, max(weight, 0.0)
            return value
        self.weight = min(self.weight + weight, LONG)
        share = np.float32(weight / max(self.weight, LITTLE))
        self._mean = self._mean + share * (value - self._mean)
        return np.asarray(self._mean, np.float32)

    @property
    def now(self) -> Floats:
        """The mean; there is one from the first push on."""
        assert self._mean is not None
        return self._mean
