"""Embeddings of whole recordings and pictures, and how well development people are told by them."""

import numpy as np
import torch
from torch.nn import functional as F

from engine.types import Floats
from engine.voices.level import levelled

from .data import IDENTITY, Material, Rows, Side
from .net import DIMNet, to_input

MOST = 1500  # frames of a recording that are heard
SOME = 200  # development items of a side that are looked at


@torch.no_grad()
def voice_embeddings(net: DIMNet, material: Material, rows: Rows) -> Floats:
    """(n, d) of the first 15 s of speech of each recording, levelled as a whole."""
    made, device = [], _device(net)
    for r in rows:
        frames = levelled(material.voices.of(int(r))[:MOST])
        made.append(net.voice(torch.from_numpy(frames)[None].to(device))[0])
    return np.asarray(torch.stack(made).cpu().numpy())


@torch.no_grad()
def face_embeddings(net: DIMNet, material: Material, rows: Rows) -> Floats:
    """(n, d)."""
    made = [
        net.face(to_input(torch.from_numpy(material.shown[rows[k : k + 64]]).to(_device(net))))
        for k in range(0, len(rows), 64)
    ]
    return np.asarray(torch.cat(made).cpu().numpy())


def _device(net: DIMNet) -> torch.device:
    return next(net.parameters()).device


def head(net: DIMNet, covariate: str) -> Floats:
    """A classifier's weights (k, d)."""
    return np.asarray(net.heads[covariate].get_parameter("weight").detach().cpu().numpy())


def dev_loss(net: DIMNet, material: Material) -> float:
    """Mean cross entropy over covariates and modalities of the development people. Identities of
    people never trained on have no class: for those, of finding one's own face among theirs."""
    net.eval()
    found, made = [], {}
    sides = ((material.voice, voice_embeddings), (material.face, face_embeddings))
    for name, (side, embed) in zip(("voice", "face"), sides, strict=True):
        rows = _some(side)
        if len(rows):
            made[name] = embed(net, material, rows)
            found += _entropies(net, material, side, rows, made[name])
    if IDENTITY in material.classes and len(made) == 2:
        found += _apart(material, made)
    net.train()
    return float(np.mean(found)) if found else 0.0


def _some(side: Side) -> Rows:
    rows = side.rows("dev")
    return rows[:: max(1, len(rows) // SOME)]


def _entropies(
    net: DIMNet, material: Material, side: Side, rows: Rows, made: Floats
) -> list[float]:
    found = []
    for c in (c for c in material.classes if c != IDENTITY):
        labels = side.labels[c][rows]
        known = labels >= 0
        if known.any():
            logits = torch.from_numpy(made[known] @ head(net, c).T)
            found.append(float(F.cross_entropy(logits, torch.from_numpy(labels[known]))))
    return found


def _apart(material: Material, made: dict[str, Floats]) -> list[float]:
    """One voice and one face of each person with both."""
    first = {
        name: {side.names[r]: k for k, r in reversed(list(enumerate(_some(side))))}
        for name, side in (("voice", material.voice), ("face", material.face))
    }
    both = sorted(set(first["voice"]) & set(first["face"]))
    if len(both) < 2:
        return []
    voice, face = (
        F.normalize(torch.from_numpy(made[n][[first[n][p] for p in both]])) for n in first
    )
    return [float(F.cross_entropy(10 * voice @ face.T, torch.arange(len(both))))]
