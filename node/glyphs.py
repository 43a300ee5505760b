"""Letters large enough to read across a desk, for claim codes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROWS = 7
COLUMNS = 5
GAP = 1

# The alphabet of claim codes: no I, O, 0 and 1, which people mistake for each other.
_DRAWINGS = """
 ###  ####   #### ####  ##### #####  #### #   #   ### #   # #     #   # #   # ####   ###  ####
#   # #   # #     #   # #     #     #     #   #    #  #  #  #     ## ## ##  # #   # #   # #   #
#   # #   # #     #   # #     #     #     #   #    #  # #   #     # # # # # # #   # #   # #   #
##### ####  #     #   # ####  ####  #  ## #####    #  ##    #     # # # #  ## ####  #   # ####
#   # #   # #     #   # #     #     #   # #   #    #  # #   #     #   # #   # #     # # # # #
#   # #   # #     #   # #     #     #   # #   # #  #  #  #  #     #   # #   # #     #  #  #  #
#   # ####   #### ####  ##### #      ###  #   #  ##   #   # ##### #   # #   # #      ## # #   #

 #### ##### #   # #   # #   # #   # #   # #####  ###  #####    #  #####  ###  #####  ###   ###
#       #   #   # #   # #   # #   # #   #     # #   #    #    ##  #     #         # #   # #   #
#       #   #   # #   # #   #  # #   # #     #      #   #    # #  ####  #        #  #   # #   #
 ###    #   #   # #   # # # #   #     #     #      #     #  #  #      # ####     #   ###   ####
    #   #   #   # #   # # # #  # #    #    #      #       # #####     # #   #   #   #   #     #
    #   #   #   #  # #  ## ## #   #   #   #      #    #   #    #  #   # #   #   #   #   #     #
####    #    ###    #   #   # #   #   #   ##### #####  ###     #   ###   ###    #    ###   ###
"""
_LETTERS = ("ABCDEFGHJKLMNPQR", "STUVWXYZ23456789")


def _cut() -> Iterator[tuple[str, tuple[str, ...]]]:
    bands = [band.split("\n") for band in _DRAWINGS.strip("\n").split("\n\n")]
    for letters, band in zip(_LETTERS, bands, strict=True):
        for place, letter in enumerate(letters):
            left = place * (COLUMNS + GAP)
            yield letter, tuple(row[left : left + COLUMNS].ljust(COLUMNS) for row in band)


GLYPHS: Mapping[str, tuple[str, ...]] = MappingProxyType(dict(_cut()))


def pixels(word: str) -> list[str]:
    """The word as rows of `#` and spaces; a character without a drawing stays empty."""
    blank = (" " * COLUMNS,) * ROWS
    drawings = [GLYPHS.get(letter, blank) for letter in word.upper()]
    return [(" " * GAP).join(drawing[row] for drawing in drawings) for row in range(ROWS)]


def large(word: str) -> list[str]:
    """The word in square pixels, each two characters wide: 7 lines."""
    return ["".join("██" if pixel == "#" else "  " for pixel in row) for row in pixels(word)]


def small(word: str) -> list[str]:
    """The word in half-height pixels, for small terminals: 4 lines."""
    rows = [*pixels(word), ""]
    width = len(rows[0])
    halves = {("#", "#"): "█", ("#", " "): "▀", (" ", "#"): "▄", (" ", " "): " "}
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [
        "".join(halves[pair] for pair in zip(top.ljust(width), bottom.ljust(width), strict=True))
        for top, bottom in pairs
    ]
