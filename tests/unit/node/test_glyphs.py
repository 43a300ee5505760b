"""Letters to be read across a desk."""

from __future__ import annotations

from node.glyphs import COLUMNS, GLYPHS, ROWS, large, small

ALPHABET = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def test_every_character_of_claim_codes_is_drawn() -> None:
    """There is one drawing for each character, and no two are alike."""
    assert "".join(sorted(GLYPHS)) == "".join(sorted(ALPHABET))
    assert len(set(GLYPHS.values())) == len(ALPHABET)
    for drawing in GLYPHS.values():
        assert len(drawing) == ROWS
        assert all(len(row) == COLUMNS and set(row) <= {"#", " "} for row in drawing)
        assert all("#" in row for row in drawing)


def test_large_letters_fit_a_terminal() -> None:
    """Six letters take 70 of 80 columns and 7 lines."""
    lines = large("K7WQ2M")
    assert len(lines) == 7
    assert {len(line) for line in lines} == {70}
    assert lines[0].startswith("██      ██  ██████████")


def test_small_letters_take_half_the_room() -> None:
    """Two rows of pixels share a line, and each pixel one column."""
    lines = small("K7WQ2M")
    assert len(lines) == 4
    assert {len(line) for line in lines} == {35}
    assert lines[0].startswith("█  ▄▀ ▀▀▀▀█")


def test_letters_are_the_same_in_lower_case() -> None:
    """A code may be given in any case; what has no drawing leaves a gap."""
    assert large("k7") == large("K7")
    assert not "".join(large("?")).strip()
