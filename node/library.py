"""The documents that chunks need, from the cache or from the pool, and never a wrong one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakValueDictionary

from node.errors import ContentError, MissingError

if TYPE_CHECKING:
    from node.cache import ContentCache

Fetch = Callable[[str], Awaitable[str]]

VISIBILITY_DELAYS: Final = (0.02, 0.1, 0.5, 2.0)  # seconds


class Library:
    """Configs and rotations by hash, each fetched once however many chunks wait for it."""

    def __init__(
        self,
        cache: ContentCache,
        fetch_config: Fetch,
        fetch_rotation: Fetch,
        *,
        visibility_delays: Sequence[float] = VISIBILITY_DELAYS,
    ) -> None:
        self._cache = cache
        self._fetch_config = fetch_config
        self._fetch_rotation = fetch_rotation
        self._visibility_delays = visibility_delays
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def config(self, config_hash: str) -> dict[str, Any]:
        """A config by its hash; raises ContentError when the pool's copy is not it."""
        document = json.loads(await self._text(config_hash, self._fetch_config))
        if not isinstance(document, dict):
            raise ContentError(f"config {config_hash} is not an object")
        return document

    async def rotations(self, checksums: Iterable[str]) -> dict[str, str]:
        """The scripts of rotations by their checksums."""
        return {
            checksum: await self._text(checksum, self._fetch_rotation) for checksum in checksums
        }

    async def _text(self, content_hash: str, fetch: Fetch) -> str:
        async with self._locks.setdefault(content_hash, asyncio.Lock()):
            cached = await asyncio.to_thread(self._cache.get, content_hash)
            if cached is not None:
                return cached
            text = await self._fetch_visible(fetch, content_hash)
            await asyncio.to_thread(self._cache.put, content_hash, text)
            return text

    async def _fetch_visible(self, fetch: Fetch, content_hash: str) -> str:
        """Fetch a document, again if it is missing: its lease may not be visible yet.

        A push can overtake the end of the transaction that sent it.
        """
        for delay in self._visibility_delays:
            try:
                return await fetch(content_hash)
            except MissingError:
                await asyncio.sleep(delay)
        return await fetch(content_hash)
