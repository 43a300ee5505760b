"""The one function that a document's expressions are compiled into."""

from __future__ import annotations


class Code:
    """Numbers expressions in the order in which they are added; the same source is kept once."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def add(self, source: str) -> int:
        """Add an expression, and give its number."""
        return self._numbers.setdefault(source, len(self._numbers))

    def source(self) -> str:
        """Give the function that evaluates every expression by its number."""
        branches = [
            f"    if number == {index}:\n        return {source}\n"
            for source, index in self._numbers.items()
        ]
        return f"def evaluate(number, ints, reals):\n{''.join(branches)}    return 0.0\n"
