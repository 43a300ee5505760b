"""Ranges of versions, read as the pool reads them."""

from __future__ import annotations

import pytest

from node.versions import accepts, bounds, parse

ORDERED = ["0.9.9", "1.9.12", "1.10.0", "2.0.0-rc.1", "2.0.0", "10.0.0"]


def test_versions_are_ordered_as_numbers() -> None:
    """A pre-release comes before its release, and a build is no other version."""
    assert sorted(ORDERED, key=parse) == ORDERED
    assert parse("1.2.3+build.7") == parse("1.2.3")


@pytest.mark.parametrize(
    ("versions", "inside", "outside"),
    [
        ("1.2.0..1.9.9", "1.2.0 1.2.1 1.9.9", "1.1.9 1.9.10 2.0.0"),
        ("1.2.0..", "1.2.0 99.0.0", "1.1.99"),
        ("..1.9.9", "0.0.1 1.9.9", "1.9.10"),
        ("1.2.0", "1.2.0", "1.2.1 1.1.9"),
    ],
)
def test_a_range_has_both_its_ends(versions: str, inside: str, outside: str) -> None:
    """And may be open at one of them."""
    assert all(accepts(versions, version) for version in inside.split())
    assert not any(accepts(versions, version) for version in outside.split())


@pytest.mark.parametrize(
    "versions", ["", "..", "1.2", "a..b", "2.0.0..1.0.0", "1.0.0..2.0.0..", "1"]
)
def test_what_is_no_range_accepts_nothing(versions: str) -> None:
    """And is refused where it is read."""
    assert not accepts(versions, "1.0.0")
    with pytest.raises(ValueError, match=r"^"):
        bounds(versions)


def test_what_is_no_version_is_in_no_range() -> None:
    """An engine under development is not taken for any release."""
    assert not accepts("..99.0.0", "main")
