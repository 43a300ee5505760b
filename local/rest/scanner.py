"""Reads the text of one parameter from left to right; names and JSON paths, which all share."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.rest.errors import syntax_error
from local.rest.syntax import Field, JsonStep

if TYPE_CHECKING:
    from local.rest.errors import ApiError

_SPACE = re.compile(r"[ \t]*")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
# A dash belongs to a name unless it begins an arrow.
_NAME = re.compile(r"[\w $]+(?:-(?!>)[\w $]+)*")
_JSON_KEY = re.compile(r"[^(\-:.,>)]+(?:-(?!>)[^(\-:.,>)]+)*")
_JSON_INDEX = re.compile(r"-?[0-9]+(?=->|::|\.|,|\)|$)")


class Scanner:
    """A position in the text of a parameter, and the words for what is wrong there."""

    def __init__(self, subject: str, text: str) -> None:
        self.subject = subject
        self.text = text
        self.position = 0

    def fail(self, expected: str) -> ApiError:
        """The error that something else was expected here."""
        return syntax_error(self.subject, self.text, self.position + 1, expected)

    @property
    def at_end(self) -> bool:
        """Whether everything has been read."""
        return self.position == len(self.text)

    def sees(self, literal: str) -> bool:
        """Whether the literal stands here."""
        return self.text.startswith(literal, self.position)

    def take(self, literal: str) -> bool:
        """Read the literal, if it stands here."""
        if not self.sees(literal):
            return False
        self.position += len(literal)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Read what the pattern matches here, if anything."""
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def expect(self, literal: str) -> None:
        """Read the literal, which must stand here."""
        if not self.take(literal):
            raise self.fail(f'"{literal}"')

    def expect_end(self, expected: str = "end of input") -> None:
        """Nothing may be left."""
        if not self.at_end:
            raise self.fail(expected)

    def skip_space(self) -> None:
        """Read blanks, if any."""
        self.match(_SPACE)

    def rest(self) -> str:
        """Read everything that is left."""
        text = self.text[self.position :]
        self.position = len(self.text)
        return text

    def quoted(self) -> str | None:
        """Read a text in double quotes, if one stands here; a backslash quotes one character."""
        found = self.match(_QUOTED)
        return None if found is None else _ESCAPED.sub(r"\1", found[1])

    def name(self, expected: str = "field name (* or [a..z0..9_$])") -> str:
        """Read the name of a column, table or alias."""
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found = self.match(_NAME)
        if found is None or not found[0].strip():
            raise self.fail(expected)
        return found[0].strip()

    def field(self, name: str | None = None) -> Field:
        """Read a column, unless its name is known already, and the JSON path behind it."""
        return Field(self.name() if name is None else name, self.json_path())

    def json_path(self) -> tuple[JsonStep, ...]:
        """Read the arrows that follow a column."""
        steps = []
        while self.sees("->"):
            steps.append(self._json_step())
        return tuple(steps)

    def _json_step(self) -> JsonStep:
        arrow = self.take("->>")
        if not arrow:
            self.expect("->")
        index = self.match(_JSON_INDEX)
        if index is not None:
            return JsonStep("->>" if arrow else "->", index[0], is_index=True)
        return JsonStep("->>" if arrow else "->", self._json_key())

    def _json_key(self) -> str:
        quoted = self.quoted()
        if quoted is not None:
            return quoted
        found = self.match(_JSON_KEY)
        if found is None or not found[0].strip():
            raise self.fail("any non reserved character different from: .,>()")
        return found[0].strip()
