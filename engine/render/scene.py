"""What a scene is, and how one is found: by the name of a file of scenes/, or by a path."""

import importlib
import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import Protocol

from engine.errors import ConfigError
from engine.head import Head
from engine.types import Appearance, World

from .canvas import Canvas
from .config import RenderConfig

PACKAGE = "scenes"


class Scene(Protocol):
    """Draws the moment that a World describes into the canvas's target."""

    needs: tuple[str, ...]  # capabilities whose results it uses, such as "speech"

    def __init__(
        self, canvas: Canvas, head: Head, appearance: Appearance, config: RenderConfig
    ) -> None: ...

    def draw(self, world: World) -> None: ...


def load_scene(name: str) -> type[Scene]:
    """The class `Scene` of scenes/NAME.py or of the file NAME; ConfigError where there is none."""
    module = _from_file(Path(name)) if name.endswith(".py") else _from_package(name)
    found = getattr(module, "Scene", None)
    if not isinstance(found, type) or not hasattr(found, "draw") or not hasattr(found, "needs"):
        raise ConfigError(
            f"scene {name} has no class Scene with `needs` and `draw`; see docs/scene.md"
        )
    return found


def scene_names() -> list[str]:
    package = importlib.import_module(PACKAGE)
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_")


def _from_package(name: str) -> ModuleType:
    known = scene_names()
    if name not in known:
        raise ConfigError(
            f"there is no scene '{name}'; there are: {', '.join(known)}, or the path of a .py file"
        )
    return importlib.import_module(f"{PACKAGE}.{name}")


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise ConfigError(f"there is no scene file {path}")
    spec = importlib.util.spec_from_file_location(f"scene_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as e:
        raise ConfigError(f"scene {path} does not load: {e}") from e
    return module
