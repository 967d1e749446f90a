"""The synchrony model folder: two small towers for lips and sound, and what scores are worth.

A score is worth a log likelihood ratio, by logistic regression of attacks (photo, other sound,
late sound) and people who are there, one for each length of evidence (training.liveness).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort

from ..errors import ModelError
from ..model import MODELS, open_model, open_session
from ..types import Floats
from .lips import HEARD, REACH, Block, correlation, diagonals, levelled

NEAR = 5  # rows (0.2 s) by which sound and picture of an honest camera may miss one another
KINDS = ("lips", "synchrony", "motion")  # what evidence is of, each of its own
TOGETHER = "liveness"  # what is said against all attacks together
# What speaks against each attack. Not `lips`: what it is worth depends on how like somebody's way
# of speaking is to what MeshTalk was taught, and differs too much from people to people.
AGAINST = {"still": ("motion", "synchrony"), "muted": ("synchrony",), "swapped": ("synchrony",),
           "delayed": ("synchrony",)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sums:
    """What blocks have said so far, added up. `spoken` counts those with speech in them."""

    blocks: int
    spoken: int
    lips: Floats  # (2 REACH + 1,) correlations at each shift, of spoken blocks
    synchrony: Floats  # the same of the net's likeness
    motion: Floats  # (3,) logs of how much mouth, rest of the face and head move, of all blocks

    @classmethod
    def none(cls) -> "Sums":
        empty = np.zeros(2 * REACH + 1, np.float32)
        return cls(0, 0, empty, empty, np.zeros(3, np.float32))

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.blocks + other.blocks, self.spoken + other.spoken, self.lips + other.lips,
            self.synchrony + other.synchrony, self.motion + other.motion,
        )  # fmt: skip

    def features(self, kind: str) -> Floats:
        """What the judges of a kind are given."""
        if kind == "motion":
            return self.motion / np.float32(max(self.blocks, 1))
        curve = (self.lips if kind == "lips" else self.synchrony) / np.float32(max(self.spoken, 1))
        return np.array(peaks(curve), np.float32)

    def against(self, attack: str) -> Floats:
        """What the judge of an attack is given."""
        return np.concatenate([self.features(kind) for kind in AGAINST[attack]])


def peaks(curve: Floats) -> tuple[float, float]:
    """The highest value where sound may honestly lie, and the highest elsewhere."""
    near = slice(REACH - NEAR, REACH + NEAR + 1)
    return float(curve[near].max()), float(max(curve[: near.start].max(), curve[near.stop :].max()))


def motion(block: Block) -> Floats:
    """(3,) logs of root mean square changes from row to row: mouth, rest of the face, head."""
    mouth, rest, head = block.lips[:, :-1], block.face[:, :14], block.head
    return np.array([np.log(np.diff(x, axis=0).std() + 1e-4) for x in (mouth, rest, head)],
                    np.float32)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Judge:
    """Scores of one kind -> log likelihood ratio, for each count of blocks that it was fitted for;
    between them by the logarithm of the count. Nothing is ever surer than `most`."""

    blocks: Sequence[int]
    weights: Floats  # (len(blocks), features + 1), the constant last
    most: float = 4.0  # nats

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Judge":
        return cls(said["blocks"], np.array(said["weights"], np.float32), float(said["most"]))

    def __call__(self, features: Floats, blocks: int) -> float:
        """0 before there is a block."""
        if blocks < 1:
            return 0.0
        at = np.log(np.clip(blocks, self.blocks[0], self.blocks[-1]))
        own = [np.interp(at, np.log(self.blocks), column) for column in self.weights.T]
        return float(np.clip(np.dot(own[:-1], features) + own[-1], -self.most, self.most))


@dataclass(frozen=True, slots=True)
class Judges:
    """What a calibration says each kind of evidence is worth, and all of them against attacks."""

    kinds: Mapping[str, Judge]
    attacks: Mapping[str, Judge]
    most: float  # nats of all together

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> "Judges":
        """Of the calibration in about.json."""
        return cls(
            {kind: Judge.of(said[kind]) for kind in KINDS},
            {attack: Judge.of(said["against"][attack]) for attack in AGAINST}, float(said["most"]),
        )  # fmt: skip

    def __call__(self, sums: Sums) -> dict[str, float]:
        """The log likelihood ratio of each kind by now, and that against a mixture of attacks, each
        as likely as the others: an attack that nothing speaks against is not made up for."""
        counts = {"motion": sums.blocks, "lips": sums.spoken, "synchrony": sums.spoken}
        said = {k: judge(sums.features(k), counts[k]) for k, judge in self.kinds.items()}
        each = [judge(sums.against(a), sums.spoken) for a, judge in self.attacks.items()]
        whole = -float(np.log(np.mean(np.exp(-np.array(each)))))
        return said | {TOGETHER: float(np.clip(whole, -self.most, self.most))}


class Synchrony:
    """The loaded model; ModelError where it hears other features than this engine makes."""

    def __init__(self, folder: Path = MODELS / "synchrony", provider: str = "cpu") -> None:
        model = open_model(folder)
        if model.about.get("features") != HEARD:
            raise ModelError(f"{folder} hears other features than this engine makes; retrain")
        said = model.about.get("calibration")
        if not said:
            raise ModelError(f"{folder} is not calibrated: see docs/liveness.md")
        self.weigh = Judges.of(said)
        self.enough = int(said["enough"])  # spoken blocks from which on it may be decided
        self.accept = float(said["accept"])  # nats together: who is there has more 95 times of 100
        self._net: ort.InferenceSession
        self._net, self.provider = open_session(model.file("model.onnx"), provider)

    def vectors(self, lips: Floats, mel: Floats) -> tuple[Floats, Floats]:
        """Lips (b, ROWS, CHANNELS), mel (b, 4 ROWS, MELS) -> unit vectors (b, ROWS, d) of each."""
        seen, heard = self._net.run(None, {"lips": lips, "mel": levelled(mel)})
        return np.asarray(seen), np.asarray(heard)

    def sums(self, block: Block, spoken: bool) -> Sums:
        """What one block says."""
        moved, none = motion(block), Sums.none()
        if not spoken:
            return Sums(1, 0, none.lips, none.synchrony, moved)
        seen, heard = self.vectors(block.lips[None], block.mel[None])
        agrees = correlation(block.lips[:, -1], block.foretold)
        return Sums(1, 1, agrees, diagonals(seen[0], heard[0]), moved)
