"""Passwords: how strong they must be, and how they are kept."""

from __future__ import annotations

import asyncio
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from local.auth.errors import UnsupportedError, invalid, weak_password

SHORTEST: Final = 6
# The real service hashes with bcrypt, which reads no more than this.
LONGEST_BYTES: Final = 72
HASH_PREFIX: Final = "$argon2"


class Passwords:
    """Hashes and verifies passwords with Argon2id, off the event loop, a few at a time."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # Each hash takes 64 MiB and a core.
        self._slots = asyncio.Semaphore(2)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """Return the hash to keep."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, kept: str | None, password: str) -> bool:
        """Tell whether the password is right; takes as long when there is none to compare."""
        if not kept:
            await self._verify(await self._decoy_hash(), password)
            return False
        return await self._verify(kept, password)

    async def _verify(self, kept: str, password: str) -> bool:
        async with self._slots:
            return await asyncio.to_thread(self._matches, kept, password)

    def _matches(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except InvalidHashError as error:
            raise UnsupportedError("password hashes other than Argon2") from error
        except VerificationError:
            return False

    async def _decoy_hash(self) -> str:
        if self._decoy is None:
            self._decoy = await self.hash(secrets.token_hex(16))
        return self._decoy


def check_strength(password: str) -> None:
    """Raise AuthError unless the password may be used."""
    if len(password.encode()) > LONGEST_BYTES:
        raise invalid(f"Password cannot be longer than {LONGEST_BYTES} characters")
    if len(password) < SHORTEST:
        message = f"Password should be at least {SHORTEST} characters."
        raise weak_password([message], ["length"])


def check_hash(kept: str) -> None:
    """Raise AuthError unless the hash is one that passwords can be verified against."""
    if not kept.startswith(HASH_PREFIX):
        raise UnsupportedError("password hashes other than Argon2")
