"""Pictures of the world: a scene drawn by OpenGL in a process of its own."""

from .config import RenderConfig
from .process import Renderer
from .screen import Screen

__all__ = ["RenderConfig", "Renderer", "Screen"]
