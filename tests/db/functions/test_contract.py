"""What the handlers answer is what their OpenAPI document says, whatever they are sent."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.db.functions.served import served
from tests.db.schema.machines import register_machine
from tests.db.schema.pool import Pool
from tests.unit.functions.support import NODE_SEED, user_token
from tests.vectors.make_signatures import Request, vector

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from schemathesis import APIOperation, Case

    from tests.databases import TestDatabase

    Operation = APIOperation[Any, Any, Any, Any]

BASE: Final = "/functions/v1"
EXAMPLES: Final = 4
CHECKS: Final = (
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
)
pytestmark = pytest.mark.timeout(120)


@dataclass
class Signer:
    """Signs what is about to be sent, as a node does."""

    numbers: Iterator[int] = field(default_factory=itertools.count)

    def __call__(self, prepared: Any) -> Any:
        """Add the headers of a signature to a prepared request."""
        body = prepared.body or b""
        try:
            text = body.decode() if isinstance(body, bytes) else str(body)
        except UnicodeDecodeError:
            return prepared  # what no node would send goes unsigned
        request = Request(
            "",
            prepared.method,
            prepared.url,
            text,
            int(time.time()),
            f"nonce-{next(self.numbers):020d}",
            NODE_SEED,
        )
        prepared.headers.update(vector(request)["headers"])
        return prepared


@dataclass
class World:
    """A user with a machine, its units and a device, for whom requests are made."""

    user_id: str
    api_key: str
    ids: Mapping[str, tuple[str, ...]]
    signer: Signer = field(default_factory=Signer)

    def credentials(self, operation: Operation) -> dict[str, Any]:
        """What makes a request of this operation known: the first scheme that it takes."""
        schemes = [name for entry in operation.definition.raw.get("security", []) for name in entry]
        if "apiKey" in schemes:
            return {"headers": {"X-API-Key": self.api_key}}
        if "userToken" in schemes:
            return {
                "headers": {"Authorization": f"Bearer {user_token(time.time(), sub=self.user_id)}"}
            }
        if "nodeSignature" in schemes:
            return {"auth": self.signer}
        return {}


def people(database: TestDatabase) -> World:
    """Put into the database whom the requests are about, and let them ask as often as they want."""
    pool = Pool(database, database.connect())
    pool.admin.execute("update private.rate_limits set allowed = 1000000 where true")
    pool.configure(allocation_cooldown="0 seconds")
    user = pool.user()
    machine = register_machine(user)
    machine.beat()
    device = user.call(
        "register_device",
        device_name="phone",
        device_type="phone",
        ram_gb=8,
        cpu_cores=8,
        storage_gb=128,
    )
    ids = {
        "nodes": (machine.id,),
        "compute-units": (machine.unit(), machine.unit("gpu")),
        "users": (user.id,),
        "devices": (device["id"],),
    }
    return World(user.id, machine.api_key, ids)


def test_no_request_gets_an_answer_that_is_not_documented(database: TestDatabase) -> None:
    """Valid or not, about what there is or not: no error of the server, nothing undocumented."""
    world = people(database)
    answers: dict[str, set[int]] = {}
    with served(database) as origin:
        schema = schemathesis.openapi.from_url(f"{origin}{BASE}/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok() if isinstance(found, Ok) else None
            assert operation is not None, found
            if not operation.path.startswith(BASE):
                continue  # an alias is the same route
            answers[operation.label] = {
                status
                for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
                for status in try_operation(operation, mode, world)
            }
    assert len(answers) >= 22
    # the code of a node and the ids of units in a body cannot be guessed
    guesses = ("/claim", "/allocations", "/nodes/{id}/heartbeat")
    failed = [label for label, statuses in answers.items() if min(statuses) >= 300]
    assert [label for label in failed if not label.endswith(guesses)] == []


def try_operation(operation: Operation, mode: GenerationMode, world: World) -> list[int]:
    """Send some requests, about ids that are made up and those that there are; the answers."""
    statuses: list[int] = []
    handler = operation.path.split("/")[3]
    # those that there are come first: how many requests there will be is not certain
    known = itertools.cycle((*world.ids.get(handler, ()), None))

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy(generation_mode=mode))
    def attempt(case: Case[Any]) -> None:
        real = next(known)
        # an unregistered machine would leave nothing for the others to find
        if real is not None and operation.label != f"DELETE {BASE}/nodes/{{id}}":
            case.path_parameters["id"] = real
        response = case.call(**world.credentials(operation))
        statuses.append(response.status_code)
        case.validate_response(response, checks=list(CHECKS))

    try:
        attempt()
    except hypothesis.errors.Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # where there is nothing to get wrong
    return statuses
