"""Tables and functions through supabase-py, blocking and not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from postgrest import CountMethod
from postgrest.exceptions import APIError

from tests.conformance.clients import done

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.clients import Caller

ITEMS = "conformance_items"


async def test_selection_and_order(anonymous: Caller) -> None:
    """Columns, aliases, casts and JSON paths are selected; rows are ordered."""
    rows = await anonymous.data(
        anonymous.client.table(ITEMS)
        .select("id", "label:name", "meta->size", "text_id:id::text")
        .gt("id", 1)
        .order("id", desc=True)
    )
    assert rows == [
        {"id": 3, "label": 'third, "quoted"', "size": None, "text_id": "3"},
        {"id": 2, "label": "second", "size": 2, "text_id": "2"},
    ]


FILTERS: list[tuple[str, Callable[[Any], Any], list[int]]] = [
    ("eq", lambda q: q.eq("name", "second"), [2]),
    ("neq", lambda q: q.neq("name", "second"), [1, 3]),
    ("gt", lambda q: q.gt("id", 2), [3]),
    ("gte", lambda q: q.gte("id", 2), [2, 3]),
    ("lt", lambda q: q.lt("id", 2), [1]),
    ("lte", lambda q: q.lte("id", 2), [1, 2]),
    ("in", lambda q: q.in_("name", ["first", 'third, "quoted"']), [1, 3]),
    ("like", lambda q: q.like("name", "%ir%"), [1, 3]),
    ("ilike", lambda q: q.ilike("name", "SEC%"), [2]),
    ("like_any", lambda q: q.like_any_of("name", "fi%,se%"), [1, 2]),
    ("is", lambda q: q.is_("note", None), [2, 3]),
    ("not", lambda q: q.not_.is_("note", None), [1]),
    ("not in", lambda q: q.not_.in_("id", [1, 2]), [3]),
    ("contains array", lambda q: q.contains("tags", ["a", "b"]), [1]),
    ("contains object", lambda q: q.contains("meta", {"size": 2}), [2]),
    ("contained by", lambda q: q.contained_by("tags", ["a", "c"]), [2, 3]),
    ("overlaps", lambda q: q.overlaps("tags", ["b", "c"]), [1, 2]),
    ("match", lambda q: q.match({"id": 2, "name": "second"}), [2]),
    ("or", lambda q: q.or_("id.eq.1,and(id.gt.2,note.is.null)"), [1, 3]),
    ("not or", lambda q: q.not_.or_("id.eq.1,id.eq.2"), [3]),
    ("json path", lambda q: q.eq("meta->>size", "1"), [1]),
    ("quoted value", lambda q: q.eq("name", 'third, "quoted"'), [3]),
    ("text search", lambda q: q.fts("name", "second"), [2]),
]


@pytest.mark.parametrize(
    ("narrow", "expected"),
    [case[1:] for case in FILTERS],
    ids=[case[0] for case in FILTERS],
)
async def test_filter(anonymous: Caller, narrow: Callable[[Any], Any], expected: list[int]) -> None:
    """Every filter of the client finds what it should."""
    rows = await anonymous.data(narrow(anonymous.client.table(ITEMS).select("id")).order("id"))
    assert [row["id"] for row in rows] == expected


async def test_related_resources(anonymous: Caller) -> None:
    """Related rows are nested, and have an order and a limit of their own."""
    rows = await anonymous.data(
        anonymous.client.table(ITEMS)
        .select("id, conformance_parts(name, item:conformance_items(name))")
        .eq("id", 1)
        .order("name", desc=True, foreign_table="conformance_parts")
        .limit(1, foreign_table="conformance_parts")
    )
    assert rows == [{"id": 1, "conformance_parts": [{"name": "wheel", "item": {"name": "first"}}]}]


async def test_range_and_count(anonymous: Caller) -> None:
    """A window of rows knows how many there are in all."""
    query = anonymous.client.table(ITEMS).select("id", count=CountMethod.exact)
    response = await done(query.order("id").range(1, 1).execute())
    assert (response.data, response.count) == ([{"id": 2}], 3)
    head = anonymous.client.table(ITEMS).select("id", count=CountMethod.exact, head=True)
    assert (await done(head.execute())).count == 3


@pytest.mark.parametrize("method", [CountMethod.planned, CountMethod.estimated])
async def test_count_that_is_expected(anonymous: Caller, method: CountMethod) -> None:
    """Counts may be estimates."""
    query = anonymous.client.table(ITEMS).select("id", count=method)
    assert (await done(query.execute())).count is not None


async def test_single_rows(anonymous: Caller) -> None:
    """A single row is an object; one that may be missing may be missing."""
    items = anonymous.client.table(ITEMS)
    assert await anonymous.data(items.select("name").eq("id", 2).single()) == {"name": "second"}
    found = anonymous.client.table(ITEMS).select("name").eq("id", 1).maybe_single()
    assert (await done(found.execute())).data == {"name": "first"}
    missing = anonymous.client.table(ITEMS).select("name").eq("id", 99).maybe_single()
    assert await done(missing.execute()) is None
    with pytest.raises(APIError) as error:
        await anonymous.data(anonymous.client.table(ITEMS).select("name").single())
    assert error.value.code == "PGRST116"


async def test_text(anonymous: Caller) -> None:
    """Rows can be had as CSV, and without what is null."""
    rows = anonymous.client.table(ITEMS).select("id", "name").lte("id", 2).order("id").csv()
    assert await anonymous.data(rows) == "id,name\n1,first\n2,second"
    stripped = anonymous.client.table(ITEMS).select("id", "note").eq("id", 2).strip_nulls()
    assert await anonymous.data(stripped) == [{"id": 2}]


async def test_insert(anonymous: Caller) -> None:
    """One row, many rows, and rows with defaults for what is missing."""
    table = anonymous.client.table
    assert (await anonymous.data(table(ITEMS).insert({"name": "x"})))[0]["tags"] == []
    many = [{"name": "y"}, {"name": "z", "note": "n"}]
    rows = await anonymous.data(table(ITEMS).insert(many, default_to_null=False))
    assert [(row["name"], row["note"], row["tags"]) for row in rows] == [
        ("y", None, []),
        ("z", "n", []),
    ]
    minimal = table(ITEMS).insert({"name": "quiet"}, returning="minimal")
    assert await anonymous.data(minimal) == []


async def test_upsert(anonymous: Caller) -> None:
    """What is there already is merged, or left alone."""
    table = anonymous.client.table
    merged = table(ITEMS).upsert({"name": "first", "note": "merged"}, on_conflict="name")
    assert [row["note"] for row in await anonymous.data(merged)] == ["merged"]
    ignored = table(ITEMS).upsert(
        {"name": "first", "note": "no"}, on_conflict="name", ignore_duplicates=True
    )
    assert await anonymous.data(ignored) == []
    by_key = table(ITEMS).upsert([{"id": 1, "name": "1st"}, {"id": 9, "name": "9th"}])
    assert [row["name"] for row in await anonymous.data(by_key)] == ["1st", "9th"]


async def test_update_and_delete(anonymous: Caller) -> None:
    """Chosen rows are changed, counted, and deleted."""
    table = anonymous.client.table
    changed = table(ITEMS).update({"note": "seen"}, count=CountMethod.exact).gt("id", 1)
    response = await done(changed.execute())
    assert response.count == 2
    assert {row["note"] for row in response.data} == {"seen"}
    gone = await anonymous.data(table(ITEMS).delete().eq("id", 3))
    assert [row["id"] for row in gone] == [3]


@pytest.mark.parametrize("change", ["update", "delete"])
async def test_changes_of_every_row_are_refused(anonymous: Caller, change: str) -> None:
    """What would change a whole table is refused."""
    table = anonymous.client.table(ITEMS)
    request = table.update({"note": "all"}) if change == "update" else table.delete()
    with pytest.raises(APIError) as error:
        await anonymous.data(request)
    assert error.value.code == "21000"


async def test_max_affected(anonymous: Caller) -> None:
    """A change of more rows than expected does not happen."""
    change = anonymous.client.table(ITEMS).update({"note": "all"}).gt("id", 0).max_affected(2)
    with pytest.raises(APIError) as error:
        await anonymous.data(change)
    assert error.value.code == "PGRST124"
    noted = anonymous.client.table(ITEMS).select("id").eq("note", "all")
    assert await anonymous.data(noted) == []


async def test_functions(anonymous: Caller) -> None:
    """Functions return scalars, documents, rows and nothing."""
    rpc = anonymous.client.rpc
    assert await anonymous.data(rpc("conformance_add", {"a": 2, "b": 3})) == 5
    assert await anonymous.data(rpc("conformance_add", {"a": 2}, get=True)) == 3
    document = {"job": {"steps": [1, {"x": None}]}}
    assert await anonymous.data(rpc("conformance_echo", document)) == {**document, "label": None}
    by_get = rpc("conformance_echo", {"job": {"a": [1]}, "label": "l"}, get=True)
    assert await anonymous.data(by_get) == {"job": {"a": [1]}, "label": "l"}
    rows = rpc("conformance_numbers", {"upto": 4}).select("n").gt("n", 2)
    assert await anonymous.data(rows) == [{"n": 3}, {"n": 4}]
    assert await anonymous.data(rpc("conformance_nothing", {})) == []
    counted = rpc("conformance_numbers", {"upto": 4}, count=CountMethod.exact, head=True)
    assert (await done(counted.execute())).count == 4


@pytest.mark.parametrize(
    ("state", "code"), [("PT409", "PT409"), ("P0001", "P0001"), ("42501", "42501")]
)
async def test_errors(anonymous: Caller, state: str, code: str) -> None:
    """What a function raises arrives whole."""
    with pytest.raises(APIError) as error:
        await anonymous.data(anonymous.client.rpc("conformance_fail", {"state": state}))
    raised = error.value
    assert (raised.code, raised.message) == (code, "refused")
    assert (raised.details, raised.hint) == ("because", "do not")


@pytest.mark.parametrize(
    ("request_of", "code"),
    [
        (lambda client: client.table("conformance_absent").select("*"), "PGRST205"),
        (lambda client: client.rpc("conformance_absent", {}), "PGRST202"),
        (lambda client: client.rpc("conformance_add", {"x": 1}), "PGRST202"),
        (lambda client: client.table(ITEMS).select("conformance_absent(*)"), "PGRST200"),
        (lambda client: client.table(ITEMS).select("absent"), "42703"),
        (lambda client: client.table(ITEMS).insert({"absent": 1}), "PGRST204"),
        (lambda client: client.table(ITEMS).insert({"name": "first"}), "23505"),
        (lambda client: client.table(ITEMS).insert({"name": None}), "23502"),
        (lambda client: client.table(ITEMS).select("*").eq("id", "x"), "22P02"),
        (lambda client: client.rpc("conformance_reset", {}), "42501"),
        (lambda client: client.schema("auth").table("users").select("*"), "PGRST106"),
    ],
)
async def test_mistakes(anonymous: Caller, request_of: Callable[[Any], Any], code: str) -> None:
    """Each mistake has its code."""
    with pytest.raises(APIError) as error:
        await anonymous.data(request_of(anonymous.client))
    assert error.value.code == code


async def test_roles(anonymous: Caller, administrator: Caller) -> None:
    """The key decides on the role, until a user signs in."""
    assert (await anonymous.data(anonymous.client.rpc("conformance_whoami"))) == {
        "role": "anon",
        "uid": None,
    }
    who = await administrator.data(administrator.client.rpc("conformance_whoami"))
    assert who["role"] == "service_role"
    user = (await anonymous.sign_up()).user
    assert (await anonymous.data(anonymous.client.rpc("conformance_whoami"))) == {
        "role": "authenticated",
        "uid": user.id,
    }
