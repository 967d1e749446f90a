"""The voice's half of the persona scene: what is imagined, shown, held and kept."""

from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import DeviceError
from .head import Head
from .head.avatar import save_avatar
from .head.look import appearance, avatar_of
from .types import Appearance, AudioChunk
from .voices import Model
from .voices.become import Become, Overhear
from .voices.imagine import Imagination, Imagine, enough
from .voices.listen import ENOUGH

DOINGS = ("lock", "unlock", "save", "again")


@dataclass(frozen=True, slots=True)
class PersonaConfig:
    """The [persona] section."""

    folder: Path = Path("personas")  # where the page's button keeps them


class Imagining:
    """Loads what imagines a head; its stages stand before and behind speech."""

    def __init__(self, config: PersonaConfig, head: Head, provider: str) -> None:
        ears = Model.load(provider=provider, sees=False)
        imagination = Imagination.load(ears, provider=provider)
        self._config, self._nobody = config, imagination.nobody
        self._imagine = Imagine(ears, imagination)
        self.become = Become(head, self._nobody)
        self.nobody: Appearance = appearance(self._nobody, head)
        self.overhear = Overhear(self._imagine.name, self._hear)

    def _hear(self, chunk: AudioChunk) -> None:
        for persona in self._imagine.push(chunk):
            self.become.hear(persona)

    def about(self) -> dict[str, Any]:
        """For the page."""
        persona = self.become.wanted
        return {
            "persona": {
                "locked": self.become.locked,
                "seconds": round(self._imagine.seconds, 1),
                "enough": enough(persona.seconds),
            }
        }

    def do(self, what: str) -> dict[str, Any]:
        """One of DOINGS; EngineError says why not."""
        if what == "save":
            name = f"persona-{datetime.now():%Y%m%d-%H%M%S}.toml"
            return {"file": str(self.save(self._config.folder / name))}
        if what == "again":
            self._imagine.again()
        self._hold(what == "lock")
        return self.about()["persona"] | {"locked": what == "lock"}

    def _hold(self, on: bool) -> None:
        self._imagine.lock(on)
        self.become.locked = on

    def save(self, file: Path) -> Path:
        """Writes the persona as an avatar's TOML, and its tint beside; DeviceError where too little
        was heard."""
        persona = self.become.wanted
        if not enough(persona.seconds):
            raise DeviceError(
                f"not enough speech: {self._imagine.seconds:.1f} s were heard and {ENOUGH} are "
                "needed, so nobody is imagined yet"
            )
        avatar = replace(avatar_of(persona), name=file.stem)
        save_avatar(avatar, persona.tint, file)
        return file
