"""The parametric head: who somebody is (identity), what the face does (ARKit-52), and back."""

from .arkit import ARKIT, INDEX
from .model import Head
from .solver import Solver

__all__ = ["ARKIT", "INDEX", "Head", "Solver"]
