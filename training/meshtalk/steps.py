"""MeshTalk's two steps: the codes, then which codes follow; and what a run folder holds."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from engine.errors import ConfigError
from engine.head import Head
from engine.model import MODELS
from engine.speech.windows import check_lookahead, last_frame
from training import recipes
from training.data import clips as clips_module
from training.data.clips import FPS
from training.data.phones import PHONES
from training.loop import OutOfTime, Run, Schedule, train

from . import data, losses
from .autoregressive import Autoregressive
from .baselines import Continuous, Follower, Regression, first_net
from .data import Motions, Shelf
from .net import MeshTalk, Sizes
from .rough import Rough, shut
from .start import Start, begin


@dataclass(frozen=True, slots=True)
class DataConfig:
    """The data set; made once for each different set of values."""

    clips: int = 900  # of about 10 s
    templates: int = 24  # principal components of the people's neutral faces
    seed: int = 0
    folder: Path = Path("runs/data")
    made: Path | None = None  # a data set that is there already (training.prepare pack)
    recorded: data.Recorded = field(default_factory=data.Recorded)
    balance: float = 1.0  # manners are drawn by their length to this power: 0 is all as often

    def __post_init__(self) -> None:
        if not 0 <= self.balance <= 1:
            raise ConfigError(f"data.balance = {self.balance}: give a number from 0 to 1")


NETS = ("meshtalk", "regression", "voca", "continuous")


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that a run depends on. Defaults are those of configs/train/meshtalk.toml."""

    net: str = "meshtalk"  # or one of baselines.py: regression, voca, continuous
    seed: int = 0
    batch: int = 16  # crops
    length: int = 48  # frames of a crop in the first step
    context: int = 64  # frames of a crop in the second step
    lookahead: float = 0.1  # seconds of sound after a frame that the net hears
    half: bool = False  # the first step's products in bfloat16: faster where the machine has them
    start: Start = field(default_factory=Start)
    rough: Rough = field(default_factory=Rough)
    data: DataConfig = field(default_factory=DataConfig)
    sizes: Sizes = field(default_factory=Sizes)
    weights: losses.Weights = field(default_factory=losses.Weights)
    first: Schedule = field(default_factory=Schedule)
    second: Schedule = field(default_factory=Schedule)

    def __post_init__(self) -> None:
        check_lookahead(self.lookahead)
        if self.net not in NETS:
            raise ConfigError(f"net = {self.net}: choose one of {', '.join(NETS)}")


@dataclass(frozen=True, slots=True)
class Trained:
    """What a finished run holds."""

    config: Config
    sizes: Sizes
    first: MeshTalk
    second: Autoregressive


def data_folder(config: DataConfig) -> Path:
    """The data set's place, named by all that it depends on; made when it is not there."""
    if config.made is not None:
        return config.made
    name = f"meshtalk-{config.clips}-{config.templates}-{config.seed}-{_sources(config)}"
    folder = config.folder / name
    if not (folder / "space.npz").exists():
        data.prepare(
            folder, Head.load(), config.clips, config.templates, config.seed, config.recorded
        )
    return folder


def _sources(config: DataConfig) -> str:
    """A short hash of the head, of the code that makes clips, and of what was recorded."""
    code = Path(clips_module.__file__).parent
    files = [*sorted(code.glob("*.py")), Path(data.__file__), MODELS / "head" / "about.json"]
    parts = [f.read_bytes() for f in files]
    for one in config.recorded.folders:
        parts.append("\n".join(config.recorded.names(one)).encode())
        parts.append(config.recorded.manner(one).encode())
    parts.append(str(config.recorded.variants).encode())
    return hashlib.sha256(b"".join(parts)).hexdigest()[:8]


def full_sizes(config: Config, folder: Path) -> Sizes:
    """The config's sizes with those that the data set decides."""
    space = data.load_space(folder)
    return replace(
        config.sizes,
        modes=len(space.modes),
        templates=len(space.template_modes) + len(space.manners),
        manners=len(space.manners),
        phones=len(PHONES),
    )


def fit(config: Config, run: Run) -> bool:
    """Both steps, as far as time allows; whether they are finished."""
    folder = run_data(run.folder, config.data)
    motions = data.load(folder, "train")
    sizes = full_sizes(config, folder)
    try:
        net = _first(config, run, motions, sizes, folder)
        if isinstance(net, Continuous):
            _follower(config, run, motions, net)
        elif isinstance(net, MeshTalk):
            _second(config, run, motions, net, folder)
    except OutOfTime:
        return False
    return True


def _first(
    config: Config, run: Run, motions: Motions, sizes: Sizes, folder: Path
) -> MeshTalk | Regression:
    torch.manual_seed(config.seed)
    net = first_net(config.net, sizes)
    net.audio.mean.copy_(torch.from_numpy(motions.mel.mean(0)))
    net.audio.spread.copy_(torch.from_numpy(motions.mel.std(0)))
    space = data.load_space(folder)
    if config.start.model is not None and isinstance(net, MeshTalk):
        begin(net, space, config.start.model)
    net.to(run.device)
    regions = losses.Regions(Head.load(), space).to(run.device)
    ends = torch.from_numpy(data.hears(config.length)).long().to(run.device)
    shelf = Shelf(motions, run.device, sizes.manners, config.data.balance)
    still = shut(Head.load(), space).to(run.device)

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        batch = data.crops(shelf, config.length, config.batch, rng, config.lookahead)
        batch = config.rough(batch, still)
        config.start.held(net, step)
        shift = int(rng.integers(1, config.batch))
        with torch.autocast(run.device.type, torch.bfloat16, enabled=config.half):
            if isinstance(net, Regression):
                return losses.regression(net, regions, batch, ends, config.weights)
            return losses.first_step(net, regions, batch, ends, shift, config.weights)

    train(run, "first", net, loss, config.first)
    return net.eval()


def _second(config: Config, run: Run, motions: Motions, net: MeshTalk, folder: Path) -> None:
    """Which codes follow, given the sound: both by the first step's nets, of sound as rough."""
    torch.manual_seed(config.seed + 1)
    model = Autoregressive(net.sizes).to(run.device)
    if finished(run.folder, "second") >= config.second.steps:
        return
    shelf = Shelf(motions, run.device, net.sizes.manners, config.data.balance)
    still = shut(Head.load(), data.load_space(folder)).to(run.device)
    heard = torch.from_numpy(data.hears(config.context)).long().to(run.device)

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        batch = data.crops(shelf, config.context, config.batch, rng, config.lookahead)
        batch = config.rough(batch, still)
        with torch.no_grad():
            audio = net.hear(batch.mel, heard)
            expression = net.expression(batch.motion, batch.template)
            labels = net.fuse(audio, expression).argmax(-1)
        return {"total": model.loss(labels, model.heard(audio, batch.template))}

    train(run, "second", model, loss, config.second)


def _follower(config: Config, run: Run, motions: Motions, net: Continuous) -> None:
    """Which expression follows, given the sound, where there are no codes to draw."""
    torch.manual_seed(config.seed + 1)
    model = Follower(net.sizes).to(run.device)
    if finished(run.folder, "second") >= config.second.steps:
        return
    parts = [
        (a[0].cpu(), e[0].cpu()) for a, e, _ in coded(net, motions, run.device, config.lookahead)
    ]
    audio, wanted = (torch.cat(x).to(run.device) for x in zip(*parts, strict=True))
    shelf = Shelf(motions, run.device, net.sizes.manners, config.data.balance)

    def loss(step: int, rng: np.random.Generator) -> dict[str, Tensor]:
        batch = data.crops(shelf, config.context, config.batch, rng, config.lookahead)
        value = model.loss(wanted[batch.rows], audio[batch.rows])
        return {"total": value}

    train(run, "second", model, loss, config.second)


def finished(folder: Path, name: str) -> int:
    """How many steps the checkpoint NAME.pt has seen."""
    file = folder / f"{name}.pt"
    if not file.exists():
        return 0
    return int(torch.load(file, map_location="cpu", weights_only=True)["step"])


def encode(
    net: MeshTalk, motions: Motions, device: torch.device, lookahead: float
) -> tuple[Tensor, Tensor]:
    """Audio codes (f, width) and most likely labels (f, heads) of every frame."""
    codes, labels = [], []
    for audio, expression, _ in coded(net, motions, device, lookahead):
        with torch.no_grad():
            labels.append(net.fuse(audio, expression)[0].argmax(-1).cpu())
        codes.append(audio[0].cpu())
    return torch.cat(codes), torch.cat(labels)


@torch.no_grad()
def coded(
    net: MeshTalk, motions: Motions, device: torch.device, lookahead: float
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Clip by clip: audio and expression codes (1, n, width), template (1, p)."""
    net.eval()
    for c in range(len(motions.frames) - 1):
        n = int(motions.frames[c + 1] - motions.frames[c])
        mel = torch.from_numpy(motions.mel[motions.mels[c] : motions.mels[c + 1]])[None]
        motion = torch.from_numpy(motions.motion[motions.frames[c] : motions.frames[c + 1]])[None]
        template = torch.from_numpy(motions.template[c : c + 1]).to(device)
        audio = net.hear(mel.to(device), ends(n, lookahead).to(device))
        yield audio, net.expression(motion.to(device), template), template


def ends(frames: int, lookahead: float) -> Tensor:
    """The last mel frame that each of a clip's frames hears, in the rows of data.features."""
    return torch.tensor([last_frame(k, Fraction(FPS), lookahead) for k in range(frames)])


def saved_config(folder: Path) -> Config:
    """The configuration that a run was started with."""
    return recipes.saved_config(folder, Config())


def run_data(folder: Path, config: DataConfig) -> Path:
    """The data set of a run: the one it began with, whatever has changed since."""
    note = folder / "data.txt"
    if note.exists():
        return Path(note.read_text(encoding="utf-8").strip())
    found = data_folder(config)
    note.write_text(f"{found}\n", encoding="utf-8")
    return found


def load_run(folder: Path) -> Trained:
    """MeshTalk's nets of a run folder, on the CPU."""
    config = saved_config(folder)
    if config.net != "meshtalk":
        raise ConfigError(f"{folder} holds a baseline ({config.net}): there is no model to export")
    sizes = full_sizes(config, run_data(folder, config.data))
    first, second = MeshTalk(sizes), Autoregressive(sizes)
    restore(first, folder / "first.pt")
    restore(second, folder / "second.pt")
    return Trained(config, sizes, first, second)


def restore(net: nn.Module, file: Path) -> None:
    """Puts a checkpoint's weights into the net, ready to be run."""
    if not file.exists():
        raise ConfigError(f"{file} is not there: go on with --resume {file.parent}")
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["net"])
    net.eval()
