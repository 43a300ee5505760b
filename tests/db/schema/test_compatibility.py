"""The schema serves the nodes of the release before it, which know nothing of what is new.

The calls below are those of release 0.1.0, word for word, and what it reads of the answers. They
stay as they are when newer nodes call otherwise; those of the next release are added beside them.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import psycopg
import pytest

from tests.db.schema.pool import call, completed, failed, released

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.db.schema.pool import Json, Node, Pool

HEARTBEAT: Final = {
    "version": "0.1.0",
    "running": [],
    "free_workers": 1,
    "load": 0.5,
    "iterations_per_second": 100.0,
}
REGISTRATION: Final[dict[str, Any]] = {
    "hostname": "host",
    "total_cores": 8,
    "enabled_cores": 4,
    "version": "0.1.0",
    "platform": "linux",
    "machine_id": "machine",
    "hardware": {},
}
#: fields that 0.1.0 reads, by answer
CHUNK: Final = {
    "chunk_id": str,
    "job_id": str,
    "config_hash": str,
    "engine": str,
    "seed": int,
    "seed_offset": int,
    "iterations": int,
    "lease_token": str,
    "lease_expires_at": str,
}
EXCHANGED: Final = {"outcomes": list, "chunks": list, "cancelled": list, "next_poll_ms": int}
BEATEN: Final = {"settings": dict, "cancelled": list, "commands": list}
SETTINGS: Final = {"name": str, "max_parallel": int, "paused": bool, "heartbeat_ms": int}
REGISTERED: Final = {"id": str, "claim_code": str, "claim_code_expires_at": str}


def _reads(answer: Json, fields: Mapping[str, type]) -> bool:
    return all(isinstance(answer.get(name), kind) for name, kind in fields.items())


def _send(node: Node, function: str, **arguments: Any) -> Json:
    values = {name: json.dumps(value) for name, value in arguments.items()}
    answer: Json = call(node.connection, function, values)
    return answer


def test_a_node_of_the_release_before_works(pool: Pool) -> None:
    """From its first heartbeat to the last result."""
    node = pool.node(**REGISTRATION)
    job = node.owner.submit(1000)
    beaten = _send(node, "node_heartbeat", status=HEARTBEAT)
    assert _reads(beaten, BEATEN)
    assert _reads(beaten["settings"], SETTINGS)
    exchanged = _send(node, "exchange_chunks", finished=[], slots=3, running=[])
    assert _reads(exchanged, EXCHANGED)
    first, second, third = exchanged["chunks"]
    assert all(_reads(chunk, CHUNK) for chunk in (first, second, third))
    finished = [completed(first), failed(second), released(third)]
    exchanged = _send(node, "exchange_chunks", finished=finished, slots=0, running=[])
    assert [outcome["outcome"] for outcome in exchanged["outcomes"]] == ["accepted"] * 3
    pool.node(node.owner).work()
    assert node.owner.job(job)["status"] == "completed"


def test_what_came_after_the_first_draft_of_a_call_may_be_left_out(pool: Pool) -> None:
    """Every parameter but those that a call is about has a default, every field is optional."""
    node = pool.node()
    assert _reads(_send(node, "exchange_chunks", finished=[], slots=1), EXCHANGED)
    assert _reads(_send(node, "node_heartbeat", status={}), BEATEN)


def test_a_registration_of_the_release_before_is_understood(pool: Pool) -> None:
    """It is answered what it reads, and more that it leaves alone."""
    assert _reads(pool.register("key", **REGISTRATION), REGISTERED)


@pytest.mark.parametrize(
    ("function", "parameters"),
    [
        ("exchange_chunks", ["finished", "slots"]),
        ("node_heartbeat", ["status"]),
        ("submit_job", ["config_json", "iterations"]),
        ("claim_node", ["code"]),
    ],
)
def test_new_parameters_are_optional(pool: Pool, function: str, parameters: list[str]) -> None:
    """What a call of the first release must give is all that a call must give today."""
    required = pool.scalar(
        "select proargnames[1 : pronargs - pronargdefaults] from pg_catalog.pg_proc"
        " where oid = ('public.' || %s)::regproc",
        function,
    )
    assert required == parameters


def test_a_field_that_nobody_knows_is_refused_by_name(pool: Pool) -> None:
    """So the schema goes first and the nodes after it; a node that is ahead is told why."""
    with pytest.raises(psycopg.Error, match="must be an object with version, engines"):
        pool.node().heartbeat(mood="good")
