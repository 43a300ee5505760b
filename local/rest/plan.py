"""Decides what rows a query reads: a tree of resources with what was said about each of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from local.rest.errors import not_embedded, unacceptable_embed_filter, unsupported
from local.rest.ranges import EVERYTHING, Window
from local.rest.relationships import choose
from local.rest.syntax import STAR, Condition, Logic, SelectField, SelectRelation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local.rest.query import Query
    from local.rest.schema import Name, Relationship, Schema, Table
    from local.rest.syntax import Order, Path, SelectItem, Term


@dataclass(slots=True)
class Node:
    """A resource: the rows of one table, or of one function."""

    name: Name
    table: Table | None = None
    fields: list[SelectField] = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    orders: tuple[Order, ...] = ()
    window: Window = EVERYTHING
    children: list[Embed] = field(default_factory=list)

    def child(self, label: str) -> Embed | None:
        """The embedded resource with this label."""
        return next((child for child in self.children if child.label == label), None)

    def everything(self) -> Iterator[Node]:
        """This resource and all that are embedded in it."""
        yield self
        for child in self.children:
            yield from child.node.everything()


@dataclass(slots=True)
class Embed:
    """A resource inside another one, and the way there."""

    node: Node
    way: Relationship
    relation: SelectRelation

    @property
    def label(self) -> str:
        """The key of the resource in the answer."""
        return self.relation.label


def plan_rows(
    schema: Schema,
    name: Name,
    query: Query,
    *,
    within: Window = EVERYTHING,
    max_rows: int | None = None,
) -> Node:
    """The tree of resources that a query reads, `max_rows` at most of each."""
    root = Node(name, schema.tables.get(name))
    _select(schema, root, query.select)
    for path, term in query.terms:
        _find(root, path).terms.append(term)
    for path, orders in query.orders.items():
        _find(root, path).orders = orders
    for path in {*query.limits, *query.offsets}:
        _find(root, path).window = Window(query.offsets.get(path, 0), query.limits.get(path))
    root.window = root.window.within(within)
    for node in root.everything():
        node.window = node.window.capped(max_rows)
        _check_embed_filters(node)
    return root


def is_null_test(term: Condition) -> bool:
    """Whether a condition asks no more than whether something is there."""
    return term.operator == "is" and term.value in {"null", "not_null"}


def _select(schema: Schema, node: Node, items: tuple[SelectItem, ...]) -> None:
    for item in items:
        if isinstance(item, SelectField):
            node.fields.append(item)
        else:
            node.children.append(_embed(schema, node, item))
    if not node.fields and not node.children:
        node.fields.append(STAR)


def _embed(schema: Schema, parent: Node, relation: SelectRelation) -> Embed:
    way = choose(schema, parent.name, relation.name, relation.hint)
    if relation.spread and not way.to_one:
        raise unsupported(
            f"'{parent.name.name}' has many '{relation.name}': only a resource of which there is "
            "at most one can be spread with '...'.",
        )
    child = Node(way.target, schema.tables.get(way.target))
    _select(schema, child, relation.items)
    return Embed(child, way, relation)


def _find(node: Node, path: Path) -> Node:
    for name in path:
        child = node.child(name)
        if child is None:
            aliased = (each for each in node.children if each.relation.name == name)
            raise not_embedded(name, next((each.label for each in aliased), None))
        node = child.node
    return node


def _check_embed_filters(node: Node) -> None:
    for condition in conditions_of(node.terms):
        named = condition.field.name
        if node.child(named) is None or condition.field.steps:
            continue
        is_column = node.table is not None and named in node.table.columns
        if not is_null_test(condition) and not is_column:
            raise unacceptable_embed_filter(named)


def conditions_of(terms: list[Term]) -> Iterator[Condition]:
    """Every condition in a list of terms, however deep."""
    for term in terms:
        if isinstance(term, Logic):
            yield from conditions_of(list(term.terms))
        else:
            yield term
