"""Configuration: frozen dataclasses hold the defaults, TOML changes values, `--set` comes last.

A section is a nested dataclass. Anything unknown or of the wrong type is a ConfigError that
names the file, the key and what was expected. Secrets come from the environment, never from here.
"""

import dataclasses
import tomllib
import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from .errors import ConfigError

C = TypeVar("C")


def load(cls: type[C], file: Path | None = None, sets: Iterable[str] = ()) -> C:
    """An instance of the dataclass `cls` from its defaults, a TOML file and `a.b=c` settings."""
    config = cls()
    if file is not None:
        config = merge(config, read_toml(file), str(file))
    return override(config, sets)


def override(config: C, sets: Iterable[str]) -> C:
    """`config` with `a.b=c` settings on top."""
    for assignment in sets:
        config = merge(config, _as_tree(assignment), f"--set {assignment}")
    return config


def read_toml(file: Path) -> dict[str, Any]:
    """The table in `file`; ConfigError where it cannot be read."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as e:
        raise ConfigError(f"cannot read the configuration {file}: {e.strerror}") from e
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise ConfigError(f"{file} is not valid TOML: {e}") from e


def merge(config: C, table: dict[str, Any], where: str, prefix: str = "") -> C:
    """`config` with the values of `table` in place of its own."""
    hints = get_type_hints(type(config))
    changes: dict[str, Any] = {}
    for key, value in table.items():
        name = f"{prefix}{key}"
        if key not in hints:
            known = ", ".join(prefix + k for k in hints)
            raise ConfigError(f"{where}: unknown key '{name}'; known keys: {known}")
        current = getattr(config, key)
        if dataclasses.is_dataclass(current):
            if not isinstance(value, dict):
                raise ConfigError(f"{where}: '{name}' is a section, so write it as [{name}]")
            changes[key] = merge(current, value, where, f"{name}.")
        else:
            changes[key] = _checked(value, hints[key], name, where)
    return dataclasses.replace(config, **changes)  # type: ignore[type-var]


def as_dict(config: Any) -> dict[str, Any]:
    """The resolved configuration as plain values, for the log and for a model's about.json."""
    return dataclasses.asdict(config)


def _as_tree(assignment: str) -> dict[str, Any]:
    path, equals, text = assignment.partition("=")
    if not equals or not path.strip():
        raise ConfigError(f"--set {assignment}: write it as section.key=value")
    try:
        value = tomllib.loads(f"v = {text}")["v"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a string: --set scene=avatar
    for key in reversed(path.strip().split(".")):
        value = {key: value}
    return typing.cast(dict[str, Any], value)


def _checked(value: Any, wanted: Any, name: str, where: str) -> Any:
    fitted = _fit(value, wanted)
    if fitted is _MISFIT:
        raise ConfigError(f"{where}: '{name}' should be {_words(wanted)}, not {value!r}")
    return fitted


_MISFIT = object()


def _fit(value: Any, wanted: Any) -> Any:
    """`value` as the type `wanted`, or _MISFIT; whole numbers pass as floats, lists as tuples."""
    origin = get_origin(wanted)
    if origin in (typing.Union, types.UnionType):
        kinds = sorted(get_args(wanted), key=lambda kind: kind is not type(None))  # "" is None
        fits = (_fit(value, one) for one in kinds)
        return next((f for f in fits if f is not _MISFIT), _MISFIT)
    if origin is typing.Literal:
        return value if value in get_args(wanted) else _MISFIT
    if origin is tuple:
        return _fit_tuple(value, get_args(wanted))
    if origin is dict:
        return value if isinstance(value, dict) else _MISFIT
    if wanted is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if wanted is Path and isinstance(value, str):
        return Path(value)
    if wanted is type(None):
        return None if value in (None, "") else _MISFIT
    if isinstance(value, bool) and wanted is not bool:
        return _MISFIT
    return value if isinstance(value, wanted) else _MISFIT


def _fit_tuple(value: Any, inner: tuple[Any, ...]) -> Any:
    if not isinstance(value, list | tuple):
        return _MISFIT
    kinds = [inner[0]] * len(value) if inner[-1] is Ellipsis else list(inner)
    if len(kinds) != len(value):
        return _MISFIT
    fitted = tuple(_fit(v, k) for v, k in zip(value, kinds, strict=True))
    return _MISFIT if any(f is _MISFIT for f in fitted) else fitted


def _words(wanted: Any) -> str:
    origin = get_origin(wanted)
    if origin is typing.Literal:
        return "one of " + ", ".join(repr(a) for a in get_args(wanted))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(a) for a in get_args(wanted))
    if origin is tuple:
        return "a list of " + ", ".join(_words(a) for a in get_args(wanted) if a is not Ellipsis)
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a string"}
    return names.get(
        wanted, "a path" if wanted is Path else "empty" if wanted is type(None) else str(wanted)
    )
