"""Reads a whole query string: what is selected, tested, ordered, and how much of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast
from urllib.parse import parse_qsl

from local.rest.conditions import is_condition, parse_condition, parse_logic
from local.rest.errors import invalid_parameter, invalid_range
from local.rest.orders import parse_order
from local.rest.scanner import Scanner
from local.rest.selection import parse_select
from local.rest.syntax import STAR, Field

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.rest.syntax import Order, Path, SelectItem, Term

_MODIFIER = re.compile(r"(?:^|\.)(and|or|order|limit|offset)$")
_WHOLE = frozenset({"select", "columns", "on_conflict"})
_MAX_LIMIT = 2**63 - 1


@dataclass(slots=True)
class Query:
    """A query string, understood; paths lead from the root to an embedded resource."""

    select: tuple[SelectItem, ...] = (STAR,)
    terms: list[tuple[Path, Term]] = field(default_factory=list)
    orders: dict[Path, tuple[Order, ...]] = field(default_factory=dict)
    limits: dict[Path, int] = field(default_factory=dict)
    offsets: dict[Path, int] = field(default_factory=dict)
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None
    arguments: dict[str, list[str]] = field(default_factory=dict)

    def root_terms(self) -> list[Term]:
        """The conditions on the rows of the resource itself."""
        return [term for path, term in self.terms if not path]


def parse_query(text: str, *, calls_function: bool = False) -> Query:
    """Understand a query string; with `calls_function`, what is no condition is an argument."""
    query = Query()
    seen: set[str] = set()
    for key, value in _parameters(text):
        modifier = _MODIFIER.search(key)
        if key in _WHOLE or (modifier is not None and modifier[1] not in {"and", "or"}):
            _refuse_second(key, seen)
        if key in _WHOLE:
            _add_whole(query, key, value)
        elif modifier is not None:
            _add_modifier(query, key, modifier[1], value)
        elif calls_function and not is_condition(value):
            query.arguments.setdefault(key, []).append(value)
        else:
            path, target = _target(key)
            query.terms.append((path, parse_condition(target, value)))
    return query


def _parameters(text: str) -> Iterator[tuple[str, str]]:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=1000)
    except UnicodeDecodeError as error:
        raise invalid_parameter("The query string is not UTF-8") from error
    except ValueError as error:
        raise invalid_parameter("The query string has too many parameters") from error
    for key, value in pairs:
        if "\0" in key or "\0" in value:
            raise invalid_parameter(f"The parameter '{key}' contains a null character")
        yield key, value


def _refuse_second(key: str, seen: set[str]) -> None:
    if key in seen:
        raise invalid_parameter(f"The parameter '{key}' is given more than once")
    seen.add(key)


def _add_whole(query: Query, key: str, value: str) -> None:
    if key == "select":
        query.select = parse_select(value)
    elif key == "columns":
        query.columns = _names("columns parameter", value)
    else:
        query.on_conflict = _names("on_conflict parameter", value)


def _add_modifier(query: Query, key: str, modifier: str, value: str) -> None:
    if modifier in {"and", "or"}:
        _add_logic(query, key, value)
        return
    path = _path(key)[:-1]
    if modifier == "order":
        query.orders[path] = parse_order(value)
    elif modifier == "limit":
        query.limits[path] = _amount(key, value)
    else:
        query.offsets[path] = _amount(key, value)


def _add_logic(query: Query, key: str, value: str) -> None:
    *path, operator = _path(key)
    negated = bool(path) and path[-1] == "not"
    if negated:
        path.pop()
    logic = parse_logic(cast("Literal['and', 'or']", operator), value, negated=negated)
    query.terms.append((tuple(path), logic))


def _amount(key: str, value: str) -> int:
    try:
        amount = int(value)
    except ValueError:
        raise invalid_parameter(f"The parameter '{key}' must be a whole number") from None
    if amount < 0:
        raise invalid_range(f"{key.capitalize()} should be greater than or equal to zero.")
    return min(amount, _MAX_LIMIT)


def _target(key: str) -> tuple[Path, Field]:
    scanner = Scanner("tree path", key)
    names = [scanner.name()]
    while scanner.take("."):
        names.append(scanner.name())
    last = scanner.field(names.pop())
    scanner.expect_end('".", "->" or end of input')
    return tuple(names), last


def _path(key: str) -> Path:
    path, last = _target(key)
    return (*path, last.name)


def _names(subject: str, text: str) -> tuple[str, ...]:
    scanner = Scanner(subject, text)
    names = []
    while True:
        scanner.skip_space()
        names.append(scanner.name())
        scanner.skip_space()
        if not scanner.take(","):
            break
    scanner.expect_end('"," or end of input')
    return tuple(dict.fromkeys(names))
