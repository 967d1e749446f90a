"""What is told of faces: changes, and identities as JSON under names that users know."""

from dataclasses import dataclass
from typing import Any

from ..types import Identity


@dataclass(frozen=True, slots=True)
class Change:
    """What is told to the outside: `kind` person or enrolment, `what` happened."""

    t: float
    kind: str
    what: str
    about: dict[str, Any]


NOT_CHECKED: dict[str, object] = {"score": None, "decision": "not_checked"}


def as_json(
    identity: Identity, epoch: float = 0.0, liveness: dict[str, object] = NOT_CHECKED
) -> dict[str, Any]:
    """`epoch` is what is added to times. Scores are null for callers who are not trusted."""
    return {
        "verified": identity.verified,
        "decision": identity.decision,
        "name": identity.name,
        "reason": identity.reason,
        "similarity": _rounded(identity.similarity),
        "threshold": _rounded(identity.threshold),
        "evidence": _rounded(identity.evidence),
        "target_fmr": identity.target_fmr,
        "model_id": identity.model_id,
        "quality": _rounded(identity.quality),
        "advice": identity.advice,
        "liveness": liveness,
        "frames_used": identity.frames_used,
        "track": identity.track,
        "t_capture": round(epoch + identity.t, 3),
        "t_decision": round(epoch + identity.t_decision, 3),
        "request_id": identity.request_id,
    }


def _rounded(score: float | None) -> float | None:
    return None if score is None else round(score, 4)
