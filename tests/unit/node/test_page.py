"""The page of a result opens offline and can be read by everybody."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from node.page import result_page
from tests.unit.engine.test_report import document

VOID = {"meta", "br", "link"}


def page(**changes: Any) -> str:
    """Write the page of a result with everything in it."""
    result = document()
    times = {f"timeline.{second}.ms": 2000 for second in range(100)}
    damage = {f"timeline.{second}.damage_milli": 1_000_000 * second for second in range(100)}
    result["counters"] |= {**times, **damage}
    result |= changes
    return result_page(result, "A <hunter> & pets", {"seed": 7})


class Nesting(HTMLParser):
    """Checks that every element is closed by its own end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Open an element."""
        del attrs
        self.seen.append(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See an element without content."""
        del attrs
        self.seen.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Close the innermost element."""
        assert self.open.pop() == tag


def test_its_elements_are_well_formed() -> None:
    """Everything that is opened is closed, and there are four plots."""
    parser = Nesting()
    parser.feed(page())

    assert parser.open == []
    assert parser.seen.count("svg") == 4
    assert parser.seen.count("h1") == 1


def test_it_needs_nothing_from_elsewhere() -> None:
    """There is no script, and no address of anything."""
    text = page()

    assert not re.search(r"<script|<link|<img|@import|url\(|https?:|src=", text)


def test_names_are_text() -> None:
    """What a name holds is never markup."""
    assert "<h1>A &lt;hunter&gt; &amp; pets</h1>" in page()


def test_every_plot_tells_its_numbers_in_words() -> None:
    """A plot is an image with a label, and each of its marks has a title."""
    for svg in re.findall(r"<svg.*?</svg>", page(), re.DOTALL):
        root = ET.fromstring(svg)  # noqa: S314 - our own text
        assert root.get("role") == "img"
        assert re.search(r"\d", root.get("aria-label") or "")
        assert root.findall(".//title")


def test_it_follows_light_and_dark() -> None:
    """Colours are named once for each, and nowhere else."""
    text = page()
    style, body = text.split("</style>")

    assert "prefers-color-scheme: dark" in style
    assert not re.search(r'(fill|stroke|color)="', body)
    assert len(re.findall(r"--one: #", style)) == 2


def _contrast(one: str, other: str) -> float:
    """Give the contrast of two colours as WCAG 2 defines it."""

    def luminance(color: str) -> float:
        parts = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1])
def test_its_colours_can_be_told_apart(scheme: int) -> None:
    """Text has a contrast of 4.5 to the card, bars and marks of 3, in light and in dark."""
    names = re.findall(r"--(\w+): (#\w{6});", page().split("</style>")[0])
    colors = dict(names[: len(names) // 2] if scheme == 0 else names[len(names) // 2 :])

    for name in ("ink", "soft"):
        assert _contrast(colors[name], colors["card"]) >= 4.5
    for name in ("one", "two", "mark"):
        assert _contrast(colors[name], colors["card"]) >= 3


def test_a_result_of_nothing_but_a_mean_has_a_page() -> None:
    """Where nothing was counted, the parts that would show it are left out."""
    parser = Nesting()
    parser.feed(page(counters={}, extremes={}))

    assert parser.open == []
    assert parser.seen.count("svg") == 1
