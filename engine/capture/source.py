"""What every source of sound is."""

from typing import Protocol

from ..channel import Channel
from ..types import AudioChunk


class Source(Protocol):
    """Fills a channel with sound stamped in session time, at one rate for all its life."""

    @property
    def rate(self) -> int: ...

    @property
    def describe(self) -> str:
        """One line for a person: what is being listened to."""

    @property
    def is_microphone(self) -> bool: ...

    async def run(self, sink: Channel[AudioChunk]) -> None:
        """Sends until the sound ends, then closes `sink`; a microphone never ends."""
