"""Pairing: the claim code an unclaimed node shows, and when it asks for the next one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from random import Random

RENEW_BEFORE: Final = (30.0, 60.0)  # seconds before expiry, drawn anew for each code


@dataclass(frozen=True, slots=True)
class Pairing:
    """A claim code and its times, in the monotonic seconds of the state machine."""

    code: str = field(repr=False)
    expires_at: float
    renew_at: float

    @classmethod
    def begin(cls, code: str, *, now: float, expires_in: float, random: Random) -> Pairing:
        """A code to show from `now` on; a short-lived one is renewed at half its life."""
        margin = min(random.uniform(*RENEW_BEFORE), expires_in / 2)
        return cls(code, now + expires_in, now + expires_in - margin)
