"""The reference page of documents and rotations, made of the code that reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat import rotation, schema, shapes
from node.engine.combat.actions import KINDS, OPTIONS, options_of
from node.engine.combat.json_schema import NAMED
from node.engine.combat.operands import FAMILIES
from node.engine.combat.operators import MOST_ARGUMENTS, OPERATORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from node.engine.combat.operands.family import Family
    from node.engine.combat.operators import Operator
    from node.engine.combat.shapes import Shape

_INTRODUCTION = """\
# Reference of the combat engine

Generated from the code by `python -m node.engine.publish`; `README.md` explains, this page lists.

## Expressions

An expression is a number, `true` or `false`, the name of an operand or of a variable, or an object
with one key, the operator: `{"<": ["buff.frenzy.remaining", "gcd.duration"]}`. A bare name is a
variable (`variable.name` means the same), and is evaluated where it stands. Numbers closer than a
millionth are equal. Times are seconds, chances and bonuses percent.
"""


def reference() -> str:
    """Write the page."""
    return "\n".join((_INTRODUCTION, *_operators(), *_operands(), *_actions(), *_documents()))


def _operators() -> Iterator[str]:
    yield "| operator | takes | gives | meaning |\n|---|---|---|---|"
    for name, operator in OPERATORS.items():
        yield f"| `{name}` | {_takes(operator)} | {_gives(operator)} | {operator.about} |"


def _takes(operator: Operator) -> str:
    if operator.is_open:
        return f"1 to {MOST_ARGUMENTS} {operator.takes_kinds[0]}s"
    kinds = ["any" if kind == "unknown" else f"a {kind}" for kind in operator.takes_kinds]
    return ", ".join(kinds)


def _gives(operator: Operator) -> str:
    return "what the cases are" if operator.gives == "unknown" else f"a {operator.gives}"


def _operands() -> Iterator[str]:
    yield "\n## Operands"
    for family in FAMILIES:
        yield f"\n### `{_path(family)}`\n\n{family.about}\n"
        yield "| operand | is | meaning |\n|---|---|---|"
        for name, operand in family.operands.items():
            shown = ".".join(filter(None, (_path(family), name)))
            default = " (may be left out)" if name and name == family.default else ""
            kind = f"{operand.kind}, {operand.unit}" if operand.unit else operand.kind
            yield f"| `{shown}`{default} | {kind} | {operand.about} |"


def _path(family: Family) -> str:
    parts = [family.name]
    if family.numbered:
        parts.append("N")
    if family.subject:
        parts.append(family.subject.upper().replace(" ", "_"))
    return ".".join(parts)


def _actions() -> Iterator[str]:
    yield "\n## Actions\n\nA line of a rotation has one kind, and options beside it.\n"
    yield "| kind | holds | options |\n|---|---|---|"
    for kind, shape in KINDS.items():
        options = " ".join(f"`{option}`" for option in options_of(kind))
        yield f"| `{kind}` | {described(shape)} | {options} |"
    yield "\n| option | is |\n|---|---|"
    for option, shape in OPTIONS.items():
        yield f"| `{option}` | {described(shape)} |"


def _documents() -> Iterator[str]:
    yield "\n## Documents\n\nA field in bold must be there; what is not listed is refused."
    yield from _section("config", schema.CONFIG)
    for name, shape in NAMED.items():
        yield from _section(name, shape)
    yield from _section("rotation", rotation.SHAPE)


def _section(name: str, shape: Shape) -> Iterator[str]:
    yield f"\n### {name}\n"
    if isinstance(shape, shapes.OneKey):
        yield "An object with one key, the kind.\n\n| kind | holds |\n|---|---|"
        for kind, item in shape.kinds.items():
            yield f"| `{kind}` | {described(item)} |"
    elif isinstance(shape, shapes.Kinds):
        yield "An object with one kind, and what may stand beside it.\n"
        yield "| kind | holds |\n|---|---|"
        for kind, item in shape.kinds.items():
            yield f"| `{kind}` | {described(item)} |"
        yield "\n| beside | is |\n|---|---|"
        for field, item in shape.beside.items():
            yield f"| `{field}` | {described(item)} |"
    elif isinstance(shape, shapes.Object):
        yield "| field | is |\n|---|---|"
        for field, item in shape.required.items():
            yield f"| **`{field}`** | {described(item)} |"
        for field, item in shape.optional.items():
            yield f"| `{field}` | {described(item)} |"


def described(shape: Shape) -> str:
    """Describe a shape in a few words."""
    for name, named in NAMED.items():
        if named is shape:
            return f"[{name}](#{name})"
    return _DESCRIBERS[type(shape)](shape)


def _object(shape: shapes.Object) -> str:
    required = [f"**`{name}`**: {described(item)}" for name, item in shape.required.items()]
    optional = [f"`{name}`: {described(item)}" for name, item in shape.optional.items()]
    return f"{{{'; '.join((*required, *optional))}}}"


def _one_key(shape: shapes.OneKey) -> str:
    return " or ".join(f"{{`{kind}`: {described(item)}}}" for kind, item in shape.kinds.items())


def _options(options: tuple[str, ...]) -> str:
    return " or ".join(f'`"{option}"`' for option in options)


def _limits(shape: shapes.Number | shapes.Integer | shapes.Amount, what: str) -> str:
    return f"{what} {shape.least:,g} to {shape.most:,g}"


_DESCRIBERS: Mapping[type, Callable[[Any], str]] = {
    shapes.Object: _object,
    shapes.MapOf: lambda shape: f"an object of names: {described(shape.item)}",
    shapes.OneKey: _one_key,
    shapes.Later: lambda shape: described(shape.shape()),
    shapes.Either: lambda shape: f"{described(shape.first)} or {described(shape.second)}",
    shapes.Amount: lambda shape: f"{_limits(shape, 'a number')} or an expression",
    shapes.ListOf: lambda shape: f"a list (at most {shape.most}) of {described(shape.item)}",
    shapes.AnyOf: lambda shape: " or ".join(described(option) for _, option in shape.options),
    shapes.Number: lambda shape: _limits(shape, "a number"),
    shapes.Integer: lambda shape: _limits(shape, "a whole number"),
    shapes.Flag: lambda _: "true or false",
    shapes.Text: lambda _: "text",
    shapes.Name: lambda _: "a name",
    shapes.Reference: lambda _: "a name, or `PET.NAME`",
    shapes.Choice: lambda shape: _options(shape.options),
    shapes.Expression: lambda _: "an [expression](#expressions)",
    shapes.Action: lambda _: "an [action](#actions)",
    shapes.Anything: lambda _: "anything",
}
