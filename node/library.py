"""The documents that chunks need, from the cache or from the pool, and never a wrong one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any

from node.errors import ContentError

if TYPE_CHECKING:
    from node.cache import ContentCache

Fetch = Callable[[str], Awaitable[str]]


class Library:
    """Configs and rotations by hash, each fetched once however many chunks wait for it."""

    def __init__(self, cache: ContentCache, fetch_config: Fetch, fetch_rotation: Fetch) -> None:
        self._cache = cache
        self._fetch_config = fetch_config
        self._fetch_rotation = fetch_rotation
        self._lock = asyncio.Lock()

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
        async with self._lock:
            cached = await asyncio.to_thread(self._cache.get, content_hash)
            if cached is not None:
                return cached
            text = await fetch(content_hash)
            await asyncio.to_thread(self._cache.put, content_hash, text)
            return text
