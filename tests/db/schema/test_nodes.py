"""Registering, claiming, settings, rate limits, nonces, statistics."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from tests.db.schema.pool import call, detail

if TYPE_CHECKING:
    from tests.db.schema.pool import Pool


def test_a_new_node_gets_a_claim_code(pool: Pool) -> None:
    """Six characters that cannot be misread, for a quarter of an hour."""
    pool.set_clock("2026-11-21 12:00:00+00")
    node = pool.register("key")
    assert node["outcome"] == "created"
    assert re.fullmatch("[A-HJ-NP-Z2-9]{6}", node["claim_code"])
    assert node["claim_code_expires_at"] == "2026-11-21T12:15:00+00:00"


def test_registering_again_renews_the_code_of_the_same_node(pool: Pool) -> None:
    """The old code is void."""
    first, second = pool.register("key"), pool.register("key")
    assert (second["outcome"], second["id"]) == ("renewed", first["id"])
    assert second["claim_code"] != first["claim_code"]
    answer = pool.user().call("verify_claim_code", code=first["claim_code"])
    assert answer["code"] == "NOT_FOUND"


def test_codes_use_the_whole_alphabet_evenly(pool: Pool) -> None:
    """No character is favoured: 6,000 draws are within five sigma of even."""
    codes = [
        code
        for (code,) in pool.rows("select private.new_claim_code() from generate_series(1, 1000)")
    ]
    counts = {
        letter: sum(code.count(letter) for code in codes)
        for letter in "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    }
    assert sum(counts.values()) == 6000
    expected = 6000 / 32
    assert all(abs(count - expected) < 5 * expected**0.5 for count in counts.values())


def test_a_code_is_unique_while_its_node_is_pending(pool: Pool) -> None:
    """A drawn code that another node shows is drawn again."""
    codes = {pool.register()["claim_code"] for _ in range(30)}
    assert len(codes) == 30


def test_claiming_binds_the_node_to_its_user(pool: Pool) -> None:
    """The node hears of it, its owner may use it, and the code is gone."""
    user = pool.user()
    registered = pool.register(hardware={"ram_total_gb": 16, "storage_total_gb": 100})
    shown = user.call("verify_claim_code", code=registered["claim_code"].lower())
    assert (shown["id"], shown["total_cores"]) == (registered["id"], 8)
    node = user.call("claim_node", code=registered["claim_code"], name="Box", max_parallel=4)
    assert (node["user_id"], node["name"], node["max_parallel"]) == (user.id, "Box", 4)
    assert (node["status"], node["claim_code"]) == ("offline", None)
    assert pool.messages(f"node:{registered['id']}", "claimed") == [
        {"user_id": user.id, "name": "Box", "max_parallel": 4}
    ]
    assert pool.rows("select access_type from public.node_access") == [("owner",)]


def test_a_claimed_node_registers_without_a_code(pool: Pool) -> None:
    """What its owner decided stays, what the machine reports is updated."""
    user = pool.user()
    registered = pool.register("key")
    user.call("claim_node", code=registered["claim_code"], name="Box", max_parallel=6)
    again = pool.register("key", total_cores=4, enabled_cores=4, version="2.0.0")
    assert again == {
        "outcome": "claimed",
        "id": registered["id"],
        "name": "Box",
        "max_parallel": 4,
        "required_version": None,
    }


def test_a_used_code_is_unknown(pool: Pool) -> None:
    """A code claims one node, once."""
    code = pool.register()["claim_code"]
    pool.user().call("claim_node", code=code)
    answer = pool.user().call("claim_node", code=code)
    assert (answer["success"], answer["code"]) == (False, "NOT_FOUND")


def test_a_claim_may_be_repeated(pool: Pool) -> None:
    """Whoever lost the answer gets it again, for a while; nothing is claimed or set anew."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user = pool.user()
    code = pool.register()["claim_code"]
    first = user.call("claim_node", code=code, name="Box")
    assert user.call("verify_claim_code", code=code)["name"] == "Box"
    assert user.call("claim_node", code=code.lower(), name="Other") == first
    assert pool.scalar("select count(*) from public.node_access") == 1
    pool.advance("15 minutes")
    assert user.call("claim_node", code=code)["code"] == "NOT_FOUND"


def test_an_expired_code_is_gone(pool: Pool) -> None:
    """The answer is 410, and the node stays pending."""
    pool.set_clock("2026-11-21 12:00:00+00")
    code = pool.register()["claim_code"]
    pool.advance("15 minutes")
    assert pool.user().call("claim_node", code=code)["code"] == "GONE"
    assert pool.scalar("select status from public.nodes") == "pending"


def test_wrong_codes_are_counted_and_right_ones_are_not(pool: Pool) -> None:
    """Ten guesses in ten minutes, then a wait; the count survives, because nothing is raised."""
    pool.set_clock("2026-11-21 12:00:00+00")
    user, other = pool.user(), pool.user()
    for _ in range(12):
        assert "id" in user.call("verify_claim_code", code=pool.register()["claim_code"])
    answers = [user.call("verify_claim_code", code="AAAAAA")["code"] for _ in range(12)]
    assert answers == ["NOT_FOUND"] * 10 + ["RATE_LIMITED"] * 2
    limited = user.call("claim_node", code=pool.register()["claim_code"])
    assert limited["details"] == {"retry_after": 60}
    assert other.call("verify_claim_code", code="AAAAAA")["code"] == "NOT_FOUND"
    pool.advance("1 minute")
    assert user.call("verify_claim_code", code="AAAAAA")["code"] == "NOT_FOUND"


def test_a_refused_claim_sets_the_status_of_the_response(pool: Pool) -> None:
    """The REST API answers what the handler answers."""
    user = pool.user()
    with user.connection.transaction():
        user.call("verify_claim_code", code="AAAAAA")
        row = user.connection.execute("select current_setting('response.status')").fetchone()
    assert row == ("404",)


def test_workers_must_fit_the_machine(pool: Pool) -> None:
    """On claiming and later."""
    user = pool.user()
    code = pool.register()["claim_code"]
    for workers in (-1, 9):
        with pytest.raises(psycopg.Error, match="max_parallel") as caught:
            user.call("claim_node", code=code, max_parallel=workers)
        assert caught.value.sqlstate == "PT400"
    node = user.call("claim_node", code=code)
    for workers in (-1, 9):
        with pytest.raises(psycopg.Error, match="max_parallel"):
            user.call("update_node_settings", node_id=node["id"], max_parallel=workers)


def test_settings_are_pushed_and_come_with_the_heartbeat(pool: Pool) -> None:
    """Both say the same."""
    user = pool.user()
    node = pool.node(user)
    user.call("update_node_settings", node_id=node.id, name="Den", max_parallel=2, paused=True)
    expected = {
        "name": "Den",
        "max_parallel": 2,
        "paused": True,
        "schedule": None,
        "heartbeat_ms": 15_000,
        "required_version": None,
        "units": call(pool.admin, "private.unit_settings", {"node_id": node.id}),
    }
    assert pool.messages(f"node:{node.id}", "settings") == [expected]
    assert node.heartbeat()["settings"] == expected
    user.call("update_node_settings", node_id=node.id, paused=False)
    assert node.heartbeat()["settings"] == {**expected, "paused": False}


def test_a_node_of_another_user_does_not_exist(pool: Pool) -> None:
    """Its settings and its sharing are its owner's."""
    node, stranger = pool.node(), pool.user()
    for function, arguments in (
        ("update_node_settings", {"name": "Mine"}),
        ("share_node", {"access_type": "public"}),
        ("unshare_node", {"access_type": "owner"}),
    ):
        with pytest.raises(psycopg.Error, match="no such node") as caught:
            stranger.call(function, node_id=node.id, **arguments)
        assert caught.value.sqlstate == "PT404"


def test_sharing_by_name_is_for_friends(pool: Pool) -> None:
    """And with guilds for their members."""
    node, stranger = pool.node(), pool.user()
    for access_type in ("user", "guild"):
        with pytest.raises(psycopg.Error) as caught:
            node.owner.call(
                "share_node", node_id=node.id, access_type=access_type, target_id=stranger.id
            )
        assert caught.value.sqlstate == "PT403"


#: a field of a registration, and what it must not be
WRONG_REGISTRATION: Final[tuple[tuple[str, Any], ...]] = (
    ("hostname", ""),
    ("hostname", None),
    ("version", None),
    ("total_cores", 0),
    ("total_cores", "8"),
    ("total_cores", None),
    ("enabled_cores", 9),
    ("enabled_cores", -1),
    ("platform", "x" * 101),
    ("machine_id", "x" * 256),
    ("hardware", []),
)
CHUNK_ID: Final = "00000000-0000-4000-8000-00000000000a"
#: a field of a heartbeat, and what it must not be
WRONG_HEARTBEAT: Final[tuple[tuple[str, Any], ...]] = (
    ("surprise", 1),
    ("engines", None),
    ("engines", []),
    ("engines", {"combat": 1}),
    ("engines", {"combat": ["1.0.0"]}),
    ("engines", {"combat": "x" * 2000}),
    ("running", None),
    ("running", {}),
    ("running", CHUNK_ID),
    ("running", ["x"]),
    ("running", [None]),
    ("running", [[CHUNK_ID]]),
    ("running", [CHUNK_ID, f"{{{CHUNK_ID}}}"]),
    ("running", [CHUNK_ID] * 10_001),
    ("version", ""),
    ("version", "x" * 101),
    ("free_workers", -1),
    ("free_workers", 4097),
    ("free_workers", "2"),
    ("free_workers", 1.5),
    ("load", -1),
    ("load", 1_000_001),
    ("load", [0.5]),
    ("iterations_per_second", -5),
    ("iterations_per_second", 1.1e12),
    ("iterations_per_second", 1e-300),
    ("iterations_per_second", True),
    ("units", {}),
    ("acknowledged", None),
    ("acknowledged", ["x"]),
)
#: what is named otherwise by a refusal
REFUSED_FIELDS: Final = {
    "surprise": "status",
    **{field: f"status.{field}" for field in ("engines", "running", "version")},
}


def test_a_malformed_registration_is_refused(pool: Pool) -> None:
    """The refusal names the field, and no node exists."""
    for field, value in WRONG_REGISTRATION:
        with pytest.raises(psycopg.Error) as caught:
            pool.register(**{field: value})
        assert caught.value.sqlstate == "PT400"
        assert list(detail(caught.value)["fields"]) == [field]
    assert pool.scalar("select count(*) from public.nodes") == 0


def test_a_malformed_heartbeat_is_refused(pool: Pool) -> None:
    """The refusal names the field, and nothing of it is noted."""
    node = pool.node()
    right = {"free_workers": 1, "load": 0.5, "iterations_per_second": 100.0}
    before = pool.rows("select * from private.node_heartbeats")
    for field, value in WRONG_HEARTBEAT:
        with pytest.raises(psycopg.Error) as caught:
            node.heartbeat(**{**right, field: value})
        assert caught.value.sqlstate == "PT400", (field, value)
        assert list(detail(caught.value)["fields"]) == [REFUSED_FIELDS.get(field, field)]
    assert pool.rows("select * from private.node_heartbeats") == before


def test_a_heartbeat_may_leave_out_what_its_node_does_not_know(pool: Pool) -> None:
    """Null is as good as nothing, and a speed of nothing is none: it is as fast as others see."""
    node = pool.node(speed=100.0)
    published = pool.scalar("select xmin::text from public.nodes")
    for status in (
        {},
        {"version": None, "free_workers": None, "load": None, "iterations_per_second": None},
        {"iterations_per_second": 0, "units": None},
    ):
        node.heartbeat(free_workers=2, load=0.5, iterations_per_second=105.0)
        node.heartbeat(**status)
        assert pool.rows(
            "select free_workers, load, iterations_per_second from private.node_heartbeats"
        ) == [(0, None, 100.0)]
    assert pool.scalar("select xmin::text from public.nodes") == published


def test_a_token_is_for_a_registered_key(pool: Pool) -> None:
    """A pending node gets one as well: it must hear that it is claimed."""
    registered = pool.register("key")
    assert call(pool.admin, "private.node_token", {"public_key": "key"}) == {
        "id": registered["id"],
        "topic": f"node:{registered['id']}",
        "user_id": None,
        "status": "pending",
    }
    with pytest.raises(psycopg.Error) as caught:
        call(pool.admin, "private.node_token", {"public_key": "other"})
    assert caught.value.sqlstate == "PT401"


def test_unregistering_gives_the_leases_back(pool: Pool) -> None:
    """Another node takes them at once, and the row is gone."""
    user = pool.user()
    user.submit(10)
    leaving, other = pool.node(user), pool.node(user)
    assert len(leaving.take()) == 1
    key = pool.scalar("select public_key from public.nodes where id = %s", leaving.id)
    assert call(pool.admin, "private.unregister_node", {"public_key": key}) == {"id": leaving.id}
    assert len(other.take()) == 1
    assert pool.scalar("select count(*) from public.nodes where id = %s", leaving.id) == 0


def test_a_nonce_is_used_once_per_key(pool: Pool) -> None:
    """The second request with it is a replay."""
    uses = [
        pool.scalar("select private.use_nonce(%s, %s, now())", key, nonce)
        for key, nonce in (("k", "n"), ("k", "n"), ("k", "m"), ("other", "n"))
    ]
    assert uses == [True, False, True, True]


def test_a_rate_limit_lets_a_burst_through_and_then_a_steady_rate(pool: Pool) -> None:
    """It answers the seconds to wait, and never raises."""
    pool.set_clock("2026-11-21 12:00:00+00")
    pool.admin.execute(
        "update private.rate_limits set allowed = 3, period = '30 seconds'"
        " where bucket = 'node_register'"
    )

    def take(subject: str = "203.0.113.7") -> Any:
        return pool.scalar("select private.take_token('node_register', %s)", subject)

    assert [take() for _ in range(4)] == [0, 0, 0, 10]
    assert take("203.0.113.8") == 0
    pool.advance("4 seconds")
    assert take() == 6
    pool.advance("6 seconds")
    assert [take(), take()] == [0, 10]


def test_a_running_node_is_a_compute_device(pool: Pool) -> None:
    """One row per node, scored by the database, counted for everybody alike."""
    node = pool.node(hardware={"ram_total_gb": 16, "storage_total_gb": 100})
    node.heartbeat()
    assert pool.rows(
        "select device_type, ram_gb, cpu_cores, storage_gb, compute_score::float"
        " from public.compute_devices"
    ) == [("desktop", 16, 8, 100, 77.0)]
    expected = (1, 16, 8, 100, 77)
    for connection in (
        pool.database.connect("anon"),
        pool.user().connection,
        node.connection,
        pool.admin,
    ):
        row = connection.execute("select * from public.get_network_stats()").fetchone()
        assert tuple(map(float, row or ())) == expected


def test_a_device_that_was_not_heard_of_is_not_counted(pool: Pool) -> None:
    """Five minutes, and a heartbeat brings it back."""
    pool.set_clock("2026-11-21 12:00:00+00")
    node = pool.node()
    pool.advance("5 minutes")
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 0
    node.heartbeat()
    assert pool.scalar("select active_nodes from public.get_network_stats()") == 1


def test_a_heartbeat_changes_the_published_row_once_a_minute_at_most(pool: Pool) -> None:
    """Whoever watches public.nodes is not told of every heartbeat."""
    pool.set_clock("2026-11-21 12:00:00+00")
    node = pool.node()
    node.heartbeat()
    version = pool.scalar("select xmin::text from public.nodes")
    for _ in range(4):
        pool.advance("15 seconds")
        node.heartbeat(iterations_per_second=101.0)
    assert pool.scalar("select xmin::text from public.nodes") == version
    pool.advance("15 seconds")
    node.heartbeat()
    assert pool.scalar("select xmin::text from public.nodes") != version


def test_heartbeats_update_their_row_in_place(pool: Pool) -> None:
    """No index has to be touched."""
    node = pool.node()
    for _ in range(20):
        node.heartbeat()
    pool.admin.execute("select pg_stat_force_next_flush()")
    node.connection.close()
    updates, in_place = pool.rows(
        "select n_tup_upd, n_tup_hot_upd from pg_stat_all_tables where relname = 'node_heartbeats'"
    )[0]
    assert updates == in_place
