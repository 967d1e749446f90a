"""Lips and eyelids as the base mesh's own rings, and what closes them for everybody.

hm08 is modelled in concentric rings about the mouth and about each eye. A ring crosses the upper
and the lower lip. What closes a mouth is a linear map of positions (by fixed places along the
ring), so it goes through people and shapes alike: nobody's lips are parted.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .source import BaseMesh, Doubles, Indices, Source

# Upper-lip vertices on the midline of hm08, from the outside in, and how far each ring follows.
LIP_RINGS = {
    455: 0.1, 466: 0.25, 467: 0.45, 509: 0.7, 468: 0.9, 474: 1.0, 520: 1.0, 537: 0.9, 554: 0.6,
    571: 0.25,
}  # fmt: skip
LIP_RIM = 5  # which ring is the edge that a viewer sees
# Left-eye vertices above the pupil, from the outside in: lid folds, the lid's edge, its inside.
LID_RINGS = {
    6930: 0.15, 6873: 0.45, 11514: 0.65, 6788: 0.8, 6786: 0.9, 11466: 1.0, 6785: 1.0, 13352: 1.0,
    7747: 1.0, 7773: 1.0, 7800: 0.5,
}  # fmt: skip
LID_RIM = 6
MIRROR = "mpfb2/mesh_metadata/hm08.mirror"

Side = tuple[Indices, ...]


@dataclass(frozen=True, slots=True)
class Rings:
    """Rings of one opening, each cut at its corners into an upper and a lower side, along x."""

    upper: Side  # base vertices of each ring, corners included
    lower: Side
    places: tuple[tuple[Doubles, Doubles], ...]  # x of both sides of each ring, base mesh
    follow: Doubles  # (rings,) how far each ring follows when the opening is closed
    rim: int  # the ring that is the visible edge

    def gap(
        self, vertices: NDArray[np.floating], ring: int, axis: int = 1
    ) -> tuple[Doubles, Doubles]:
        """How high (axis 1) or deep (axis 2) the opening is at both sides' vertices of a ring."""
        high, low = vertices[self.upper[ring], axis], vertices[self.lower[ring], axis]
        at_high, at_low = self.places[ring]
        return high - np.interp(at_high, at_low, low), np.interp(at_low, at_high, high) - low


class _Mesh:
    """Neighbours in a quad mesh, to walk along its edge loops."""

    def __init__(self, quads: Indices) -> None:
        self.quads: dict[int, list[set[int]]] = {}
        self.next: dict[int, set[int]] = {}
        for quad in quads.tolist():
            for k in range(4):
                self.quads.setdefault(quad[k], []).append(set(quad))
                self.next.setdefault(quad[k], set()).update((quad[k - 1], quad[(k + 1) % 4]))

    def loop(self, first: int, second: int) -> Indices:
        """The edge loop that starts so; straight on where four edges meet."""
        walked = [first, second]
        while len(walked) < 200:
            before, here = walked[-2:]
            beside = set().union(*(q for q in self.quads[here] if before in q))
            ahead = self.next[here] - beside
            if len(ahead) != 1 or ahead == {first}:
                break
            walked.append(ahead.pop())
        return np.array(walked)


def _rings(base: BaseMesh, follow: dict[int, float], rim: int) -> Rings:
    mesh, x = _Mesh(base.groups["body"].vertex), base.vertices[:, 0]
    uppers, lowers, places = [], [], []
    for start in follow:
        beside = max(mesh.next[start], key=lambda i: float(x[i]))
        ring = mesh.loop(start, beside)
        ring = np.roll(ring, -int(np.argmin(x[ring])))  # from one corner ...
        far = int(np.argmax(x[ring]))  # ... to the other and back
        there, back = ring[: far + 1], np.r_[ring[far:], ring[:1]][::-1]
        if base.vertices[there, 1].mean() < base.vertices[back, 1].mean():
            there, back = back, there
        uppers.append(there)
        lowers.append(back)
        places.append((_rising(x[there]), _rising(x[back])))
    values = np.array(list(follow.values()))
    return Rings(tuple(uppers), tuple(lowers), tuple(places), values, rim)


def _rising(x: Doubles) -> Doubles:
    """A place along the ring for each vertex; rounding at the corners must not turn it back."""
    return np.maximum.accumulate(x) + np.arange(len(x)) * 1e-9


def lips(base: BaseMesh) -> Rings:
    return _rings(base, LIP_RINGS, LIP_RIM)


def lids(base: BaseMesh) -> Rings:
    """The left eye's rings."""
    return _rings(base, LID_RINGS, LID_RIM)


def mirror(source: Source, count: int) -> Indices:
    """(count,) the vertex on the other side of each base vertex."""
    other = np.arange(count)
    for line in source.read(MIRROR).decode("utf-8").splitlines():
        fields = line.split()
        if len(fields) == 3:
            other[int(fields[0])] = int(fields[1])
            other[int(fields[1])] = int(fields[0])
    return other


def mirrored(rings: Rings, other: Indices) -> Rings:
    """The same rings on the other side of the face, along x again."""
    return Rings(
        tuple(other[side][::-1] for side in rings.upper),
        tuple(other[side][::-1] for side in rings.lower),
        tuple((-high[::-1], -low[::-1]) for high, low in rings.places),
        rings.follow,
        rings.rim,
    )


def close_lips(rings: Rings, positions: NDArray[np.floating], rounds: int = 4) -> Doubles:
    """Positions or offsets (19158, 3) with both lips meeting half-way; a linear map."""
    closed = np.asarray(positions, np.float64).copy()
    for _ in range(rounds):
        _meet(rings, closed, 1)
        _meet(rings, closed, 2)
    return closed


def _meet(rings: Rings, closed: Doubles, axis: int) -> None:
    """One step, in place. In height both rings of the touching band meet, in depth their mean."""
    touching = (rings.rim, rings.rim + 1)
    gaps = {ring: rings.gap(closed, ring, axis) for ring in touching}
    lead = gaps[rings.rim]
    if axis == 2:
        inner = _spread(rings, rings.rim + 1, rings.rim, gaps[rings.rim + 1])
        lead = ((lead[0] + inner[0]) / 2, (lead[1] + inner[1]) / 2)
    for ring, follow in enumerate(rings.follow):
        own = _spread(rings, rings.rim, ring, lead)
        if axis == 1 and ring in touching:
            own = gaps[ring]
        closed[rings.upper[ring], axis] -= follow * own[0] / 2
        closed[rings.lower[ring], axis] += follow * own[1] / 2


def _spread(
    rings: Rings, source: int, ring: int, gap: tuple[Doubles, Doubles]
) -> tuple[Doubles, Doubles]:
    """The gap of the ring `source` at the places of another ring."""
    there, here = rings.places[source], rings.places[ring]
    return np.interp(here[0], there[0], gap[0]), np.interp(here[1], there[1], gap[1])


@dataclass(frozen=True, slots=True)
class LidTable:
    """How the blink of one eye follows the height of its opening, which differs by person.

    delta y of vertex[n] = sum_j weight[n, j] * (y of source[n, j]).
    """

    vertex: Indices  # (n,) base vertices of the upper lid and its lashes
    source: Indices  # (n, 4) two rim vertices above, two below
    weight: Doubles  # (n, 4)
    follow: Doubles  # (n,)
    place: Doubles  # (n,) where along the lid's edge it is, by the edge's places


def lid_table(base: BaseMesh, rings: Rings, lashes: Indices) -> LidTable:
    """Rows for each upper-lid vertex of the rings and for the upper lashes."""
    at_high, at_low = rings.places[rings.rim]
    rows: dict[int, tuple[float, float]] = {int(v): (base.vertices[v, 0], 1.0) for v in lashes}
    for ring, follow in enumerate(rings.follow):
        own = rings.places[ring][0]
        at = np.interp(own, own[[0, -1]], at_high[[0, -1]])  # corner answers to corner
        for vertex, x in zip(rings.upper[ring][1:-1], at[1:-1], strict=True):
            rows[int(vertex)] = (float(x), follow)
    source, weight = [], []
    for x, follow in rows.values():
        high, low = _between(x, at_high), _between(x, at_low)
        source.append([*rings.upper[rings.rim][high[0]], *rings.lower[rings.rim][low[0]]])
        weight.append([-follow * h for h in high[1]] + [follow * w for w in low[1]])
    place, follows = np.array(list(rows.values())).T
    return LidTable(np.array(list(rows)), np.array(source), np.array(weight), follows, place)


def _between(x: float, places: Doubles) -> tuple[list[int], list[float]]:
    """The two neighbours of x among rising places, and their shares."""
    k = int(np.clip(np.searchsorted(places, x) - 1, 0, len(places) - 2))
    t = float(np.clip((x - places[k]) / (places[k + 1] - places[k]), 0, 1))
    return [k, k + 1], [1 - t, t]


@dataclass(frozen=True, slots=True)
class Openings:
    """The mouth and both eyes."""

    lips: Rings
    lids: dict[str, Rings]  # Left, Right
    tables: dict[str, LidTable]
    lashes: dict[str, Indices]  # of the upper lids


def openings(source: Source, base: BaseMesh) -> Openings:
    other = mirror(source, len(base.vertices))
    left = lids(base)
    both = {"Left": left, "Right": mirrored(left, other)}
    lashes = {
        side: np.unique(base.groups[f"helper-{side[0].lower()}-eyelashes-2"].vertex)
        for side in both
    }
    tables = {side: lid_table(base, rings, lashes[side]) for side, rings in both.items()}
    return Openings(lips(base), both, tables, lashes)
