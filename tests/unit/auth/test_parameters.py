"""What callers may send to the sign-in service."""

from __future__ import annotations

from datetime import timedelta

import pytest
from argon2 import PasswordHasher

from local.auth.errors import AuthError, UnsupportedError
from local.auth.parameters import read_duration
from local.auth.passwords import Passwords, check_strength

CHEAP = PasswordHasher(time_cost=1, memory_cost=64)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("none", None),
        ("24h", timedelta(hours=24)),
        ("1h2m3s", timedelta(hours=1, minutes=2, seconds=3)),
        ("90s", timedelta(seconds=90)),
    ],
)
def test_duration(text: str, expected: timedelta | None) -> None:
    """A duration is hours, minutes and seconds, or none."""
    assert read_duration(text) == expected


@pytest.mark.parametrize("text", ["", "1d", "-1h", "h", "1m1h"])
def test_bad_duration(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(AuthError, match="ban duration"):
        read_duration(text)


@pytest.mark.parametrize("password", ["123456", "x" * 72, "pässwörd"])
def test_password_of_fair_length(password: str) -> None:
    """Six characters are enough, and 72 bytes are the most."""
    check_strength(password)


@pytest.mark.parametrize(
    ("password", "code"), [("12345", "weak_password"), ("ä" * 37, "validation_failed")]
)
def test_password_of_wrong_length(password: str, code: str) -> None:
    """Shorter ones are weak, longer ones (in bytes) are not valid."""
    with pytest.raises(AuthError) as caught:
        check_strength(password)
    assert caught.value.code == code


async def test_verify() -> None:
    """Only the right password matches its hash."""
    passwords = Passwords(CHEAP)
    kept = await passwords.hash("right horse")
    assert await passwords.verify(kept, "right horse")
    assert not await passwords.verify(kept, "wrong horse")


@pytest.mark.parametrize("kept", [None, ""])
async def test_verify_without_a_hash(kept: str | None) -> None:
    """Where there is no password, none is right."""
    assert not await Passwords(CHEAP).verify(kept, "right horse")


async def test_foreign_hash_is_not_guessed_at() -> None:
    """A hash of another kind is refused aloud, not taken for a wrong password."""
    with pytest.raises(UnsupportedError):
        await Passwords(CHEAP).verify("$2a$10$abcdefghijklmnopqrstuv", "right horse")
