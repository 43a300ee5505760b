"""The frame of an HTML page that opens offline, in light and dark, and what it is made of."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def page(title: str, parts: Iterable[str]) -> str:
    """A whole page."""
    style = files("node").joinpath("page.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"{''.join(parts)}</main>\n</body>\n</html>\n"
    )


def listed(figures: Mapping[str, object]) -> str:
    """Names with their values."""
    rows = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}</dd></div>"
        for name, value in figures.items()
    )
    return f"<dl>{rows}</dl>"


def section(title: str, *parts: str) -> str:
    """A part of a page, of HTML under a title."""
    return f"<section><h2>{escape(title)}</h2>{''.join(parts)}</section>\n"


def plot(svg: str, caption: str) -> str:
    """A plot with HTML below it."""
    return f'<figure><div class="scroll">{svg}</div><figcaption>{caption}</figcaption></figure>'


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table whose rows begin with their names."""
    head = "".join(f'<th scope="col">{escape(column)}</th>' for column in columns)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>'
        f"{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
        for name, *cells in rows
    )
    whole = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    note = f'<p class="soft">{escape(caption)}</p>' if caption else ""
    return f'<div class="scroll">{whole}</div>{note}'
