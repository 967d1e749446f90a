"""Speech to a moving face: MeshTalk, streamed."""

from .meshtalk import Model
from .stream import MeshTalk, SpeechConfig

__all__ = ["MeshTalk", "Model", "SpeechConfig"]
