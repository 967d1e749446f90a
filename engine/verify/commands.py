"""What each command of `python -m engine.verify` does; each answers with lines, or JSON."""

import argparse
import getpass
import json
import os
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import ConfigError, EngineError, ModelError
from ..faces import IDENTITY, Finder, Follow, crop
from ..faces.recogniser import Recogniser
from ..types import Floats
from .calibrate import calibrate, det
from .camera import frames
from .cohort import Clip, Cohort, attach, beside, load, make
from .det import draw_det
from .enrolment import Outcome, embed_pictures, people_in
from .gallery import Gallery
from .gathering import Gathering
from .pictures import pictures_in
from .protect import make_key
from .records import Consent, Person
from .report import as_json
from .transfer import export_gallery, import_gallery
from .verifier import Verifier

NOT_VERIFIED = 3  # exit code: the question was answered, with no
_CLIPS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}


def say(args: argparse.Namespace, value: Any, lines: Iterable[str]) -> None:
    """JSON where it was asked for, else lines for a person."""
    print(json.dumps(value, default=str) if args.json else "\n".join(lines), flush=True)


def gallery_of(args: argparse.Namespace, make: bool = False) -> Gallery:
    gallery = Gallery.open(args.gallery, Recogniser(args.model, args.provider), args.key_file, make)
    gallery.purge()
    return gallery


def enroll(args: argparse.Namespace) -> int:
    consent = Consent.until(args.purpose, args.expires)
    recogniser, finder = Recogniser(args.model, args.provider), Finder(args.provider)
    if args.camera is not None:
        wanted = {args.name: _from_camera(args, finder, recogniser)}
        outcomes: list[Outcome] = []
    else:
        wanted, outcomes = _from_files(args, finder, recogniser)
    refused = [{"file": str(o.file), "reason": o.why} for o in outcomes if o.why]
    for one in refused:
        print(one["reason"], file=sys.stderr)
    if not wanted:
        raise ConfigError("no picture could be used, so nobody was enrolled")
    gallery = Gallery.open(args.gallery, recogniser, args.key_file)
    made = gallery.enroll_all([(n, np.stack(e), consent) for n, e in wanted.items()])
    say(
        args,
        {"enrolled": [_about(p) for p in made], "refused": refused},
        [f"enrolled {p.name}: {p.pictures} pictures, until {_day(p)}" for p in made],
    )
    return 0


def _from_files(
    args: argparse.Namespace, finder: Finder, recogniser: Recogniser
) -> tuple[dict[str, list[Floats]], list[Outcome]]:
    """Embeddings by name, and what became of each file."""
    if args.folder is not None:
        if not args.folder.is_dir():
            raise ConfigError(f"{args.folder} is no folder; give one that has a folder a person")
        files = people_in(args.folder, pictures_in([args.folder]))
    else:
        files = {args.name: list(pictures_in(args.pictures))}
    names = {file: name for name, each in files.items() for file in each}
    bar = tqdm(names, "pictures", unit="", disable=None, leave=False)
    outcomes = list(embed_pictures(bar, finder, recogniser))
    people: dict[str, list[Floats]] = {}
    for outcome in outcomes:
        if outcome.embedding is not None:
            people.setdefault(names[outcome.file], []).append(outcome.embedding)
    return people, outcomes


def _from_camera(args: argparse.Namespace, finder: Finder, recogniser: Recogniser) -> list[Floats]:
    """Some good frames of the one face before the camera."""
    follow, gathering, told = Follow(finder), Gathering(recogniser), ""
    for frame in frames(args.camera, args.seconds):
        if gathering.push(follow.push(frame)[0]):
            return list(gathering.embeddings)
        if gathering.words not in ("", told):
            print(told := gathering.words, file=sys.stderr, flush=True)
    raise ConfigError(
        f"only {len(gathering)} of {gathering.wanted} good pictures came; nobody enrolled"
    )


def list_people(args: argparse.Namespace) -> int:
    people = gallery_of(args).people()
    lines = [
        f"{p.name}  {p.pictures} pictures  for: {p.consent.purpose}  until {_day(p)}"
        for p in people
    ]
    say(args, [_about(p) for p in people], lines or ["nobody is enrolled"])
    return 0


def remove(args: argparse.Namespace) -> int:
    gallery = gallery_of(args)
    unknown = [name for name in args.names if gallery.find(name) is None]
    if unknown:
        raise ConfigError(f"not enrolled: {', '.join(unknown)}; nobody was removed")
    gone = gallery.remove(args.names)
    say(args, {"removed": args.names}, [f"removed {gone}; nothing of them is left in the gallery"])
    return 0


def compare(args: argparse.Namespace) -> int:
    return _single(args, lambda v: v.compare(args.one, args.other))


def identify(args: argparse.Namespace) -> int:
    return _single(args, lambda v: v.identify(args.picture))


def _single(args: argparse.Namespace, ask: Any) -> int:
    with _verifier(args) as verifier:
        identity = ask(verifier)
    line = f"{identity.decision}{' ' + identity.name if identity.name else ''}: "
    if identity.similarity is None:  # nothing was compared
        line += identity.reason
    else:
        line += f"similarity {identity.similarity:.3f}, threshold {identity.threshold:.3f} "
        line += f"for a false-match rate of {identity.target_fmr:g}"
    say(args, as_json(identity), [line])
    return 0 if identity.verified else NOT_VERIFIED


def _verifier(args: argparse.Namespace) -> Verifier:
    return Verifier.open(
        args.gallery, target_fmr=args.target_fmr, model=args.model, key=args.key_file,
        trusted=True, provider=args.provider,
    )  # fmt: skip


def watch(args: argparse.Namespace) -> int:
    with _verifier(args) as verifier:
        if args.expect:
            verifier.expect(args.expect)
        for identity in verifier.events(frames(args.source, args.seconds)):
            who = f" {identity.name}" if identity.name else ""
            said = f"{identity.t:8.2f} s  face {identity.track}: {identity.decision}{who}"
            say(args, as_json(identity), [f"{said}  ({identity.reason})"])
    return 0


def calibrate_command(args: argparse.Namespace) -> int:
    gallery = gallery_of(args)
    cohort = _cohort(gallery)
    found = calibrate(cohort, gallery, args.target_fmr)
    gallery.annotate("floor", f"{found.enrolled:.6f}")
    fmr, fnmr, band = det(cohort)
    title = f"{found.model}: {found.people} people, {found.pairs} pairs of strangers"
    draw_det(args.picture, title, fmr, fnmr, band, (found.fmr, found.fnmr))
    low, high = found.interval
    lines = [
        f"threshold {found.threshold:.4f} for single pictures: false matches {args.target_fmr:g} "
        f"a search among {max(found.gallery, 1)}, {found.fmr:.2e} a comparison",
        f"  strangers reach {found.strangers:.4f} (95 %: {low:.4f} to {high:.4f}; "
        f"{found.pairs} pairs of {found.people} people)",
        f"  enrolled people among themselves {found.enrolled:.4f}"
        if found.gallery > 1
        else "  fewer than two are enrolled, so nothing is known of how alike they are",
        f"  misses {found.fnmr:.1%} (95 %: {found.fnmr_interval[0]:.1%} to "
        f"{found.fnmr_interval[1]:.1%})",
        f"  DET picture: {args.picture}",
    ]
    if found.alike:
        lines.append(f"  most alike: {' and '.join(found.alike)}: the same person twice?")
    say(args, found.as_dict() | {"picture": args.picture}, lines)
    return 0


def _cohort(gallery: Gallery) -> Cohort:
    maker = gallery.maker
    file = beside(maker.folder) if isinstance(maker, Recogniser) else None
    if file is None:
        raise ModelError(
            f"{maker.name} has no cohort; 'python -m engine.verify cohort FOLDER' makes one"
        )
    return load(file)


def cohort(args: argparse.Namespace) -> int:
    """From FOLDER/NAME/pictures and clips of people whom the model was not trained on."""
    if not args.folder.is_dir():
        raise ConfigError(f"{args.folder} is no folder; give one that has a folder a person")
    recogniser, finder = Recogniser(args.model, args.provider), Finder(args.provider)
    files = people_in(args.folder, pictures_in([args.folder]))
    names = {file: name for name, each in files.items() for file in each}
    people: dict[str, list[Floats]] = {}
    bar = tqdm(names, "pictures", unit="", disable=None, leave=False)
    for outcome in embed_pictures(bar, finder, recogniser):
        if outcome.embedding is not None:
            people.setdefault(names[outcome.file], []).append(outcome.embedding)
    order = sorted(people)
    clips = [c for i, n in enumerate(order) for c in _clips(args.folder / n, i, finder, recogniser)]
    made = make([np.stack(people[name]) for name in order], clips)
    file = attach(made, recogniser.folder)
    strangers = len(made.strangers)
    lines = [f"{file}: {made.people} people, {strangers} pairs of strangers, {len(clips)} clips"]
    say(args, {"file": file, "people": made.people, "pairs": strangers}, lines)
    return 0


def _clips(folder: Path, person: int, finder: Finder, recogniser: Recogniser) -> Iterable[Clip]:
    """The first face of each clip, five frames a second of at most six seconds."""
    for path in (p for p in sorted(folder.iterdir()) if p.suffix.lower() in _CLIPS):
        follow = Follow(finder)
        t: list[float] = []
        embeddings: list[Floats] = []
        for frame in frames(str(path), 6.0):
            faces = follow.push(frame)[0].faces
            if faces and (not t or frame.t - t[-1] >= 0.2):
                cut = crop(frame, faces[0].points, IDENTITY).pixels
                t.append(frame.t)
                embeddings.append(recogniser.embed(cut[None])[0])
        if len(t) > 2:
            yield Clip(person, np.array(t, np.float32), np.stack(embeddings))


def export(args: argparse.Namespace) -> int:
    n = export_gallery(gallery_of(args), args.file, _passphrase())
    say(args, {"exported": n, "file": args.file}, [f"{n} people in {args.file}"])
    return 0


def import_people(args: argparse.Namespace) -> int:
    n = import_gallery(gallery_of(args, make=True), args.file, _passphrase())
    say(args, {"imported": n}, [f"{n} people from {args.file}"])
    return 0


def rekey(args: argparse.Namespace) -> int:
    gallery_of(args).rekey(args.new_key_file)
    lines = [f"everybody is under {args.new_key_file} now; the old key opens nothing any more"]
    say(args, {"key": args.new_key_file}, lines)
    return 0


def key(args: argparse.Namespace) -> int:
    make_key(args.file)
    lines = [f"{args.file}: keep a copy elsewhere; without it the gallery cannot be read"]
    say(args, {"key": args.file}, lines)
    return 0


def run(args: argparse.Namespace) -> int:
    """The exit code; errors in one line."""
    try:
        return int(args.command(args))
    except EngineError as e:
        print(f"likeness: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # so that closing stdout does not complain
        return 1


def _passphrase() -> str:
    """From the environment, else from whoever is at the keyboard."""
    given = os.environ.get("LIKENESS_PASSPHRASE")
    if not given and not sys.stdin.isatty():
        raise ConfigError("no passphrase: set LIKENESS_PASSPHRASE, or type it at a terminal")
    return given or getpass.getpass("passphrase: ")


def _about(person: Person) -> dict[str, Any]:
    return {
        "name": person.name,
        "pictures": person.pictures,
        "purpose": person.consent.purpose,
        "expires": person.consent.expires.isoformat(timespec="seconds"),
        "days_left": (person.consent.expires - datetime.now(UTC)).days,
    }


def _day(person: Person) -> str:
    return person.consent.expires.date().isoformat()
