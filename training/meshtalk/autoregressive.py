"""MeshTalk's second step: which codes follow, given the sound (section 3.3 of the paper).

p(c | a) = prod_t prod_h p(c[t, h] | c[<t, all], c[t, <h], a[<=t]). An embedding layer, four
context layers and a logits layer; a context layer adds three views of what is below it: the
audio, this frame's heads, and two strictly past frames (all heads). Field: 19 past frames.

Differences from the released code, whose masks do not make this factorisation: the strict mask
(head h sees heads < h) is in the embedding only, and inclusive (<= h) above; and the past of the
first context layer is the embedding with each head's own class in it, or the last head's class
would never be read by anything.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .net import Sizes, leaky

DILATIONS = (1, 2, 4, 8)
FIELD = sum(d + 1 for d in DILATIONS)  # past frames


def head_mask(heads: int, out: int, into: int, strict: bool) -> Tensor:
    """(heads * out, heads * into) of 0 and 1: block row h sees blocks < h, or <= h."""
    blocks = torch.ones(heads, heads).tril(-1 if strict else 0)
    return blocks.repeat_interleave(out, 0).repeat_interleave(into, 1)


class ContextLayer(nn.Module):
    """Audio + same-frame heads <= h + frames t - 1 and t - 1 - dilation of all heads."""

    mask: Tensor

    def __init__(self, sizes: Sizes, dilation: int) -> None:
        super().__init__()
        wide = sizes.heads * sizes.channels
        self.dilation = dilation
        self.audio = nn.Linear(sizes.width, wide)
        self.same = nn.Linear(wide, wide, bias=False)
        self.past = nn.Linear(2 * wide, wide, bias=False)
        self.register_buffer(
            "mask", head_mask(sizes.heads, sizes.channels, sizes.channels, False), persistent=False
        )

    def forward(self, audio: Tensor, below: Tensor, history: Tensor) -> Tensor:
        """All (b, t, ...). `history` is what the past frames offer: `below`, or the full codes."""
        near = F.pad(history, (0, 0, 1, 0))[:, :-1]
        far = F.pad(history, (0, 0, 1 + self.dilation, 0))[:, : -1 - self.dilation]
        same = F.linear(below, self.same.weight * self.mask)
        return leaky(self.audio(audio) + same + self.past(torch.cat([near, far], -1)))


class Autoregressive(nn.Module):
    """Codes so far and audio codes -> logits of each head's class."""

    below: Tensor
    upto: Tensor
    visible: Tensor
    first: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        wide = sizes.heads * sizes.channels
        self.embedding = nn.Parameter(torch.empty(sizes.codes, wide))
        nn.init.normal_(self.embedding, std=sizes.heads**-0.5)
        self.layers = nn.ModuleList(ContextLayer(sizes, d) for d in DILATIONS)
        self.logits = nn.Linear(wide, sizes.codes)
        self.manner = nn.Linear(sizes.manners, sizes.width, bias=False) if sizes.manners else None
        h, n, c = sizes.heads, sizes.channels, sizes.classes
        self.register_buffer("below", head_mask(h, n, c, True).T.contiguous(), persistent=False)
        self.register_buffer("upto", head_mask(h, n, c, False).T.contiguous(), persistent=False)
        self.register_buffer("visible", head_mask(h, c, n, False), persistent=False)
        self.register_buffer("first", torch.arange(h) * c, persistent=False)

    def heard(self, audio: Tensor, template: Tensor) -> Tensor:
        """Audio codes (b, t, width) as one hears them who speaks in the template's (b, p) manner:
        not in the paper, whose speakers all move in one way."""
        if self.manner is None:
            return audio
        return audio + self.manner(template[:, -self.sizes.manners :])[:, None]

    def contexts(self) -> list[ContextLayer]:
        return [layer for layer in self.layers if isinstance(layer, ContextLayer)]

    def embed(self, labels: Tensor, mask: Tensor) -> Tensor:
        """Sum over heads of the classes' rows (b, t, wide), each seen by the heads of `mask`."""
        index = (labels + self.first).flatten(0, 1)
        return F.embedding_bag(index, self.embedding * mask, mode="sum").unflatten(
            0, labels.shape[:2]
        )

    def forward(self, labels: Tensor, audio: Tensor) -> Tensor:
        """Labels (b, t, heads) and audio (b, t, width) -> logits (b, t, heads, classes)."""
        x, history = self.embed(labels, self.below), self.embed(labels, self.upto)
        for layer in self.layers:
            x = layer(audio, x, history)
            history = x
        out = F.linear(x, self.logits.weight * self.visible, self.logits.bias)
        return out.unflatten(-1, (self.sizes.heads, self.sizes.classes))

    def loss(self, labels: Tensor, audio: Tensor) -> Tensor:
        """Mean negative log-likelihood a head, in nats."""
        return F.cross_entropy(self(labels, audio).flatten(0, 2), labels.flatten())
