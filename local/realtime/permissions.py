"""What one channel may do, asked once and remembered until its token changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from local.realtime.authorization import BROADCAST, PRESENCE

if TYPE_CHECKING:
    from local.realtime.authorization import Access, Authorizer

ALL: Final = (BROADCAST, PRESENCE)


class Permissions(Protocol):
    """The permissions of a channel."""

    def may_read(self, extension: str) -> bool:
        """Whether messages of the extension may be delivered."""

    async def ask_to_read(self, *extensions: str) -> None:
        """Find out which extensions may be read."""

    async def may_write(self, extension: str) -> bool:
        """Whether the client may send messages of the extension."""


class PublicPermissions:
    """Everything is allowed on a public channel."""

    def may_read(self, extension: str) -> bool:
        """Allow it."""
        return extension in ALL

    async def ask_to_read(self, *extensions: str) -> None:
        """Ask nobody."""

    async def may_write(self, extension: str) -> bool:
        """Allow it."""
        return extension in ALL


class PrivatePermissions:
    """The policies decide on a private channel; writing is asked about when it is first tried."""

    def __init__(self, authorizer: Authorizer, access: Access) -> None:
        self._authorizer = authorizer
        self._access = access
        self._asked: frozenset[str] = frozenset()
        self._readable: frozenset[str] = frozenset()
        self._writable: frozenset[str] | None = None

    def may_read(self, extension: str) -> bool:
        """Whether the policies were asked and said yes."""
        return extension in self._readable

    async def ask_to_read(self, *extensions: str) -> None:
        """Ask the policies about the extensions they have not been asked about."""
        unknown = tuple(name for name in extensions if name not in self._asked)
        if unknown:
            self._readable |= await self._authorizer.readable(self._access, unknown)
            self._asked |= set(unknown)

    async def may_write(self, extension: str) -> bool:
        """Ask the policies once, about all extensions."""
        if self._writable is None:
            self._writable = await self._authorizer.writable(self._access, ALL)
        return extension in self._writable
