"""The transaction around a request: whose it is, what it may, and what it says when it fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.db.rest.conftest import USER

if TYPE_CHECKING:
    from tests.databases import TestDatabase
    from tests.db.rest.conftest import Api


async def setting(api: Api, name: str, url: str = "/rpc/setting", **options: Any) -> str:
    """The value of a setting inside the transaction of a call."""
    response = await api.post(url, {"name": name}, **options)
    assert response.status_code == 200, response.text
    return str(response.json())


async def test_role_and_claims(reading: Api) -> None:
    """The transaction has the role and the claims of the token."""
    response = await reading.post(
        "/rpc/whoami", {}, role="authenticated", claims={"node_id": "n-1"}
    )
    body = response.json()
    assert (body["role"], body["uid"]) == ("authenticated", USER)
    assert body["claims"]["node_id"] == "n-1"
    assert (await reading.post("/rpc/whoami", {})).json()["role"] == "anon"


async def test_nothing_stays_in_the_connection(reading: Api) -> None:
    """The next request on the same connection is its own."""
    await reading.post("/rpc/whoami", {}, role="service_role")
    for _ in range(4):
        assert (await reading.post("/rpc/whoami", {})).json()["role"] == "anon"
        assert await setting(reading, "response.status") in {"", "None"}


async def test_request_settings(reading: Api) -> None:
    """Functions can read the request."""
    options = {"x_color": "blue", "cookie": "a=1; b=2=3"}
    assert await setting(reading, "request.method", **options) == "POST"
    assert await setting(reading, "request.path", **options) == "/rpc/setting"
    headers = json.loads(await setting(reading, "request.headers", **options))
    assert headers["x-color"] == "blue"
    assert "cookie" not in headers
    cookies = json.loads(await setting(reading, "request.cookies", **options))
    assert cookies == {"a": "1", "b": "2=3"}


async def test_search_path_and_timeouts(reading: Api) -> None:
    """The settings of the platform's roles apply, and the exposed schema is searched first."""
    assert await setting(reading, "search_path") == '"public", "public", "extensions"'
    assert await setting(reading, "statement_timeout") == "3s"
    assert await setting(reading, "statement_timeout", role="authenticated") == "8s"
    assert await setting(reading, "statement_timeout", role="service_role") == "8s"


async def test_time_zone(reading: Api) -> None:
    """A time zone can be preferred; one that is unknown is an error."""
    assert await setting(reading, "timezone", prefer="timezone=Asia/Tokyo") == "Asia/Tokyo"
    response = await reading.post(
        "/rpc/setting", {"name": "timezone"}, prefer="timezone=Nowhere/At_all"
    )
    assert (response.status_code, response.json()["code"]) == (400, "22023")


async def test_reads_are_read_only(api: Api) -> None:
    """GET, and a function that promises to change nothing, cannot write."""
    assert await setting(api, "transaction_read_only") == "on"
    response = await api.get("/rpc/add_log?message=x")
    assert (response.status_code, response.json()["code"]) == (405, "25006")
    assert (await api.post("/rpc/add_log", {"message": "x"})).status_code == 204


async def test_settings_of_a_function(reading: Api) -> None:
    """Timeout and isolation of a function hold for its whole transaction."""
    response = await reading.post("/rpc/hurried_nap", {})
    assert (response.status_code, response.json()["code"]) == (500, "57014")
    assert (await reading.post("/rpc/isolation", {})).json() == "serializable"


async def test_statement_timeout(cinema: TestDatabase, api: Api) -> None:
    """What takes longer than its role may is cancelled."""
    with cinema.connect_as_admin() as connection:
        connection.execute(
            f"alter role anon in database {cinema.name} set statement_timeout = '20ms'"
        )
    response = await api.post("/rpc/nap", {"seconds": 20})
    assert (response.status_code, response.json()["code"]) == (500, "57014")


async def test_the_database_chooses_status_and_headers(reading: Api) -> None:
    """`response.status` and `response.headers` override what we would say."""
    headers = [{"Cache-Control": "public"}, {"Set-Cookie": "a=1"}, {"Set-Cookie": "b=2"}]
    response = await reading.post("/rpc/answer", {"status": "418", "headers": json.dumps(headers)})
    assert (response.status_code, response.json()) == (418, {"done": True})
    assert response.headers["Cache-Control"] == "public"
    assert response.headers.get_list("Set-Cookie") == ["a=1", "b=2"]


@pytest.mark.parametrize(
    ("status", "headers", "code"),
    [
        ("fine", "", "PGRST112"),
        ("9", "", "PGRST112"),
        ("200", "{", "PGRST111"),
        ("200", '{"a": "b"}', "PGRST111"),
        ("200", '[{"a": "b", "c": "d"}]', "PGRST111"),
        ("200", '[{"a": 1}]', "PGRST111"),
    ],
)
async def test_a_choice_that_makes_no_sense(
    reading: Api, status: str, headers: str, code: str
) -> None:
    """What is no status and no header is an error of the server."""
    response = await reading.post("/rpc/answer", {"status": status, "headers": headers})
    assert (response.status_code, response.json()["code"]) == (500, code)


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("08000", 503),
        ("09000", 500),
        ("0L000", 403),
        ("0P000", 403),
        ("22023", 400),
        ("23502", 400),
        ("23503", 409),
        ("23505", 409),
        ("23514", 400),
        ("25006", 405),
        ("25001", 500),
        ("28000", 403),
        ("2D000", 500),
        ("38000", 500),
        ("39000", 500),
        ("3B000", 500),
        ("40001", 500),
        ("53400", 500),
        ("53000", 503),
        ("54000", 500),
        ("55000", 500),
        ("57P01", 503),
        ("57014", 500),
        ("58000", 500),
        ("F0000", 500),
        ("HV000", 500),
        ("P0001", 400),
        ("P0002", 500),
        ("XX000", 500),
        ("42883", 404),
        ("42P01", 404),
        ("42P17", 500),
        ("42501", 401),
        ("21000", 500),
        ("AB001", 400),
        ("PT404", 404),
        ("PT429", 429),
        ("PT0AA", 500),
    ],
)
async def test_status_of_a_raise(reading: Api, state: str, status: int) -> None:
    """Every SQLSTATE has its status; message, detail and hint are handed on."""
    raised = {"state": state, "message": "No.", "detail": '{"code": "X"}', "hint": "Ask."}
    response = await reading.post("/rpc/fail", raised)
    assert response.status_code == status
    assert response.json() == {
        "code": state,
        "message": "No.",
        "details": '{"code": "X"}',
        "hint": "Ask.",
    }
    assert response.headers["Proxy-Status"] == f"PostgREST; error={state}"


async def test_refusal_of_a_signed_in_role(reading: Api) -> None:
    """Who has signed in is refused with 403, not asked to sign in."""
    raised = {"state": "42501", "message": "No.", "detail": "", "hint": ""}
    response = await reading.post("/rpc/fail", raised, role="authenticated")
    assert response.status_code == 403
    assert "WWW-Authenticate" not in response.headers


async def test_raise_of_a_whole_response(reading: Api) -> None:
    """SQLSTATE PGRST spells out the answer."""
    said = {"code": "123", "message": "Payment", "details": "Quota", "hint": "Upgrade"}
    how = {"status": 402, "headers": {"X-Powered-By": "Nerd Rage"}}
    raised = {"state": "PGRST", "message": json.dumps(said), "detail": json.dumps(how), "hint": ""}
    response = await reading.post("/rpc/fail", raised)
    assert (response.status_code, response.json()) == (402, said)
    assert response.headers["X-Powered-By"] == "Nerd Rage"
    assert response.headers["Proxy-Status"] == "PostgREST; error=123"


@pytest.mark.parametrize(
    ("message", "detail"),
    [
        ("no json", '{"status": 402, "headers": {}}'),
        ('{"code": "1"}', '{"status": 402, "headers": {}}'),
        ('{"code": "1", "message": "m"}', "no json"),
        ('{"code": "1", "message": "m"}', '{"status": 402}'),
        ('{"code": "1", "message": "m"}', '{"status": "x", "headers": {}}'),
    ],
)
async def test_raise_that_makes_no_sense(reading: Api, message: str, detail: str) -> None:
    """A raise that spells out nothing readable is an error of the server."""
    raised = {"state": "PGRST", "message": message, "detail": detail, "hint": ""}
    response = await reading.post("/rpc/fail", raised)
    assert (response.status_code, response.json()["code"]) == (500, "PGRST121")


async def test_an_expired_token(reading: Api) -> None:
    """An expired token is named as what it is."""
    token = reading.context.keyring.issue({"role": "authenticated"}, expires_in=-60)
    response = await reading.get("/films", authorization=f"Bearer {token}")
    assert response.status_code == 401
    assert response.json() == {
        "code": "PGRST303",
        "message": "JWT expired",
        "details": None,
        "hint": None,
    }
    assert response.headers["WWW-Authenticate"] == (
        'Bearer error="invalid_token", error_description="JWT expired"'
    )


async def test_a_token_expires_between_requests(reading: Api) -> None:
    """A token that was believed is believed no longer than it lives."""
    bearer = f"Bearer {reading.token('authenticated')}"
    assert (await reading.get("/films", authorization=bearer)).status_code == 200
    reading.clock.ahead = 61
    response = await reading.get("/films", authorization=bearer)
    assert (response.status_code, response.json()["message"]) == (401, "JWT expired")


async def test_a_token_that_is_none(reading: Api) -> None:
    """What is no token is not believed."""
    response = await reading.get("/films", authorization="Bearer a.b.c")
    assert (response.status_code, response.json()["code"]) == (401, "PGRST301")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


async def test_no_key(reading: Api) -> None:
    """Without a key nothing is answered."""
    response = await reading.http.get("/films")
    assert response.status_code == 401


async def test_a_key_in_the_url(reading: Api) -> None:
    """The key may stand in the URL, and is no filter there."""
    key = reading.context.keyring.publishable_key
    response = await reading.http.get(f"/films?select=id&id=eq.1&apikey={key}")
    assert response.json() == [{"id": 1}]


async def test_a_role_that_does_not_exist(reading: Api) -> None:
    """A token for an unknown role signs nobody in."""
    response = await reading.get("/films", role="ghost")
    assert (response.status_code, response.json()["code"]) == (401, "22023")


async def test_a_role_that_may_not_be_taken(reading: Api) -> None:
    """A token cannot make a request a superuser's."""
    response = await reading.get("/films", role="supabase_admin")
    assert (response.status_code, response.json()["code"]) == (403, "42501")


async def test_a_deferred_constraint(cinema: TestDatabase, api: Api) -> None:
    """What fails only at the commit is an error of the request as well."""
    with cinema.connect() as connection:
        connection.execute(
            "alter table public.roles alter constraint roles_film_id_fkey "
            "deferrable initially deferred"
        )
    body = {"film_id": 77, "actor_id": 1}
    for prefer in (None, "tx=rollback"):
        response = await api.post("/roles", body, prefer=prefer)
        assert (response.status_code, response.json()["code"]) == (409, "23503")
    assert len(await api.rows("/roles")) == 4
