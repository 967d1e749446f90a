"""One comparison: speakers by data sets, written as text, JSON and pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.errors import ConfigError
from engine.head import Head
from training.data import store
from training.data.clips import clips, part
from training.loop import tell

from . import report, robust
from .codes import perplexity
from .recorded import Held, Values, against, held_out, others, summary, truth_of
from .ruler import Ruler
from .speakers import Speaker, of_rows
from .steps import saved_config
from .strip import strips
from .study import study

GENERATOR = ("test", "voices")  # the parts of the generator's data that nothing is trained on


@dataclass(frozen=True, slots=True)
class Asked:
    """What is compared, on what."""

    model: Path | None
    rows: Sequence[Path]
    data: Sequence[str]  # folders, or a part of the generator's
    clips: int  # of each, at most
    samples: int
    out: Path


def load_clips(name: str, most: int, modes: int) -> list[Held]:
    """Held-out clips of a data set, or of the generator by the name of its part."""
    if name in GENERATOR:
        seed = 11 + GENERATOR.index(name)
        made = clips(part(name), most, modes, seed)
        return [Held(f"{name}-{i}", clip, None) for i, clip in enumerate(made)]
    return held_out(Path(name), most)


def compare(asked: Asked) -> dict[str, report.Rows]:
    """All tables by title."""
    head = Head.load()
    ruler = Ruler(head)
    asked.out.mkdir(parents=True, exist_ok=True)
    found: dict[str, report.Rows] = {}
    for name in asked.data:
        title = Path(name).name
        chosen = load_clips(name, asked.clips, len(head.identity_basis))
        speakers = of_rows(asked.model, asked.rows, head, title)
        found |= one_set(ruler, speakers, chosen, title, asked)
    if codes := {
        run.name: perplexity(run) for run in asked.rows if saved_config(run).net == "meshtalk"
    }:
        found["codes"] = codes
    write(found, asked.out)
    return found


def one_set(
    ruler: Ruler, speakers: dict[str, Speaker], chosen: list[Held], title: str, asked: Asked
) -> dict[str, report.Rows]:
    """The tables and pictures of one data set."""
    each = against(ruler, speakers, chosen, asked.samples)
    rows = {name: summary(values) for name, values in each.items()}
    found = {title: rows}
    if ratio := report.ratios(rows):
        found[f"{title}: ratios"] = {"ratio": ratio}
    report.bars(rows, title, asked.out / f"{title}-lips.png")
    if len(report.lookaheads(rows)) > 1:
        report.curve(rows, title, asked.out / f"{title}-lookahead.png")
    draw_traces(ruler, speakers, chosen[:4], asked.out / f"{title}-openings.png")
    if len({held.clip.voice for held in chosen}) > 1:
        found[f"{title}: offsets removed"] = {
            name: others(ruler, speaker, chosen) for name, speaker in speakers.items()
            if name != "mean-face"
        }  # fmt: skip
    found[f"{title}: spoilt sound"] = {
        name: spoilt(ruler, speaker, chosen) for name, speaker in speakers.items() if speaker.draws
    }
    return found


def spoilt(ruler: Ruler, speaker: Speaker, chosen: Sequence[Held]) -> Values:
    some = chosen[:12]
    return robust.robustness(ruler, speaker, some) | robust.quiet_and_music(ruler, speaker, some)


def draw_traces(
    ruler: Ruler, speakers: dict[str, Speaker], chosen: Sequence[Held], file: Path
) -> None:
    panels = []
    for held in chosen:
        clip = held.clip
        person = ruler.head.person(clip.identity)
        lines = {"recording": ruler.openings(truth_of(ruler, clip, clip.weights))}
        for name, speaker in list(speakers.items())[:4]:
            faces = speaker.speak(clip.samples, person, len(clip.weights), None)
            lines[name] = ruler.openings(faces)
        panels.append((f"{held.name}: {clip.text[:70]}", lines))
    report.traces(panels, file)


def write(found: dict[str, report.Rows], out: Path) -> None:
    """figures.txt and figures.json; the text is shown too."""
    text = "\n\n".join(report.table(title, rows) for title, rows in found.items())
    (out / "figures.txt").write_text(text + "\n", encoding="utf-8")
    (out / "figures.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    tell(text)
    tell(f"written to {out}")


def for_study(asked: Asked, folder: Path) -> Path:
    """Clip pairs of what is compared, of the first data set."""
    head, name = Head.load(), asked.data[0]
    chosen = load_clips(name, asked.clips, len(head.identity_basis))
    speakers = of_rows(asked.model, asked.rows, head, Path(name).name)
    return study(head, speakers, chosen, folder)


def for_strip(asked: Asked, avatar: str, file: Path, outline: bool) -> Path:
    """Frames of the first data set's clips above what the first speaker makes of their sound."""
    head, dataset = Head.load(), Path(asked.data[0])
    if "clips" not in store.read_page(dataset):
        raise ConfigError(f"{dataset} was not made from videos: give one of prepare talking")
    speaker = next(iter(of_rows(asked.model, asked.rows, head, dataset.name).values()))
    strips(dataset, held_out(dataset, asked.clips), speaker, avatar, file, 9, outline)
    return file
