"""Writes a tree of resources as SQL: the rows themselves, and how many there are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Composed, Identifier

from local.rest.errors import not_embedded, order_not_to_one
from local.rest.plan import is_null_test
from local.rest.predicates import (
    render_condition,
    render_equality,
    render_field,
    render_logic,
)
from local.rest.statement import AND, COMMA, EMPTY, qualified
from local.rest.syntax import Condition

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from psycopg.sql import Composable

    from local.rest.plan import Embed, Node
    from local.rest.statement import Statement
    from local.rest.syntax import Order, SelectField, Term

_SORT = {
    "asc": SQL(" asc"),
    "desc": SQL(" desc"),
    "nullsfirst": SQL(" nulls first"),
    "nullslast": SQL(" nulls last"),
    None: EMPTY,
}


@dataclass(frozen=True, slots=True)
class Joined:
    """An embedded resource that has been joined, under the name its rows have."""

    embed: Embed
    alias: str

    @property
    def value(self) -> Composable:
        """What is null exactly if there is nothing."""
        if self.embed.way.to_one:
            return Identifier(self.alias)
        return Identifier(self.alias, self.alias)


def render_rows(
    statement: Statement,
    node: Node,
    source: Composable,
    alias: str,
    conditions: Iterable[Composable] = (),
) -> Composed:
    """The query of the rows of a resource, with what is embedded in them."""
    embedded = {
        child.label: Joined(child, statement.alias(child.way.target.name))
        for child in node.children
    }
    items = [_select_field(statement, node, each, alias) for each in node.fields]
    joins = []
    for join in embedded.values():
        items.extend(_embedded_items(join))
        joins.append(_join(statement, join, alias))
    where = [*conditions, *(_term(statement, node, each, alias, embedded) for each in node.terms)]
    return SQL("select {items} from {source} as {alias}{joins}{where}{order}{window}").format(
        items=COMMA.join(items),
        source=source,
        alias=Identifier(alias),
        joins=EMPTY.join(joins),
        where=_where(where),
        order=_order_by(statement, node, alias, embedded),
        window=_window(statement, node),
    )


def render_count(
    statement: Statement,
    node: Node,
    source: Composable,
    alias: str,
    conditions: Iterable[Composable] = (),
) -> Composed:
    """The query with one row for each row of a resource, whatever its window."""
    where = [*conditions]
    where += [_counted_term(statement, node, each, alias) for each in node.terms]
    where += [_exists(statement, each, alias) for each in node.children if each.relation.inner]
    return SQL("select 1 from {source} as {alias}{where}").format(
        source=source,
        alias=Identifier(alias),
        where=_where(where),
    )


def render_where(statement: Statement, node: Node, terms: Sequence[Term], alias: str) -> Composed:
    """The clause that chooses the rows to change."""
    return _where([_term(statement, node, each, alias, {}) for each in terms])


def field_name(item: SelectField) -> str:
    """The key of a field in the answer: its alias, the last key of its path, or its column."""
    if item.alias is not None:
        return item.alias
    keys = [step.key for step in item.field.steps if not step.is_index]
    return keys[-1] if keys else item.field.name


def _select_field(statement: Statement, node: Node, item: SelectField, alias: str) -> Composable:
    value = render_field(statement, node, item.field, alias)
    if item.field.name == "*":
        return value
    if item.cast is not None:
        # The grammar lets nothing but words into the name of a type.
        value = SQL("cast({} as {})").format(value, SQL(item.cast))
    elif item.alias is None and not item.field.steps:
        return value
    return SQL("{} as {}").format(value, Identifier(field_name(item)))


def _where(conditions: Sequence[Composable]) -> Composed:
    if not conditions:
        return Composed([])
    return SQL(" where ") + AND.join(conditions)


def _term(
    statement: Statement,
    node: Node,
    term: Term,
    alias: str,
    embedded: dict[str, Joined],
) -> Composable:
    if not isinstance(term, Condition):
        terms = [_term(statement, node, each, alias, embedded) for each in term.terms]
        return render_logic(term.operator, terms, negated=term.negated)
    join = embedded.get(term.field.name)
    if join is not None and is_null_test(term) and not term.field.steps:
        wanted = SQL("is distinct from") if _wants_some(term) else SQL("is not distinct from")
        return SQL("{} {} null").format(join.value, wanted)
    return render_condition(statement, node, term, alias)


def _counted_term(statement: Statement, node: Node, term: Term, alias: str) -> Composable:
    if not isinstance(term, Condition):
        terms = [_counted_term(statement, node, each, alias) for each in term.terms]
        return render_logic(term.operator, terms, negated=term.negated)
    child = node.child(term.field.name)
    if child is not None and is_null_test(term) and not term.field.steps:
        negation = EMPTY if _wants_some(term) else SQL("not ")
        return negation + _exists(statement, child, alias)
    return render_condition(statement, node, term, alias)


def _wants_some(test: Condition) -> bool:
    return (test.value == "not_null") is not test.negated


def _order_by(
    statement: Statement,
    node: Node,
    alias: str,
    embedded: dict[str, Joined],
) -> Composable:
    if not node.orders:
        return EMPTY
    terms = [_order(statement, node, each, alias, embedded) for each in node.orders]
    return SQL(" order by ") + COMMA.join(terms)


def _order(
    statement: Statement,
    node: Node,
    order: Order,
    alias: str,
    embedded: dict[str, Joined],
) -> Composed:
    if order.relation is None:
        value = render_field(statement, node, order.field, alias)
    else:
        join = embedded.get(order.relation)
        if join is None:
            raise not_embedded(order.relation)
        if not join.embed.way.to_one:
            raise order_not_to_one(node.name.name, order.relation)
        value = render_field(statement, join.embed.node, order.field, join.alias)
    return SQL("{}{}{}").format(value, _SORT[order.direction], _SORT[order.nulls])


def _window(statement: Statement, node: Node) -> Composable:
    window = node.window
    parts: list[Composable] = []
    if window.limit is not None:
        parts += [SQL(" limit "), statement.bind(str(window.limit))]
    if window.offset:
        parts += [SQL(" offset "), statement.bind(str(window.offset))]
    return Composed(parts)


def _embedded_items(join: Joined) -> list[Composable]:
    relation = join.embed.relation
    if relation.spread:
        return [_column(join.alias, name) for name in _output_names(join.embed.node)]
    if not relation.items:
        return []
    label = Identifier(relation.label)
    if join.embed.way.to_one:
        return [SQL("row_to_json({}.*)::jsonb as {}").format(Identifier(join.alias), label)]
    return [SQL("coalesce({}, '[]') as {}").format(join.value, label)]


def _column(alias: str, name: str) -> Composable:
    if name == "*":
        return SQL("{}.*").format(Identifier(alias))
    return Identifier(alias, name)


def _output_names(node: Node) -> list[str]:
    names = [field_name(each) for each in node.fields]
    for child in node.children:
        if child.relation.spread:
            names += _output_names(child.node)
        elif child.relation.items:
            names.append(child.label)
    return names


def _join(statement: Statement, join: Joined, parent: str) -> Composed:
    embed = join.embed
    rows = _related_rows(statement, embed, parent)
    alias = Identifier(join.alias)
    condition: Composable = SQL("true")
    if not embed.way.to_one:
        rows = SQL("select json_agg({alias})::jsonb as {alias} from ({rows}) as {alias}").format(
            alias=alias,
            rows=rows,
        )
        if embed.relation.inner:
            condition = SQL("{} is not null").format(join.value)
    kind = SQL("inner") if embed.relation.inner else SQL("left")
    return SQL(" {kind} join lateral ({rows}) as {alias} on {condition}").format(
        kind=kind,
        rows=rows,
        alias=alias,
        condition=condition,
    )


def _related_rows(statement: Statement, embed: Embed, parent: str) -> Composed:
    alias = statement.alias(embed.way.target.name)
    source, conditions = _path(statement, embed, parent, alias)
    return render_rows(statement, embed.node, source, alias, conditions)


def _exists(statement: Statement, embed: Embed, parent: str) -> Composed:
    alias = statement.alias(embed.way.target.name)
    source, conditions = _path(statement, embed, parent, alias)
    return SQL("exists ({})").format(
        render_count(statement, embed.node, source, alias, conditions),
    )


def _path(
    statement: Statement,
    embed: Embed,
    parent: str,
    alias: str,
) -> tuple[Composable, list[Composable]]:
    """The rows to read from and the conditions that tie them to a row of the parent."""
    target = qualified(embed.way.target)
    junction = embed.way.junction
    if junction is None:
        return target, [
            render_equality(parent, mine, alias, theirs) for mine, theirs in embed.way.columns
        ]
    middle = statement.alias(junction.table.name)
    source = SQL("{} as {}, {}").format(qualified(junction.table), Identifier(middle), target)
    return source, [
        *(render_equality(parent, mine, middle, theirs) for mine, theirs in junction.to_origin),
        *(render_equality(alias, mine, middle, theirs) for mine, theirs in junction.to_target),
    ]
