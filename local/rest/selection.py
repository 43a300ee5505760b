"""Reads `select=`: columns, aliases, casts, JSON paths, and related resources in parentheses."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from local.rest.errors import aggregates_not_allowed
from local.rest.scanner import Scanner
from local.rest.syntax import STAR, SelectField, SelectRelation

if TYPE_CHECKING:
    from local.rest.syntax import SelectItem

_ALIAS = re.compile(r'((?:"(?:[^"\\]|\\.)*"|[\w $]+(?:-(?!>)[\w $]+)*)):(?!:)')
_CAST = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?: +[A-Za-z_][A-Za-z0-9_]*)*")
_AGGREGATE = re.compile(r"\.(?:sum|avg|count|max|min)\(\)")
_RELATION = re.compile(r"[!(]")
_MAX_DEPTH = 16


def parse_select(text: str) -> tuple[SelectItem, ...]:
    """The items of a selection; an empty one selects every column."""
    scanner = Scanner("select parameter", text)
    items = _items(scanner, depth=0)
    scanner.expect_end('letter, digit, "-", "->>", "->", "::", ",", or end of input')
    return items or (STAR,)


def _items(scanner: Scanner, depth: int) -> tuple[SelectItem, ...]:
    if depth > _MAX_DEPTH:
        raise scanner.fail(f"at most {_MAX_DEPTH} levels of related resources")
    scanner.skip_space()
    if scanner.at_end or scanner.sees(")"):
        return ()
    items = [_item(scanner, depth)]
    while scanner.take(","):
        items.append(_item(scanner, depth))
    return tuple(items)


def _item(scanner: Scanner, depth: int) -> SelectItem:
    scanner.skip_space()
    if scanner.take("..."):
        item: SelectItem = _relation(scanner, None, scanner.name(), depth, spread=True)
    elif scanner.take("*"):
        item = STAR
    else:
        item = _named_item(scanner, depth)
    scanner.skip_space()
    if not (scanner.at_end or scanner.sees(",") or scanner.sees(")")):
        raise scanner.fail('",", ")" or end of input')
    return item


def _named_item(scanner: Scanner, depth: int) -> SelectItem:
    alias = _alias(scanner)
    name = scanner.name()
    if name == "count" and scanner.sees("()"):
        raise aggregates_not_allowed()
    if _RELATION.match(scanner.text, scanner.position):
        return _relation(scanner, alias, name, depth)
    return _select_field(scanner, alias, name)


def _alias(scanner: Scanner) -> str | None:
    if _ALIAS.match(scanner.text, scanner.position) is None:
        return None
    alias = scanner.name()
    scanner.expect(":")
    return alias


def _select_field(scanner: Scanner, alias: str | None, name: str) -> SelectField:
    field = scanner.field(name)
    cast = _cast(scanner)
    if scanner.match(_AGGREGATE):
        raise aggregates_not_allowed()
    return SelectField(field, alias, cast)


def _cast(scanner: Scanner) -> str | None:
    if not scanner.take("::"):
        return None
    found = scanner.match(_CAST)
    if found is None:
        raise scanner.fail("the name of a type")
    return found[0]


def _relation(
    scanner: Scanner,
    alias: str | None,
    name: str,
    depth: int,
    *,
    spread: bool = False,
) -> SelectRelation:
    hint, inner = _relation_options(scanner)
    scanner.expect("(")
    items = _items(scanner, depth + 1)
    scanner.expect(")")
    return SelectRelation(name, items, alias, hint, inner=inner, spread=spread)


def _relation_options(scanner: Scanner) -> tuple[str | None, bool]:
    hint, inner = None, False
    while scanner.take("!"):
        option = scanner.name("left, inner, or the name of a relationship")
        if option == "inner":
            inner = True
        elif option != "left":
            if hint is not None:
                raise scanner.fail("one hint at most")
            hint = option
    return hint, inner
