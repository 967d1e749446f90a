"""The nets of Voice2Face, section 3: a generator from a voice's embedding, and its critics.

Differences from the paper: widths are a share of its own (a quarter as shipped); the embedding is
the shipped DIMNet's; and there is a second generator, of a head of this project's (identity and
reflectance, see engine.voices.space), with a critic of its own. Faces: each deconvolution 4x4/2 is
a doubling and a convolution 3x3, which leaves no pattern; features are kept at one size (the norm
over channels, as in progressive growing); the critic's layers keep to a spectral norm of 1, and it
sees varied pictures, for real ones are few. As in the authors' code: no tanh at the end.
"""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

GENERATOR, CRITIC = (1024, 512, 256, 128, 64), (32, 64, 128, 256, 512)
SIDE = 64  # pixels of an imagined face
LEAK = 0.2


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is built."""

    width: float = 0.5  # share of the paper's channels
    dim: int = 64  # of the embedding, and of the critic's trunk
    hidden: int = 256  # of the layers between embedding and head
    shades: int = 24  # coefficients of the reflectance
    parts: int = 0  # main directions that a face is made of; 0: convolutions, as in the paper


class _Even(nn.Module):
    """Features (b, c, h, w) of one size at every place."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-6)


class Painter(nn.Module):
    """Unit embeddings (b, dim) -> faces (b, 3, 64, 64), about [-1, 1]."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        first, *rest = _widths(GENERATOR, sizes.width)
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(sizes.dim, first, 4, 1, 0),
            nn.LeakyReLU(LEAK),
        ]
        for inner, outer in zip([first, *rest], rest, strict=False):
            layers += [_Even(), nn.Upsample(scale_factor=2), nn.Conv2d(inner, outer, 3, 1, 1)]
            layers.append(nn.LeakyReLU(LEAK))
        self.layers = nn.Sequential(*layers, nn.Conv2d(rest[-1], 3, 1))

    def forward(self, embedding: Tensor) -> Tensor:
        made: Tensor = self.layers(embedding[:, :, None, None])
        return made.float()


class Sculptor(nn.Module):
    """Unit embeddings (b, dim) -> heads (b, numbers), of about unit spread."""

    def __init__(self, sizes: Sizes, numbers: int) -> None:
        super().__init__()
        self.layers = _layers(sizes.dim, sizes.hidden, numbers)

    def forward(self, embedding: Tensor) -> Tensor:
        made: Tensor = self.layers(embedding)
        return made.float()


class Critic(nn.Module):
    """One trunk; of it, whether a face is real (b,) and whose class it is of (b, k), as logits."""

    def __init__(self, trunk: nn.Module, dim: int, classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.real = nn.Linear(dim, 1, bias=False)
        self.classes = nn.Linear(dim, classes, bias=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        seen = self.trunk(x)
        return self.real(seen)[:, 0].float(), self.classes(seen).float()


def face_critic(sizes: Sizes, classes: int) -> Critic:
    widths = _widths(CRITIC, sizes.width)
    layers: list[nn.Module] = [spectral_norm(nn.Conv2d(3, widths[0], 1)), nn.LeakyReLU(LEAK)]
    for inner, outer in zip(widths, widths[1:], strict=False):
        layers += [spectral_norm(nn.Conv2d(inner, outer, 4, 2, 1)), nn.LeakyReLU(LEAK)]
    layers += [spectral_norm(nn.Conv2d(widths[-1], sizes.dim, 4)), nn.Flatten()]
    layers.append(nn.LeakyReLU(LEAK))
    return Critic(nn.Sequential(*layers), sizes.dim, classes)


def head_critic(sizes: Sizes, numbers: int, classes: int) -> Critic:
    return Critic(_layers(numbers, sizes.hidden, sizes.dim, nn.LeakyReLU(LEAK)), sizes.dim, classes)


class Pair(nn.Module):
    """A generator and its critic, which are trained together, and the generator's running mean,
    which is what is kept."""

    def __init__(self, generator: nn.Module, critic: Critic) -> None:
        super().__init__()
        self.generator, self.critic = generator, critic
        self.mean = copy.deepcopy(generator).requires_grad_(False)

    @torch.no_grad()
    def average(self, step: int, memory: float) -> None:
        """Takes the generator of this step into the mean, over about `memory` steps."""
        share = max(1 / memory, 1 / (step + 1))
        for mean, now in zip(self.mean.parameters(), self.generator.parameters(), strict=True):
            mean.lerp_(now, share)


def _widths(paper: tuple[int, ...], share: float) -> list[int]:
    return [max(4, round(c * share)) for c in paper]


def _layers(into: int, hidden: int, out: int, *last: nn.Module) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(into, hidden), nn.LeakyReLU(LEAK), nn.Linear(hidden, hidden), nn.LeakyReLU(LEAK),
        nn.Linear(hidden, out), *last,
    )  # fmt: skip
