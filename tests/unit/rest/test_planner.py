"""What SQL a request becomes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local.rest.errors import ApiError
from local.rest.planner import Planner
from local.rest.relationships import relate
from local.rest.request import Request
from local.rest.schema import Column, Function, Name, Parameter, Relationship, Schema, Table

if TYPE_CHECKING:
    from local.rest.operation import Operation


def name(text: str) -> Name:
    """A name in the exposed schema."""
    return Name("public", text)


def table(text: str, *columns: str) -> Table:
    """A table of texts, whose first column is its key."""
    return Table(
        name(text), {each: Column(each, "text") for each in columns}, primary_key=columns[:1]
    )


TABLES = {each.name: each for each in (table("b", "id", "name"), table("a", "id", "b_id", 'x"y%s'))}
KEYS = [Relationship(name("a"), name("b"), "many-to-one", "a_b", (("b_id", "id"),))]
CALL = Function(
    name("f"),
    (Parameter("p", "integer"), Parameter("q", "jsonb", required=False)),
    settings=(("statement_timeout", "1s"),),
)
SCHEMA = Schema(TABLES, relate(TABLES, KEYS), {name("f"): (CALL,)})


def plan(
    method: str,
    path: str,
    query: str = "",
    body: bytes = b"",
    prefer: str = "",
    planner: Planner | None = None,
) -> Operation:
    """The operation of a request."""
    request = Request(
        method=method,
        path=f"/{path}",
        query=query,
        headers={},
        prefer=[prefer] if prefer else [],
        body=body,
        name=name(path.removeprefix("rpc/")),
        calls_function=path.startswith("rpc/"),
    )
    return (planner or Planner(SCHEMA)).plan(request)


def test_read() -> None:
    """A read is one query; every value is a parameter, every name is quoted."""
    operation = plan("GET", "a", 'select=id,"x\\"y%25s"&id=eq.1&or=(id.in.(2,3))&order=id')
    assert operation.command.text.decode() == (
        "select null::bigint, count(*), coalesce(json_agg(\"rest_row\")::text, '[]'), "
        "nullif(current_setting('response.headers', true), ''), "
        "nullif(current_setting('response.status', true), ''), null::bigint, null::text "
        'from (select "a"."id", "a"."x""y%s" from "public"."a" as "a" '
        'where "a"."id" = $1 and ("a"."id" = any($2)) order by "a"."id" limit $3) as "rest_row"'
    )
    assert operation.command.parameters == ("1", '{"2","3"}', "1000")
    assert operation.read_only


def test_embedding() -> None:
    """What there is one of is joined as an object."""
    text = plan("GET", "a", "select=id,b(name)").command.text.decode()
    assert (
        'select "a"."id", row_to_json("b_1".*)::jsonb as "b" from "public"."a" as "a" '
        'left join lateral (select "b_2"."name" from "public"."b" as "b_2" '
        'where "a"."b_id" = "b_2"."id" limit $1) as "b_1" on true limit $2'
    ) in text


def test_insert() -> None:
    """An insert reads its rows from the body, with the types of the columns."""
    operation = plan("POST", "a", body=b'{"id": "1"}')
    assert (
        'insert into "public"."a" as "a" ("id") select "rest_body"."id" '
        'from json_to_record($1::json) as "rest_body"("id" text) returning 1'
    ) in operation.command.text.decode()
    assert operation.command.parameters == ('{"id": "1"}',)
    assert not operation.read_only


def test_returned_columns() -> None:
    """A change gives back what the answer needs, and no column more."""
    text = plan(
        "PATCH",
        "a",
        'select="x\\"y%25s",b(name)&id=eq.1',
        b'{"b_id": "1"}',
        "return=representation",
    ).command.text.decode()
    assert 'returning "a"."b_id", "a"."id", "a"."x""y%s")' in text


def test_calls_are_planned_once() -> None:
    """Calls that differ in their arguments alone share their text."""
    planner = Planner(SCHEMA)
    first = plan("POST", "rpc/f", body=b'{"p": 1}', planner=planner)
    second = plan("POST", "rpc/f", body=b'{"p": 2}', planner=planner)
    assert first.command.text is second.command.text
    assert first.command.parameters == ('{"p": 1}', "1000")
    assert second.command.parameters == ('{"p": 2}', "1000")
    third = plan("POST", "rpc/f", body=b'{"p": 2, "q": {}}', planner=planner)
    assert third.command.text != second.command.text
    assert '"q" => "rest_body"."q"' in third.command.text.decode()


def test_no_more_plans_are_kept_than_is_good() -> None:
    """Remembered plans are bounded."""
    planner = Planner(SCHEMA)
    for number in range(600):
        plan("POST", "rpc/f", f"limit={number}", b'{"p": 1}', planner=planner)
    assert len(planner._calls._plans) == 256


def test_what_a_call_needs() -> None:
    """A volatile function may write when posted; its settings hold for the transaction."""
    posted = plan("POST", "rpc/f", body=b'{"p": 1}')
    assert (posted.read_only, posted.settings) == (False, (("statement_timeout", "1s"),))
    assert plan("GET", "rpc/f", "p=1").read_only


@pytest.mark.parametrize(
    ("method", "path", "query", "body"),
    [
        ("PATCH", "a", "", b'{"id": "1"}'),
        ("PATCH", "a", "b.id=eq.1&select=b(*)", b'{"id": "1"}'),
        ("DELETE", "a", "", b""),
        ("DELETE", "a", "select=id&order=id", b""),
    ],
)
def test_changes_need_conditions(method: str, path: str, query: str, body: bytes) -> None:
    """No selection, order, or condition on another table makes a change harmless."""
    with pytest.raises(ApiError) as error:
        plan(method, path, query, body)
    assert error.value.code == "21000"
