"""Likeness: speak, and a face speaks. This package runs models; `training` makes them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .verify.records import Consent
    from .verify.verifier import Verifier

__all__ = ["Consent", "Verifier"]
_HOME = {"Verifier": "verify.verifier", "Consent": "verify.records"}


def __getattr__(name: str) -> Any:
    """Loads what is asked for only then (PEP 562), so that `import engine` costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_HOME[name]}", __name__), name)
