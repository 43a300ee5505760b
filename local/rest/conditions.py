"""Reads conditions: `eq.1`, `not.in.(a,"b,c")`, and trees of them in `or=(...)` and `and=(...)`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast

from local.rest.scanner import Scanner
from local.rest.syntax import Condition, Field, Logic

if TYPE_CHECKING:
    from collections.abc import Callable

    from local.rest.syntax import Term

#: The operators of PostgREST and what Postgres calls them.
OPERATORS = {
    "eq": "=",
    "neq": "<>",
    "gt": ">",
    "gte": ">=",
    "lt": "<",
    "lte": "<=",
    "like": "like",
    "ilike": "ilike",
    "match": "~",
    "imatch": "~*",
    "cs": "@>",
    "cd": "<@",
    "ov": "&&",
    "sl": "<<",
    "sr": ">>",
    "nxr": "&<",
    "nxl": "&>",
    "adj": "-|-",
    "isdistinct": "is distinct from",
}

#: Full-text search, and the function that reads the query.
TEXT_SEARCHES = {
    "fts": "to_tsquery",
    "plfts": "plainto_tsquery",
    "phfts": "phraseto_tsquery",
    "wfts": "websearch_to_tsquery",
}

IS_VALUES = ("null", "not_null", "true", "false", "unknown")

_QUANTIFIABLE = frozenset({"eq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch"})
_OPERATOR = re.compile(r"([a-z]+)(?:\(([\w $]+)\))?\.")
_LOGIC = re.compile(r"(not\.)?(and|or)[ \t]*\(")
_LIST_ITEM = re.compile(r"[^,)]*")
_ARRAY = re.compile(r"\{[^{}]*\}(?=[,)]|[ \t]*$)")
_EXPECTED = '"not" or operator (eq, gt, ...)'
_MAX_DEPTH = 32


def parse_condition(field: Field, text: str) -> Condition:
    """The condition that a filter puts on its field."""
    scanner = Scanner("filter", text)
    condition = _condition(scanner, field, Scanner.rest)
    scanner.expect_end()
    return condition


def is_condition(text: str) -> bool:
    """Whether a text begins as a condition does; otherwise it is the argument of a function."""
    found = _OPERATOR.match(text.removeprefix("not."))
    return found is not None and _is_operator(found[1])


def parse_logic(operator: Literal["and", "or"], text: str, *, negated: bool) -> Logic:
    """The tree of conditions of `and=` and `or=`."""
    scanner = Scanner("logic tree", text)
    scanner.skip_space()
    terms = _terms(scanner, depth=0)
    scanner.expect_end()
    return Logic(operator, terms, negated)


def _is_operator(name: str) -> bool:
    return name in OPERATORS or name in TEXT_SEARCHES or name in {"in", "is"}


def _terms(scanner: Scanner, depth: int) -> tuple[Term, ...]:
    if depth > _MAX_DEPTH:
        raise scanner.fail(f"at most {_MAX_DEPTH} levels of logic")
    scanner.expect("(")
    terms = [_term(scanner, depth)]
    while scanner.take(","):
        terms.append(_term(scanner, depth))
    scanner.expect(")")
    scanner.skip_space()
    return tuple(terms)


def _term(scanner: Scanner, depth: int) -> Term:
    scanner.skip_space()
    logic = scanner.match(_LOGIC)
    if logic is None:
        field = scanner.field()
        scanner.expect(".")
        return _condition(scanner, field, _logic_value)
    scanner.position -= 1
    operator = cast("Literal['and', 'or']", logic[2])
    return Logic(operator, _terms(scanner, depth + 1), negated=logic[1] is not None)


def _condition(scanner: Scanner, field: Field, read: Callable[[Scanner], str]) -> Condition:
    negated = scanner.take("not.")
    start = scanner.position
    found = scanner.match(_OPERATOR)
    if found is None or not _is_operator(found[1]):
        scanner.position = start
        raise scanner.fail(_EXPECTED)
    name, option = found[1], found[2]
    if name in TEXT_SEARCHES:
        return Condition(field, name, read(scanner), negated=negated, language=option)
    if option is not None:
        return _quantified(scanner, start, Condition(field, name, negated=negated), option, read)
    if name == "in":
        return Condition(field, name, values=_list(scanner), negated=negated)
    if name == "is":
        return Condition(field, name, _is_value(scanner), negated=negated)
    return Condition(field, name, read(scanner), negated=negated)


def _quantified(
    scanner: Scanner,
    start: int,
    condition: Condition,
    option: str,
    read: Callable[[Scanner], str],
) -> Condition:
    name = condition.operator
    if name not in _QUANTIFIABLE or option not in {"any", "all"}:
        scanner.position = start + len(name)
        raise scanner.fail('"."')
    quantifier = cast("Literal['any', 'all']", option)
    return Condition(
        condition.field,
        name,
        read(scanner),
        negated=condition.negated,
        quantifier=quantifier,
    )


def _is_value(scanner: Scanner) -> str:
    lowered = scanner.text[scanner.position :].lower()
    for value in IS_VALUES:
        if lowered.startswith(value):
            scanner.position += len(value)
            return value
    raise scanner.fail(f"isVal: ({', '.join(IS_VALUES)})")


def _list(scanner: Scanner) -> tuple[str, ...]:
    scanner.skip_space()
    scanner.expect("(")
    values = [_list_value(scanner)]
    while scanner.take(","):
        values.append(_list_value(scanner))
    scanner.expect(")")
    scanner.skip_space()
    return () if values == [""] else tuple(values)


def _list_value(scanner: Scanner) -> str:
    return _quoted_value(scanner) or _matched(scanner, _LIST_ITEM)


def _logic_value(scanner: Scanner) -> str:
    quoted = _quoted_value(scanner)
    if quoted is not None:
        return quoted
    return _matched(scanner, _ARRAY) or _matched(scanner, _LIST_ITEM)


def _quoted_value(scanner: Scanner) -> str | None:
    """Quotes count only around a whole value; elsewhere they are characters like others."""
    start = scanner.position
    value = scanner.quoted()
    if value is not None and not (scanner.at_end or scanner.sees(",") or scanner.sees(")")):
        scanner.position = start
        return None
    return value


def _matched(scanner: Scanner, pattern: re.Pattern[str]) -> str:
    found = scanner.match(pattern)
    return "" if found is None else found[0]
