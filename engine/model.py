"""Model folders: shipped files with an about.json that says what they are and must hash to.

`about.json` lists `files` as {name: sha256}; whatever else it says (architecture, training
config, data and licences, features, metrics, lookahead, export difference) belongs to the model.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import onnxruntime as ort

from .errors import DeviceError, ModelError

MODELS = Path(__file__).parent / "models"

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A verified model folder."""

    path: Path
    about: dict[str, Any]

    @property
    def name(self) -> str:
        return self.path.name

    def file(self, name: str) -> Path:
        """The path of a listed file; ModelError where about.json does not list it."""
        if name not in self.about["files"]:
            raise ModelError(f"{self.path} lists no file {name}; reinstall the model")
        return self.path / name


def sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def open_model(path: Path) -> ModelFolder:
    """Reads about.json and checks every listed file against its hash."""
    about_file = path / "about.json"
    try:
        about = json.loads(about_file.read_text(encoding="utf-8"))
    except OSError as e:
        raise ModelError(f"no model at {path}: {about_file.name} cannot be read") from e
    except ValueError as e:
        raise ModelError(f"{about_file} is not valid JSON: {e}") from e
    files = about.get("files") if isinstance(about, dict) else None
    if not isinstance(files, dict) or not files:
        raise ModelError(f"{about_file} lists no files; reinstall or retrain the model")
    for name, wanted in files.items():
        _check(path / name, wanted)
    return ModelFolder(path, about)


def _check(file: Path, wanted: str) -> None:
    if not file.is_file():
        raise ModelError(f"{file} is missing; reinstall the model")
    if sha256(file) != wanted:
        raise ModelError(f"{file} is not the file its about.json describes; reinstall the model")


def write_about(path: Path, files: list[str], **about: Any) -> None:
    """Writes about.json for the files of the folder `path`, with their hashes; paths by their names
    alone, since the rest is about one machine."""
    hashes = {name: sha256(path / name) for name in files}
    text = json.dumps({"files": hashes, **about}, indent=2, default=_name)
    (path / "about.json").write_text(text + "\n", encoding="utf-8")


def _name(value: Any) -> str:
    if isinstance(value, PurePath):
        return value.name
    raise TypeError(f"about.json cannot hold {value!r}")


def open_session(
    file: Path, provider: str = "auto", threads: int = 1
) -> tuple[ort.InferenceSession, str]:
    """An ONNX Runtime session and the provider really in use, 'cpu' or 'cuda'.

    `auto` takes CUDA where it works. `cuda` that cannot be had is a DeviceError: the GPU build
    lists CUDA even where there is none, so only what the session reports is believed.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    offered = ort.get_available_providers()
    wanted = [PROVIDERS["cpu"]]
    if provider == "cuda" or (provider == "auto" and PROVIDERS["cuda"] in offered):
        wanted.insert(0, PROVIDERS["cuda"])
    if provider == "cuda" and PROVIDERS["cuda"] not in offered:
        raise DeviceError(
            "no CUDA here: start with LIKENESS_EXTRA=gpu ./run live, or use --provider cpu"
        )
    session = ort.InferenceSession(file, options, providers=wanted)
    used = "cuda" if PROVIDERS["cuda"] in session.get_providers() else "cpu"
    if provider == "cuda" and used != "cuda":
        raise DeviceError(
            "CUDA was asked for but ONNX Runtime could not start it; see "
            "./run doctor, or use --provider cpu"
        )
    return session, used
