"""Pictures of the world: a scene drawn by OpenGL in a process of its own."""

from .config import RenderConfig
from .process import Renderer

__all__ = ["RenderConfig", "Renderer"]
