"""Plots as inline SVG: they take their colours from the page, and tell their numbers in words."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import floor, log10
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from node.summary import Bin, Moment

WIDTH = 760
_HEIGHT = 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 24, 36
_ROW, _BAR = 26, 14
_LABEL, _VALUE = 216, 140
_LONGEST_LABEL = 28
_GAP = 1
_TICKS = 7
_SMOOTHED = 24  #: the part of a line, as its inverse, that a point of the smooth one averages


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar with a label before it and its value behind it."""

    label: str
    part: float  #: of the longest there can be
    value: str
    kind: str = "one"  #: the colour: `one` or `two`


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with how far it may be off, and its value in words."""

    label: str
    low: float
    middle: float
    high: float
    value: str


@dataclass(frozen=True, slots=True)
class Mark:
    """A line across a plot, and what it stands for."""

    place: float
    label: str


@dataclass(frozen=True, slots=True)
class _Axis:
    """Maps values to places."""

    low: float
    high: float
    first: float
    last: float

    def __call__(self, value: float) -> float:
        span = self.high - self.low or 1.0
        return self.first + (value - self.low) / span * (self.last - self.first)


def bars(title: str, about: str, rows: Sequence[Bar]) -> str:
    """Draw bars below each other, each in the track that it could fill."""
    across = _Axis(0, 1, _LABEL, WIDTH - _VALUE)
    height = len(rows) * _ROW + 4
    parts = [_bar(row, number * _ROW, across) for number, row in enumerate(rows)]
    return _figure(title, about, height, parts)


def _bar(row: Bar, top: float, across: _Axis) -> str:
    middle, first = top + _ROW / 2, across(0)
    length = across(row.part) - first
    return (
        f"<g><title>{escape(row.label)}: {escape(row.value)}</title>"
        f'<text class="label" x="{first - 10:.0f}" y="{middle:.1f}">'
        f"{escape(_short(row.label))}</text>"
        f'<rect class="track" x="{first:.0f}" y="{middle - _BAR / 2:.1f}" '
        f'width="{across(1) - first:.1f}" height="{_BAR}" rx="3"/>'
        f'<rect class="{row.kind}" x="{first:.0f}" y="{middle - _BAR / 2:.1f}" '
        f'width="{length:.1f}" height="{_BAR}" rx="3"/>'
        f'<text class="value" x="{WIDTH - _VALUE + 10}" y="{middle:.1f}">{escape(row.value)}</text>'
        "</g>"
    )


def intervals(title: str, about: str, rows: Sequence[Interval]) -> str:
    """Draw figures below each other, each with its interval, around a line at nothing."""
    low, high = min(0.0, *(row.low for row in rows)), max(0.0, *(row.high for row in rows))
    across = _Axis(low, high, _LABEL, WIDTH - _VALUE)
    height = len(rows) * _ROW + 24
    zero = across(0)
    parts = [
        f'<line class="axis" x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{height - 20}"/>',
        f'<text class="tick" text-anchor="middle" x="{zero:.1f}" y="{height - 6}">0</text>',
        *(_interval(row, number * _ROW + _ROW / 2, across) for number, row in enumerate(rows)),
    ]
    return _figure(title, about, height, parts)


def _interval(row: Interval, middle: float, across: _Axis) -> str:
    first, last = across(row.low), across(row.high)
    return (
        f"<g><title>{escape(row.label)}: {escape(row.value)}</title>"
        f'<text class="label" x="{_LABEL - 10}" y="{middle:.1f}">{escape(_short(row.label))}</text>'
        f'<line class="whisker" x1="{first:.1f}" x2="{last:.1f}" y1="{middle:.1f}" '
        f'y2="{middle:.1f}"/>'
        f'<circle class="one" cx="{across(row.middle):.1f}" cy="{middle:.1f}" r="4.5"/>'
        f'<text class="value" x="{WIDTH - _VALUE + 10}" y="{middle:.1f}">{escape(row.value)}</text>'
        "</g>"
    )


def _short(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1]}…"


def histogram(title: str, about: str, bins: Sequence[Bin], marks: Sequence[Mark]) -> str:
    """Draw how often each range of values came out; areas stand for counts."""
    across = _Axis(bins[0].low, bins[-1].high, _LEFT, WIDTH - _RIGHT)
    densities = [one.fights / (one.high - one.low) for one in bins]
    up = _Axis(0, max(densities), _HEIGHT - _BOTTOM, _TOP)
    parts = [_ticks_below(across), _base(across, up)]
    for one, density in zip(bins, densities, strict=True):
        left, right, top = across(one.low), across(one.high), up(density)
        width = max(0.5, right - left - _GAP)
        words = f"{one.low:,.0f} to {one.high:,.0f}: {one.fights:,} fights"
        parts.append(
            f'<rect class="one" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" '
            f'height="{up(0) - top:.1f}"><title>{words}</title></rect>'
        )
    parts += [_mark(mark, across, up) for mark in marks]
    return _figure(title, about, _HEIGHT, parts)


def line(title: str, about: str, moments: Sequence[Moment]) -> str:
    """Draw DPS over the time into the fight."""
    across = _Axis(0, moments[-1].second or 1, _LEFT, WIDTH - _RIGHT)
    up = _Axis(0, max(moment.dps for moment in moments) * 1.05, _HEIGHT - _BOTTOM, _TOP)
    places = [across(moment.second) for moment in moments]
    values = [moment.dps for moment in moments]
    path = _path(places, map(up, values))
    first, last = places[0], places[-1]
    parts = [
        _lines_across(across, up),
        _ticks_below(across, " s"),
        f'<path class="area" d="{path} L{last:.1f} {up(0):.1f} L{first:.1f} {up(0):.1f} Z"/>',
        f'<path class="thin" d="{path}"/>',
        f'<path class="stroke" d="{_path(places, map(up, smooth(values)))}"/>',
        *(_spot(moment, across, up) for moment in moments),
    ]
    return _figure(title, about, _HEIGHT, parts)


def smooth(values: Sequence[float]) -> list[float]:
    """Average each value with its neighbours, fewer of them at the ends."""
    reach = len(values) // _SMOOTHED
    windows = [values[max(0, at - reach) : at + reach + 1] for at in range(len(values))]
    return [sum(window) / len(window) for window in windows]


def _path(places: Iterable[float], heights: Iterable[float]) -> str:
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in zip(places, heights, strict=True))


def _spot(moment: Moment, across: _Axis, up: _Axis) -> str:
    """A place to point at."""
    words = f"{moment.second} s: {moment.dps:,.0f} DPS"
    return (
        f'<circle class="spot" cx="{across(moment.second):.1f}" cy="{up(moment.dps):.1f}" r="6">'
        f"<title>{words}</title></circle>"
    )


def _mark(mark: Mark, across: _Axis, up: _Axis) -> str:
    place = across(mark.place)
    anchor = "end" if place > WIDTH - 120 else "start"
    shift = -4 if anchor == "end" else 4
    return (
        f'<line class="mark" x1="{place:.1f}" x2="{place:.1f}" y1="{_TOP - 14}" y2="{up(0):.1f}"/>'
        f'<text class="tick" text-anchor="{anchor}" x="{place + shift:.1f}" y="{_TOP - 8}">'
        f"{escape(mark.label)}</text>"
    )


def _base(across: _Axis, up: _Axis) -> str:
    return (
        f'<line class="axis" x1="{across.first}" x2="{across.last}" '
        f'y1="{up(0):.1f}" y2="{up(0):.1f}"/>'
    )


def _ticks_below(across: _Axis, unit: str = "") -> str:
    return "".join(
        f'<text class="tick" text-anchor="middle" x="{across(value):.1f}" '
        f'y="{_HEIGHT - _BOTTOM + 18}">{value:,g}{unit}</text>'
        for value in ticks(across.low, across.high)
    )


def _lines_across(across: _Axis, up: _Axis) -> str:
    return "".join(
        f'<line class="{"grid" if value else "axis"}" x1="{across.first}" x2="{across.last}" '
        f'y1="{up(value):.1f}" y2="{up(value):.1f}"/>'
        f'<text class="tick" text-anchor="end" x="{_LEFT - 8}" y="{up(value) + 4:.1f}">'
        f"{value:,g}</text>"
        for value in ticks(up.low, up.high)
    )


def ticks(low: float, high: float) -> list[float]:
    """Give a few round numbers between two."""
    span = high - low
    if span <= 0:
        return [low]
    rough = span / _TICKS
    power = 10.0 ** floor(log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough)
    first = -floor(-low / step)
    return [number * step for number in range(int(first), floor(high / step) + 1)]


def _figure(title: str, about: str, height: float, parts: Iterable[str]) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {height:.0f}" role="img" '
        f'aria-label="{escape(title)}: {escape(about)}">{"".join(parts)}</svg>'
    )
