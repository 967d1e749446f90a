"""One live step of MeshTalk as a net with state in and out: what is exported to ONNX.

The sound of one frame in, that frame's motion out. Codes are drawn head by head, with the noise
given as an input, so the engine's seed decides and any number of streams share one session.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from .autoregressive import DILATIONS, FIELD, Autoregressive
from .net import MeshTalk, leaky


class Cell(nn.Module):
    """One step of a torch LSTM layer, by hand: exporters mistake recurrent layers."""

    def __init__(self, lstm: nn.LSTM, layer: int) -> None:
        super().__init__()
        self.into = nn.Parameter(getattr(lstm, f"weight_ih_l{layer}").detach().clone())
        self.back = nn.Parameter(getattr(lstm, f"weight_hh_l{layer}").detach().clone())
        bias = getattr(lstm, f"bias_ih_l{layer}") + getattr(lstm, f"bias_hh_l{layer}")
        self.bias = nn.Parameter(bias.detach().clone())

    def forward(self, x: Tensor, hidden: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        """x, hidden, memory (b, width) -> hidden, memory."""
        gates = F.linear(x, self.into, self.bias) + F.linear(hidden, self.back)
        let_in, keep, new, out = gates.chunk(4, -1)
        memory = torch.sigmoid(keep) * memory + torch.sigmoid(let_in) * torch.tanh(new)
        return torch.sigmoid(out) * torch.tanh(memory), memory


class Step(nn.Module):
    """mel (b, 61, 80), template (b, p), past (b, 19, wide), memory (b, 2, 2, 128),
    noise (b, heads, classes), temperature (b, heads) -> motion (b, modes) millimetres, labels
    (b, heads), past, memory."""

    spread: Tensor

    def __init__(self, net: MeshTalk, model: Autoregressive, spread: Tensor) -> None:
        super().__init__()
        self.audio, self.decoder, self.model = net.audio, net.decoder, model
        self.cells = nn.ModuleList(Cell(net.decoder.lstm, layer) for layer in range(2))
        self.register_buffer("spread", spread)
        sizes = net.sizes
        self.heads, self.classes, self.channels = sizes.heads, sizes.classes, sizes.channels

    def forward(
        self, mel: Tensor, template: Tensor, past: Tensor, memory: Tensor, noise: Tensor,
        temperature: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
        audio = self.model.heard(self.audio(mel), template)[:, 0]
        labels, past = self._draw(audio, past, noise * temperature[..., None])
        motion, memory = self._decode(labels, template, memory)
        return motion * self.spread, labels, past, memory

    def _draw(self, audio: Tensor, past: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """Labels (b, heads), one head after the other, and the shifted past."""
        caches = past.split([d + 1 for d in DILATIONS], 1)
        ahead = [
            layer.audio(audio) + layer.past(torch.cat([cache[:, -1], cache[:, 0]], -1))
            for layer, cache in zip(self.model.contexts(), caches, strict=True)
        ]
        below: list[list[Tensor]] = [[] for _ in range(len(DILATIONS) + 1)]
        labels: list[Tensor] = []
        strict = torch.zeros_like(ahead[0])
        whole = strict
        for h in range(self.heads):
            here = slice(h * self.channels, (h + 1) * self.channels)
            x = strict[:, here]
            for i, layer in enumerate(self.model.contexts()):
                below[i].append(x)
                seen = layer.same.weight[here, : (h + 1) * self.channels]
                x = leaky(ahead[i][:, here] + F.linear(torch.cat(below[i], -1), seen))
            below[-1].append(x)
            labels.append(self._label(h, torch.cat(below[-1], -1), noise[:, h]))
            strict, whole = self._told(h, labels[-1], strict, whole)
        outputs = [whole] + [torch.cat(b, -1) for b in below[1:-1]]
        moved = [
            torch.cat([cache[:, 1:], new[:, None]], 1)
            for cache, new in zip(caches, outputs, strict=True)
        ]
        return torch.stack(labels, -1), torch.cat(moved, 1)

    def _label(self, h: int, context: Tensor, noise: Tensor) -> Tensor:
        rows = slice(h * self.classes, (h + 1) * self.classes)
        weight = self.model.logits.weight[rows, : context.shape[-1]]
        return (F.linear(context, weight, self.model.logits.bias[rows]) + noise).argmax(-1)

    def _told(self, h: int, label: Tensor, strict: Tensor, whole: Tensor) -> tuple[Tensor, Tensor]:
        """What later heads, and later frames, learn of head h's class."""
        rows = slice(h * self.classes, (h + 1) * self.classes)
        wide = self.heads * self.channels
        columns = torch.arange(wide, device=label.device)
        later = (columns >= (h + 1) * self.channels).to(strict.dtype)
        own = (columns >= h * self.channels).to(strict.dtype)
        row = self.model.embedding[rows][label]
        return strict + row * later, whole + row * own

    def _decode(self, labels: Tensor, template: Tensor, memory: Tensor) -> tuple[Tensor, Tensor]:
        offsets = torch.arange(self.heads, device=labels.device) * self.classes
        codes = self.decoder.fuse_codes.weight.T[labels + offsets].sum(1)
        skips = self.decoder.skips(template)
        x = leaky(self.decoder.fuse_template(skips[2]) + codes)
        states = []
        for layer, cell in enumerate(self.cells):
            x, kept = cell(x, memory[:, layer, 0], memory[:, layer, 1])
            states.append(torch.stack([x, kept], 1))
        return self.decoder.rise(x[:, None], skips)[:, 0], torch.stack(states, 1)


def blank(step: Step, batch: int, templates: int) -> dict[str, Tensor]:
    """Inputs of the first frame of `batch` silent streams."""
    wide = step.heads * step.channels
    return {
        "mel": torch.zeros(batch, 61, 80),
        "template": torch.zeros(batch, templates),
        "past": torch.zeros(batch, FIELD, wide),
        "memory": torch.zeros(batch, 2, 2, 128),
        "noise": torch.zeros(batch, step.heads, step.classes),
        "temperature": torch.ones(batch, step.heads),
    }
