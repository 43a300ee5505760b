"""Calling functions: arguments, overloads, and every kind of return."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.db.rest.conftest import Api

SINGLE = "application/vnd.pgrst.object+json"


@pytest.mark.parametrize(
    ("function", "arguments", "expected"),
    [
        ("add", {"a": 2, "b": 3}, 5),
        ("add", {"a": 2}, 3),
        (
            "document",
            {"job": {"x": [1, {"y": None}]}},
            {"job": {"x": [1, {"y": None}]}, "label": "none"},
        ),
        ("document", {"job": None, "label": "l"}, {"job": None, "label": "l"}),
        ("nothing", {}, None),
        ("minmax", {}, {"low": 1, "high": 9}),
        ("pairs", {"n": 2}, [{"x": 1, "square": 1}, {"x": 2, "square": 4}]),
        ("pairs", {"n": 0}, []),
        ("counting", {"n": 3}, [1, 2, 3]),
        ("counting", {"n": 0}, []),
        ("total", {"numbers": [1, 2, 3]}, 6),
        ("whole", {"anything": [1]}, {"got": {"anything": [1]}}),
        ("whole", [1, 2], {"got": [1, 2]}),
        ("whole", 5, {"got": 5}),
        ("by_count", {"a": 1}, 1),
        ("by_count", {"b": 1, "a": 1}, 2),
    ],
)
async def test_posted_call(reading: Api, function: str, arguments: Any, expected: Any) -> None:
    """A call answers with what the function returns, in the shape of its type."""
    response = await reading.post(f"/rpc/{function}", arguments)
    assert (response.status_code, response.json()) == (200, expected), response.text


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/rpc/add?a=2&b=3", 5),
        ("/rpc/add?a=-2", -1),
        ("/rpc/counting?n=2", [1, 2]),
        ("/rpc/total?numbers=1&numbers=2", 3),
        ("/rpc/total?numbers={4,5}", 9),
        ('/rpc/document?job={"a":[1,2]}&label=x', {"job": {"a": [1, 2]}, "label": "x"}),
        ("/rpc/document?job=1&label=not.quite", {"job": 1, "label": "not.quite"}),
        ("/rpc/nothing", None),
        ("/rpc/minmax?select=high", {"high": 9}),
    ],
)
async def test_call_by_get(reading: Api, url: str, expected: Any) -> None:
    """Arguments may stand in the URL."""
    response = await reading.get(url)
    assert (response.status_code, response.json()) == (200, expected), response.text


async def test_void(api: Api) -> None:
    """A function that returns nothing answers 204."""
    response = await api.post("/rpc/add_log", {"message": "x"})
    assert (response.status_code, response.content) == (204, b"")


async def test_empty_body(reading: Api) -> None:
    """No body is no arguments."""
    response = await reading.send("POST", "/rpc/nothing")
    assert (response.status_code, response.content) == (200, b"null")


async def test_text_body(reading: Api) -> None:
    """A function with one unnamed text takes a text body."""
    response = await reading.send(
        "POST", "/rpc/reversed", content=b"abc", content_type="text/plain"
    )
    assert response.json() == "cba"


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_rows_of_a_call_are_filtered(reading: Api, method: str) -> None:
    """What returns rows has filters, selection, order, window and counts."""
    arguments, n = ({"n": 5}, "") if method == "POST" else (None, "&n=5")
    response = await reading.send(
        method,
        f"/rpc/pairs?select=x,s:square::text&square=gt.1&order=x.desc&limit=2&offset=1{n}",
        prefer="count=exact",
        json=arguments,
    )
    assert response.status_code == 206
    assert response.json() == [{"x": 4, "s": "16"}, {"x": 3, "s": "9"}]
    assert response.headers["Content-Range"] == "1-2/4"


async def test_single_object(reading: Api) -> None:
    """One row may be asked for as an object, from a set or not."""
    response = await reading.post("/rpc/pairs?x=eq.2", {"n": 2}, accept=SINGLE)
    assert response.json() == {"x": 2, "square": 4}
    response = await reading.post("/rpc/pairs", {"n": 2}, accept=SINGLE)
    assert (response.status_code, response.json()["code"]) == (406, "PGRST116")
    response = await reading.post("/rpc/newest_film?select=title", {}, accept=SINGLE)
    assert response.json() == {"title": "Untitled"}


async def test_csv(reading: Api) -> None:
    """Rows of a call can be had as CSV."""
    response = await reading.post("/rpc/pairs", {"n": 2}, accept="text/csv")
    assert response.text == "x,square\n1,1\n2,4"


async def test_head(reading: Api) -> None:
    """HEAD calls the function and tells the count."""
    response = await reading.send("HEAD", "/rpc/pairs?n=3", prefer="count=exact")
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Content-Range"] == "0-2/3"


async def test_max_affected(reading: Api) -> None:
    """The limit on rows holds for what returns rows, and needs that."""
    prefer = "handling=strict,max-affected=2"
    response = await reading.post("/rpc/pairs", {"n": 3}, prefer=prefer)
    assert response.json()["code"] == "PGRST124"
    assert (await reading.post("/rpc/pairs", {"n": 2}, prefer=prefer)).status_code == 200
    response = await reading.post("/rpc/add", {"a": 2}, prefer=prefer)
    assert response.json()["code"] == "PGRST128"


@pytest.mark.parametrize(
    ("method", "url", "body", "status", "code"),
    [
        ("POST", "/rpc/ad", {}, 404, "PGRST202"),
        ("POST", "/rpc/add", {"a": 1, "c": 2}, 404, "PGRST202"),
        ("POST", "/rpc/add", {}, 404, "PGRST202"),
        ("GET", "/rpc/whole", None, 404, "PGRST202"),
        ("POST", "/rpc/either", {"a": 1}, 300, "PGRST203"),
        ("POST", "/rpc/add", {"a": "x"}, 400, "22P02"),
        ("POST", "/rpc/nothing", [1], 400, "PGRST127"),
        ("PUT", "/rpc/add", {"a": 1}, 405, "PGRST101"),
        ("DELETE", "/rpc/add", None, 405, "PGRST101"),
        ("GET", "/rpc/add?a=1&a=2", None, 400, "PGRST100"),
        ("GET", "/rpc/add_log?message=x", None, 405, "25006"),
        ("POST", "/rpc/add?foo=bar", {"a": 1}, 400, "PGRST100"),
        ("POST", "/rpc/add?select=x", {"a": 1}, 400, "42703"),
        ("GET", "/rpc/add?a=1&columns=a", None, 400, "PGRST127"),
        ("POST", "/rpc/members_only", {}, 401, "42501"),
    ],
)
async def test_refusal(
    reading: Api, method: str, url: str, body: Any, status: int, code: str
) -> None:
    """A call that cannot be made is refused with a code."""
    response = await reading.send(method, url, json=body)
    assert (response.status_code, response.json()["code"]) == (status, code), response.text


async def test_a_function_that_is_not_found_is_explained(reading: Api) -> None:
    """The answer says what was searched, and what is similar."""
    response = await reading.post("/rpc/add", {"a": 1, "bb": 2})
    assert response.json() == {
        "code": "PGRST202",
        "message": "Could not find the function public.add(a, bb) in the schema cache",
        "details": (
            "Searched for the function public.add with parameters a, bb or with a single unnamed "
            "json/jsonb parameter, but no matches were found in the schema cache."
        ),
        "hint": "Perhaps you meant to call the function public.add(a, b)",
    }
    response = await reading.post("/rpc/ad", {})
    assert response.json()["hint"] == "Perhaps you meant to call the function public.add"


async def test_a_choice_that_cannot_be_made_is_explained(reading: Api) -> None:
    """The answer lists the candidates."""
    response = await reading.post("/rpc/either", {"a": 1})
    assert response.json()["message"] == (
        "Could not choose the best candidate function between: "
        "public.either(a => integer), public.either(a => text)"
    )


async def test_a_body_of_a_type_that_no_function_takes(reading: Api) -> None:
    """An unknown type of body is refused."""
    response = await reading.send(
        "POST", "/rpc/whole", content=b"a=1", content_type="application/x-www-form-urlencoded"
    )
    assert (response.status_code, response.json()["code"]) == (400, "PGRST102")
