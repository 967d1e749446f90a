"""What a scene is, and how one is found: by the name of a file of scenes/, or by a path."""

import ast
import importlib
import importlib.util
import pkgutil
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

from engine.errors import ConfigError
from engine.head import Head
from engine.types import Appearance, World

from .config import RenderConfig

if TYPE_CHECKING:  # OpenGL is the renderer's process's business alone
    from .canvas import Canvas

PACKAGE = "scenes"
SCENES = Path(__file__).parents[2] / PACKAGE
CAPABILITIES = {"speech", "faces", "track", "verify", "persona"}  # what a session can give a scene


class Scene(Protocol):
    """Draws the moment that a World describes into the canvas's target."""

    needs: tuple[str, ...]  # capabilities whose results it uses, such as "speech"

    def __init__(
        self, canvas: "Canvas", head: Head, appearance: Appearance, config: RenderConfig
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
    if unknown := set(found.needs) - CAPABILITIES:
        raise ConfigError(
            f"scene {name} needs {', '.join(sorted(unknown))}, which nothing here gives"
        )
    return found


def check_scene(name: str) -> None:
    """ConfigError where load_scene would find nothing; runs none of the scene's code."""
    if not name.endswith(".py"):
        _known(name)
        return
    try:
        tree = ast.parse(_existing(Path(name)).read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as e:
        raise ConfigError(f"scene {name} does not load: {e}") from e
    if not any(isinstance(node, ast.ClassDef) and node.name == "Scene" for node in tree.body):
        raise ConfigError(f"scene {name} has no class Scene; see docs/scene.md")


def scene_needs(name: str) -> tuple[str, ...]:
    """What the class Scene writes as its `needs`, by reading its file; () where it writes none.

    ConfigError where that is no tuple of words.
    """
    path = Path(name) if name.endswith(".py") else SCENES / f"{name}.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    scenes = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Scene")
    for node in (n for scene in scenes for n in scene.body if isinstance(n, ast.Assign)):
        if any(isinstance(t, ast.Name) and t.id == "needs" for t in node.targets):
            return _words(name, node.value)
    return ()


def _words(name: str, value: ast.expr) -> tuple[str, ...]:
    elements = value.elts if isinstance(value, ast.Tuple) else [value]
    words = [e.value for e in elements if isinstance(e, ast.Constant) and isinstance(e.value, str)]
    if len(words) != len(elements) or not isinstance(value, ast.Tuple):
        raise ConfigError(f'scene {name}: write its needs as ("speech",); see docs/scene.md')
    return tuple(words)


def scene_names() -> list[str]:
    package = importlib.import_module(PACKAGE)
    return sorted(m.name for m in pkgutil.iter_modules(package.__path__) if m.name[0] != "_")


def _known(name: str) -> None:
    known = scene_names()
    if name not in known:
        raise ConfigError(
            f"there is no scene '{name}'; there are: {', '.join(known)}, or the path of a .py file"
        )


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ConfigError(f"there is no scene file {path}")
    return path


def _from_package(name: str) -> ModuleType:
    _known(name)
    return importlib.import_module(f"{PACKAGE}.{name}")


def _from_file(path: Path) -> ModuleType:
    _existing(path)
    spec = importlib.util.spec_from_file_location(f"scene_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{path} cannot be read as Python")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except (SyntaxError, ImportError) as e:
        raise ConfigError(f"scene {path} does not load: {e}") from e
    return module
