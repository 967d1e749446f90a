"""MeshTalk's first step: encoders, categorical latent, decoder (Richard et al. 2021, section 3).

Sizes as in the released code (H = 16 heads, C = 128 classes, 128 wide). Differences from the
paper: the V x 3 layers are factored (space.py) and so the last one is not followed by a leaky
ReLU; the audio encoder's dilations are 1, 2, 4, 1, 2, 4, so that it hears 61 mel frames; it is
run over a whole crop at once (the same numbers as window by window).
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.speech.features import MELS
from engine.speech.windows import FIELD


@dataclass(frozen=True, slots=True)
class Sizes:
    """Widths of the nets; the data set gives `modes` and `templates`."""

    modes: int = 0
    templates: int = 0  # coordinates of the face, and the manners
    manners: int = 0  # the last of them
    heads: int = 16
    classes: int = 128
    width: int = 128
    channels: int = 16  # of each head in the autoregressive model
    phones: int = 0

    @property
    def codes(self) -> int:
        return self.heads * self.classes


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


class AudioEncoder(nn.Module):
    """Mel frames (b, m, 80) -> codes (b, m - 60, width); code i hears frames i .. i + 60."""

    dilations = (1, 2, 4, 1, 2, 4)
    mean: Tensor
    spread: Tensor

    def __init__(self, width: int, dropout: float = 0.2) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(MELS))
        self.register_buffer("spread", torch.ones(MELS))
        self.first = nn.Conv1d(MELS, width, 5)
        self.convs = nn.ModuleList(nn.Conv1d(width, width, 5, dilation=d) for d in self.dilations)
        self.dropout = nn.Dropout(dropout)
        self.last = nn.Linear(width, width)
        assert FIELD == 5 + 4 * sum(self.dilations)
        for layer in (self.first, *self.convs, self.last):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.constant_(layer.bias, 0.01)

    def forward(self, mel: Tensor) -> Tensor:
        x = leaky(self.first(((mel - self.mean) / self.spread).transpose(1, 2)))
        for conv, d in zip(self.convs, self.dilations, strict=True):
            x = (x[..., 2 * d : -2 * d] + self.dropout(leaky(conv(x)))) / 2
        return self.last(x.transpose(1, 2))

    def at(self, mel: Tensor, ends: Tensor) -> Tensor:
        """Codes (b, t, width) of the windows that end at mel frames `ends` (t,), from 0."""
        return self(mel)[:, ends]


class ExpressionEncoder(nn.Module):
    """Motion (b, t, modes) and template (b, templates) -> codes (b, t, width), causal."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.first = nn.Linear(sizes.modes + sizes.templates, 256)
        self.second = nn.Linear(256, 128)
        self.lstm = nn.LSTM(128, 128, batch_first=True)
        self.last = nn.Linear(128, sizes.width)

    def forward(self, motion: Tensor, template: Tensor) -> Tensor:
        whole = torch.cat([motion, template[:, None].expand(-1, motion.shape[1], -1)], -1)
        hidden, _ = self.lstm(leaky(self.second(leaky(self.first(whole)))))
        return self.last(hidden)


class Fusion(nn.Module):
    """Audio and expression codes -> log-probabilities (b, t, heads, classes)."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.shape = (sizes.heads, sizes.classes)
        self.layers = nn.Sequential(
            nn.Linear(2 * sizes.width, 256), nn.LeakyReLU(0.2),
            nn.Linear(256, 256), nn.LeakyReLU(0.2), nn.Linear(256, sizes.codes),
        )  # fmt: skip

    def mix(self, audio: Tensor, expression: Tensor) -> Tensor:
        """Both codes as one (b, t, heads, classes), before it becomes categorical."""
        return self.layers(torch.cat([audio, expression], -1)).unflatten(-1, self.shape)

    def forward(self, audio: Tensor, expression: Tensor) -> Tensor:
        return F.log_softmax(self.mix(audio, expression), -1)


def quantise(logits: Tensor, noise: Tensor | None) -> Tensor:
    """Straight-through Gumbel-softmax at temperature 1: one-hots (..., heads, classes)."""
    soft = torch.softmax(logits if noise is None else logits + noise, -1)
    hard = F.one_hot(soft.argmax(-1), logits.shape[-1]).to(soft)
    return hard + soft - soft.detach()


def gumbel(like: Tensor) -> Tensor:
    """Standard Gumbel noise of the same shape; from uniform numbers, which a CPU draws four times
    as fast as exponential ones (a fifth of a training step)."""
    least = torch.finfo(like.dtype).tiny
    return torch.rand_like(like).clamp_(min=least).log_().neg_().log_().neg_()


class Decoder(nn.Module):
    """One-hots (b, t, codes) and a template (b, templates) -> motion (b, t, modes).

    A U-net on the template: what encodes it is added back on the way out. The outermost skip, the
    template's own vertices, is added by whoever turns motion into vertices.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.encode = nn.ModuleList(
            nn.Linear(a, b) for a, b in ((sizes.templates, 512), (512, 256), (256, 128))
        )
        self.fuse_template = nn.Linear(128, 128)
        self.fuse_codes = nn.Linear(sizes.codes, 128, bias=False)
        self.lstm = nn.LSTM(128, 128, num_layers=2, batch_first=True)
        self.up = nn.ModuleList((nn.Linear(128, 256), nn.Linear(256, 512)))
        self.last = nn.Linear(512, sizes.modes)

    def skips(self, template: Tensor) -> list[Tensor]:
        """The template's encodings (b, 512), (b, 256), (b, 128)."""
        found = []
        for layer in self.encode:
            template = leaky(layer(template))
            found.append(template)
        return found

    def fuse(self, codes: Tensor, skips: list[Tensor]) -> Tensor:
        return leaky(self.fuse_template(skips[2])[:, None] + self.fuse_codes(codes))

    def rise(self, hidden: Tensor, skips: list[Tensor]) -> Tensor:
        x = leaky(self.up[0](hidden)) + skips[1][:, None]
        return self.last(leaky(self.up[1](x)) + skips[0][:, None])

    def forward(self, codes: Tensor, template: Tensor) -> Tensor:
        skips = self.skips(template)
        hidden, _ = self.lstm(self.fuse(codes, skips))
        return self.rise(hidden, skips)


class MeshTalk(nn.Module):
    """The whole first step."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.audio = AudioEncoder(sizes.width)
        self.expression = ExpressionEncoder(sizes)
        self.fusion = Fusion(sizes)
        self.decoder = Decoder(sizes)
        self.phones = nn.Linear(sizes.width, sizes.phones)  # a help while training, not exported

    def hear(self, mel: Tensor, ends: Tensor) -> Tensor:
        """Audio codes (b, t, width) of the frames that end at mel frames `ends` (t,)."""
        return self.audio.at(mel, ends)

    def fuse(self, audio: Tensor, expression: Tensor) -> Tensor:
        """Log-probabilities (b, t, heads, classes) of the code."""
        return self.fusion(audio, expression)

    def decode(self, logits: Tensor, template: Tensor, noisy: bool) -> Tensor:
        codes = quantise(logits, gumbel(logits) if noisy else None)
        return self.decoder(codes.flatten(-2), template)
