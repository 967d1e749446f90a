"""What a face does and how it looks, frame by frame: CEST's nets on followed faces."""

from .drive import Drive
from .nets import Nets
from .track import Track, TrackConfig

__all__ = ["Drive", "Nets", "Track", "TrackConfig"]
