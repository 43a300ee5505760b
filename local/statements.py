"""Splits an SQL script into its statements, as the CLI does before it applies a migration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

#: what matters for finding the end of a statement; everything else is passed over
TOKEN: Final = re.compile(
    r"""
      (?P<comment>--[^\n]*)
    | (?P<block>/\*)
    | (?P<dollar>(?<![\w$])\$(?:[^\W\d]\w*)?\$)
    | (?P<escaped>(?<![\w$])e'(?:[^'\\]|\\.|'')*(?:'|\Z))
    | (?P<quoted>'(?:[^']|'')*(?:'|\Z))
    | (?P<identifier>"(?:[^"]|"")*(?:"|\Z))
    | (?P<atomic>\bbegin\s+atomic\b)
    | (?P<case>\bcase\b)
    | (?P<end>\bend\b)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<semicolon>;)
    """,
    re.VERBOSE | re.IGNORECASE | re.DOTALL,
)
BLOCK_EDGE: Final = re.compile(r"/\*|\*/")
CONCURRENTLY: Final = re.compile(
    r"\A(?:create\s+(?:unique\s+)?|drop\s+|re)index\b.*\bconcurrently\b", re.IGNORECASE | re.DOTALL
)
LEADING_COMMENTS: Final = re.compile(r"\A(?:\s|--[^\n]*(?:\n|\Z)|/\*.*?\*/)*", re.DOTALL)


def split(script: str) -> list[str]:
    """The statements of `script`, each without its semicolon, with the comments before it."""
    ends = [*_ends(script), len(script)]
    starts = [0, *(end + 1 for end in ends)]
    pieces = (script[start:end].strip() for start, end in zip(starts, ends, strict=False))
    return [piece for piece in pieces if bare(piece)]


def bare(statement: str) -> str:
    """`statement` without the comments before it."""
    return LEADING_COMMENTS.sub("", statement, count=1)


def needs_no_transaction(statement: str) -> bool:
    """Whether Postgres refuses to run `statement` inside a transaction block."""
    return CONCURRENTLY.match(bare(statement)) is not None


def _ends(script: str) -> Iterator[int]:
    """Where a semicolon ends a statement: not inside quotes, comments, brackets or bodies."""
    position = brackets = blocks = 0
    while token := TOKEN.search(script, position):
        position = token.end()
        match token.lastgroup:
            case "block":
                position = _end_of_block_comment(script, position)
            case "dollar":
                position = _end_of_dollar_quote(script, position, token[0])
            case "open":
                brackets += 1
            case "close":
                brackets -= 1
            case "atomic":
                blocks += 1
            case "case" if blocks:
                blocks += 1
            case "end" if blocks:
                blocks -= 1
            case "semicolon" if brackets <= 0 and not blocks:
                brackets = 0
                yield token.start()


def _end_of_block_comment(script: str, position: int) -> int:
    depth = 1
    while depth and (edge := BLOCK_EDGE.search(script, position)):
        depth += 1 if edge[0] == "/*" else -1
        position = edge.end()
    return len(script) if depth else position


def _end_of_dollar_quote(script: str, position: int, tag: str) -> int:
    end = script.find(tag, position)
    return len(script) if end < 0 else end + len(tag)
