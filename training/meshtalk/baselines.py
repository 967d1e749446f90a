"""Nets that MeshTalk is compared with, trained by the same recipe: `net` in its configuration.

regression   VOCA's decoder on MeshTalk's audio encoder: sound + template -> motion, frame by frame
voca         the same decoder on an encoder in VOCA's manner (Cudeiro et al. 2019, section 4): four
             strided convolutions over half a second of log-mel (there: of DeepSpeech's features)
continuous   MeshTalk whose code is not categorical: the same width, no noise; in its second step
             a recurrent net tells the expression's code from the sound
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engine.speech.features import MELS
from engine.speech.windows import FIELD

from .net import AudioEncoder, MeshTalk, Sizes

SHORT = 48  # mel frames that VOCA's encoder hears, the same newest one as the others


class WindowEncoder(nn.Module):
    """Windows of 48 mel frames -> codes."""

    mean: Tensor
    spread: Tensor
    channels = (MELS, 32, 32, 64, 64)

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(MELS))
        self.register_buffer("spread", torch.ones(MELS))
        wide = zip(self.channels[:-1], self.channels[1:], strict=True)
        self.convs = nn.ModuleList(nn.Conv1d(a, b, 3, stride=2, padding=1) for a, b in wide)
        self.last = nn.Linear(self.channels[-1] * SHORT // 16, width)

    def at(self, mel: Tensor, ends: Tensor) -> Tensor:
        """Codes (b, t, width) of the windows that end at mel frames `ends` (t,), from 0."""
        x = ((mel - self.mean) / self.spread)[:, FIELD - SHORT :].unfold(1, SHORT, 1)[:, ends]
        shape = x.shape[:2]
        x = x.flatten(0, 1)
        for conv in self.convs:
            x = F.relu(conv(x))
        return self.last(x.flatten(1)).unflatten(0, shape)


class Regression(nn.Module):
    """Sound and template -> motion, each frame alone, by VOCA's decoder: 128, 50, linear."""

    def __init__(self, sizes: Sizes, encoder: AudioEncoder | WindowEncoder) -> None:
        super().__init__()
        self.audio = encoder
        self.layers = nn.Sequential(
            nn.Linear(sizes.width + sizes.templates, 128), nn.Tanh(),
            nn.Linear(128, 50), nn.Tanh(), nn.Linear(50, sizes.modes),
        )  # fmt: skip
        self.phones = nn.Linear(sizes.width, sizes.phones)

    def hear(self, mel: Tensor, ends: Tensor) -> Tensor:
        """Audio codes (b, t, width) of the frames that end at mel frames `ends` (t,)."""
        return self.audio.at(mel, ends)

    def decode(self, audio: Tensor, template: Tensor) -> Tensor:
        """Audio codes (b, t, width), template (b, p) -> motion (b, t, modes)."""
        people = template[:, None].expand(-1, audio.shape[1], -1)
        return self.layers(torch.cat([audio, people], -1))


class Continuous(MeshTalk):
    """MeshTalk's first step without categories: what the fusion gives is the code."""

    def fuse(self, audio: Tensor, expression: Tensor) -> Tensor:
        return self.fusion.mix(audio, expression)

    def decode(self, logits: Tensor, template: Tensor, noisy: bool) -> Tensor:
        return self.decoder(logits.flatten(-2), template)


class Follower(nn.Module):
    """The continuous model's second step: audio codes (b, t, width) -> expression codes."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.lstm = nn.LSTM(sizes.width, 128, batch_first=True)
        self.last = nn.Linear(128, sizes.width)

    def forward(self, audio: Tensor) -> Tensor:
        hidden, _ = self.lstm(audio)
        return self.last(hidden)

    def loss(self, expression: Tensor, audio: Tensor) -> Tensor:
        """Mean square error."""
        return F.mse_loss(self(audio), expression)


def first_net(name: str, sizes: Sizes) -> MeshTalk | Regression:
    """The first step's net of a configuration's `net`."""
    if name == "regression":
        return Regression(sizes, AudioEncoder(sizes.width))
    if name == "voca":
        return Regression(sizes, WindowEncoder(sizes.width))
    return Continuous(sizes) if name == "continuous" else MeshTalk(sizes)
