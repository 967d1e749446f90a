"""Whether somebody speaks, by Silero's net: music, noise and hum are no speech to it."""

import numpy as np

from ..model import MODELS, open_model, open_session
from ..types import Floats

BLOCK, BEFORE = 512, 64  # samples: judged at once, and heard again from before them


class Speech:
    """16 kHz samples -> the probability of speech in each block of 32 ms."""

    def __init__(self, provider: str = "cpu") -> None:
        model = open_model(MODELS / "silero")
        self._session, _ = open_session(model.file("model.onnx"), provider)
        self._kept = np.zeros(BEFORE, np.float32)
        self._h = self._c = np.zeros((1, 1, 128), np.float32)

    def push(self, samples: Floats) -> Floats:
        """Probabilities (n,) of the blocks that these samples complete."""
        self._kept = np.concatenate([self._kept, samples])
        count = (len(self._kept) - BEFORE) // BLOCK
        if count == 0:
            return np.zeros(0, np.float32)
        blocks = np.lib.stride_tricks.sliding_window_view(self._kept, BEFORE + BLOCK)
        feeds = {"input": blocks[: count * BLOCK : BLOCK], "h": self._h, "c": self._c}
        heard, self._h, self._c = self._session.run(None, feeds)
        self._kept = self._kept[count * BLOCK :]
        return np.asarray(heard, np.float32).ravel()
