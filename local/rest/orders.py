"""Reads `order=`: fields with direction and place of nulls, and fields of to-one resources."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, cast

from local.rest.scanner import Scanner
from local.rest.syntax import Order

if TYPE_CHECKING:
    from local.rest.syntax import Field

_DIRECTION = re.compile(r"\.(asc|desc)(?=[.,]|[ \t]*$|[ \t]*,)")
_NULLS = re.compile(r"\.(nullsfirst|nullslast)(?=[ \t]*(?:,|$))")


def parse_order(text: str) -> tuple[Order, ...]:
    """The terms of an order, most significant first."""
    scanner = Scanner("order", text)
    terms = [_term(scanner)]
    while scanner.take(","):
        terms.append(_term(scanner))
    scanner.expect_end('"asc", "desc", "nullsfirst" or "nullslast"')
    return tuple(terms)


def _term(scanner: Scanner) -> Order:
    scanner.skip_space()
    relation, field = _target(scanner)
    direction = scanner.match(_DIRECTION)
    nulls = scanner.match(_NULLS)
    scanner.skip_space()
    return Order(
        field,
        relation,
        cast("Literal['asc', 'desc'] | None", direction and direction[1]),
        cast("Literal['nullsfirst', 'nullslast'] | None", nulls and nulls[1]),
    )


def _target(scanner: Scanner) -> tuple[str | None, Field]:
    name = scanner.name()
    if not scanner.take("("):
        return None, scanner.field(name)
    field = scanner.field()
    scanner.expect(")")
    return name, field
