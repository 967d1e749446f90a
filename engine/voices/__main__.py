"""python -m engine.voices FILE...: what is heard in recordings, and how sure that is.

Says how much speech there is, what the voice's covariates (gender) are with their probability, and
what is wrong with the sound. With --face, whether the voice fits a face. No answer is a name.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import EngineError, ModelError
from ..faces import Finder
from . import media
from .fit import fit
from .listen import ENOUGH, Listen, Voice
from .model import Model


def main(argv: Sequence[str] | None = None) -> int:
    args = _arguments(argv)
    try:
        model = Model.load(args.model, sees=args.face is not None)
        seen = None if args.face is None else _face(model, args.face)
        answers = [_hear(model, file, seen) for file in args.file]
    except EngineError as e:
        print(f"likeness: {e}", file=sys.stderr)
        return e.exit_code
    print(json.dumps(answers, indent=1) if args.json else "\n".join(map(_line, answers)))
    return 0


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m engine.voices", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("file", nargs="+", type=Path, help="sound, or video with sound")
    parser.add_argument("--face", type=Path, metavar="PICTURE", help="does the voice fit it?")
    parser.add_argument("--model", type=Path, help="a folder; the shipped one if not given")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(argv)


def _face(model: Model, file: Path) -> Any:
    crop = media.face(file, Finder("cpu"))
    if crop is None:
        raise ModelError(f"no face is found in {file}; give a picture that shows one")
    return model.faces(crop[None])[0]


def _hear(model: Model, file: Path, face: Any) -> dict[str, Any]:
    stage, heard = media.listen(model, file)
    answer: dict[str, Any] = {"file": str(file), "speech": round(stage.seconds, 2)}
    if stage.seconds < ENOUGH:
        return answer | {"decision": "not enough speech"}
    answer |= _said(model, stage, heard[-1])
    if face is not None:
        found = fit(model, heard[-1].embedding, heard[-1].seconds, face)
        answer["fit"] = {"similarity": round(found.similarity, 3), "llr": round(found.llr, 3)}
    return answer


def _said(model: Model, stage: Listen, voice: Voice) -> dict[str, Any]:
    said = {}
    for c in voice.probabilities:
        classes = model.classes(c)
        named = voice.named(c, classes)
        p = [round(float(x), 3) for x in voice.probabilities[c]]
        said[c] = {"decision": named or "uncertain", **dict(zip(classes, p, strict=True))}
    return {"covariates": said, "doubts": list(voice.doubts)}


def _line(answer: dict[str, Any]) -> str:
    begin = f"{answer['file']}: {answer['speech']:.1f} s of speech"
    if "decision" in answer:
        return f"{begin}; {answer['decision']} (at least {ENOUGH} s are needed)"
    parts = [begin]
    for c, said in answer["covariates"].items():
        share = ", ".join(f"{k} {100 * v:.0f} %" for k, v in said.items() if k != "decision")
        parts.append(f"{c}: {said['decision']} ({share})")
    if "fit" in answer:
        parts.append("with the face: similarity {similarity:.2f}, log likelihood ratio {llr:+.2f} "
                     "(at most about +0.69 by gender alone)".format(**answer["fit"]))  # fmt: skip
    return "; ".join([*parts, *answer["doubts"]])


if __name__ == "__main__":
    sys.exit(main())
