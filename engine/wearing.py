"""A person's own face on the avatar: on their request alone, in memory, until they take it off."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from .errors import EngineError
from .head import Head
from .head.avatar import load_appearance
from .head.worn import save, wear
from .render import Screen
from .track import Drive
from .types import Appearance


class Wearing:
    """What a page asks of the face before the camera; `drive()` is None where none is tracked."""

    def __init__(
        self, head: Head, avatar: str, folder: Path, screen: Screen,
        drive: Callable[[], Drive | None], pool: Executor,
    ) -> None:  # fmt: skip
        self._head, self._avatar, self._folder = head, avatar, folder
        self._screen, self._drive, self._pool = screen, drive, pool
        self._own = load_appearance(avatar, head)
        self._look: Appearance | None = None
        self._saved: Path | None = None
        self._one_by_one = asyncio.Lock()

    @property
    def state(self) -> dict[str, Any]:
        """For the page: whether a face is worn, and where it is kept."""
        return {"on": self._look is not None, "saved": str(self._saved) if self._saved else ""}

    async def ask(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"wear": true, "consent": true}, {"wear": false} or {"save": NAME} -> the state."""
        async with self._one_by_one:
            if "save" in asked:
                await self._keep(str(asked["save"]))
            elif asked.get("wear") is True:
                await self._put_on(asked.get("consent") is True)
            elif asked.get("wear") is False:
                await self._take_off()
            else:
                raise EngineError('ask {"wear": true, "consent": true} or false, or {"save": NAME}')
            return self.state

    async def _put_on(self, consent: bool) -> None:
        drive = self._drive()
        if not consent:
            raise EngineError("nobody's face is worn without their consent: tick the box")
        if drive is None:
            raise EngineError("this scene looks at no face: wear yours in --scene mirror")
        if (seen := drive.face) is None:
            raise EngineError("no face is seen well enough to be worn: look into the camera")
        look = await self._run(wear, self._own, self._head, seen.identity, seen.reflectance)
        await self._run(self._screen.wear, look)
        drive.worn = self._head.person(look.identity)
        self._look, self._saved = look, None

    async def _take_off(self) -> None:
        """Forgets: the avatar has its own face again, and nothing learned is kept in memory."""
        self._look, self._saved = None, None
        if (drive := self._drive()) is not None:
            drive.forget()
        await self._run(self._screen.wear, self._own)

    async def _keep(self, name: str) -> None:
        if self._look is None:
            raise EngineError("no face is worn that could be saved: wear yours first")
        self._saved = await self._run(save, self._look, self._avatar, self._folder, name)

    async def _run(self, do: Callable[..., Any], *about: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._pool, do, *about)
