"""The shipped nets alone: milliseconds a step, one stream or many batched through one session."""

import statistics
import time
from pathlib import Path

import numpy as np
import onnxruntime as ort

from ..model import MODELS, open_model, open_session
from .figures import Figures

BATCHES = (1, 8, 32)
ROUNDS = 200
_DTYPES = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(uint8)": np.uint8}


def nets(provider: str) -> Figures:
    """Every ONNX file of every model folder, time fixed, at each batch size that it takes."""
    figures = Figures()
    for about in sorted(MODELS.glob("*/about.json")):
        model = open_model(about.parent)
        for name in model.about["files"]:
            if name.endswith(".onnx"):
                session, used = open_session(model.file(name), provider)
                label = f"{model.name}/{Path(name).stem} on {used}"
                batches = BATCHES if _any_batch(session) else (1,)
                figures.milliseconds |= {
                    f"{label}, batch {batch}": step(session, batch) for batch in batches
                }
    return figures


def step(session: ort.InferenceSession, batch: int, rounds: int = ROUNDS) -> dict[str, float]:
    """Milliseconds of one step of `batch` streams, median, after a warm-up; inputs are noise."""
    rng = np.random.default_rng(0)
    inputs = {i.name: _noise(i, batch, rng) for i in session.get_inputs()}
    for _ in range(10):
        session.run(None, inputs)
    taken = []
    for _ in range(max(20, rounds // batch)):
        began = time.perf_counter()
        session.run(None, inputs)
        taken.append((time.perf_counter() - began) * 1e3)
    p95 = statistics.quantiles(taken, n=20)[-1]
    return {"p50": round(statistics.median(taken), 3), "p95": round(p95, 3), "n": len(taken)}


def _any_batch(session: ort.InferenceSession) -> bool:
    return isinstance(session.get_inputs()[0].shape[0], str)


def _noise(wanted: ort.NodeArg, batch: int, rng: np.random.Generator) -> np.ndarray:
    shape = [batch if isinstance(n, str) else n for n in wanted.shape]
    kind, most = _DTYPES[wanted.type], 255 if wanted.type == "tensor(uint8)" else 1
    return (most * rng.random(shape)).astype(kind)
