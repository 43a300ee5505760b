"""Every endpoint of machines, units and devices, as everybody who might call it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx
import pytest

from _shared.app import create_app
from tests.db.functions.test_node import register
from tests.db.schema.machines import HARDWARE, SHARED_CPU, SHARED_GPU
from tests.unit.functions.support import ORIGIN, Handlers, make_settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping

    from tests.databases import DatabaseServer, TestDatabase

BASE: Final = "/functions/v1"
REGISTRATION: Final = {
    "machine_id": "m-1",
    "hostname": "tower",
    "os": "linux-x86_64",
    "hardware": HARDWARE,
    "compute_units": [SHARED_CPU, SHARED_GPU],
}
PHONE: Final = {
    "device_name": "phone",
    "device_type": "phone",
    "ram_gb": 8,
    "cpu_cores": 8,
    "storage_gb": 128.5,
}
HEARTBEAT: Final = {
    "timestamp": "2026-11-21T12:00:00Z",
    "compute_units": [{"unit_id": "{unit}", "status": "active", "current_load_percent": 12.5}],
}
#: who calls: the owner, another user, the node with its token, signed, or with its API key; a
#: machine of the other user with its own; nobody
CALLERS: Final = ("owner", "other", "token", "signature", "key", "other key", "nobody")
USERS_OWN: Final = (200, 404, 403, 401, 401, 401, 401)
MACHINES_OWN: Final = (401, 401, 401, 200, 200, 403, 401)
EITHERS: Final = (200, 404, 403, 200, 200, 404, 401)
SELF: Final = (200, 403, 403, 401, 401, 401, 401)
ANY_USER: Final = (200, 200, 403, 401, 401, 401, 401)


@dataclass(frozen=True)
class Endpoint:
    """One method of one path, and what it answers whom."""

    method: str
    path: str
    answers: tuple[int, ...]
    body: Any = None
    alias: str = "/api"


#: in an order in which each finds what it is about
ENDPOINTS: Final = (
    Endpoint("POST", "/nodes/register", (201, 409, 403, 401, 401, 401, 401), REGISTRATION),
    Endpoint("POST", "/nodes/{node}/heartbeat", MACHINES_OWN, HEARTBEAT),
    Endpoint("GET", "/nodes/{node}", USERS_OWN),
    Endpoint(
        "PUT",
        "/nodes/{node}/allocations",
        USERS_OWN,
        {"compute_units": [{"unit_id": "{unit}", "allocation": {"cores_allocated": 1}}]},
    ),
    Endpoint("GET", "/compute-units/{unit}", USERS_OWN),
    Endpoint("POST", "/compute-units/{unit}/pause", EITHERS, {"reason": "maintenance"}),
    Endpoint("POST", "/compute-units/{unit}/resume", EITHERS, {}),
    Endpoint("GET", "/users/{owner}/devices", SELF),
    Endpoint("GET", "/users/{owner}/devices/summary", SELF),
    Endpoint("POST", "/devices/register", ANY_USER, PHONE, "/api/v1/network"),
    Endpoint("GET", "/devices", ANY_USER, None, "/api/v1/network"),
    Endpoint("POST", "/devices/{device}/heartbeat", USERS_OWN, {}, "/api/v1/network"),
    Endpoint("POST", "/devices/{device}/deactivate", USERS_OWN, {}, "/api/v1/network"),
    Endpoint("POST", "/nodes/{node}/keys", USERS_OWN),
    Endpoint("DELETE", "/nodes/{node}/keys", USERS_OWN),
    Endpoint("DELETE", "/nodes/{node}", USERS_OWN),
)


@dataclass
class World:
    """One database for all endpoints, and the ids and keys in it."""

    database: TestDatabase
    names: dict[str, str] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    sessions: int = 0

    def fill(self, value: Any) -> Any:
        """Put ids where a path or a body names them."""
        if isinstance(value, dict):
            return {key: self.fill(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.fill(inner) for inner in value]
        if not isinstance(value, str):
            return value
        for name, known in self.names.items():
            value = value.replace(f"{{{name}}}", known)
        return value


@pytest.fixture(scope="module")
def world(database_server: DatabaseServer) -> Iterator[World]:
    """Two users; the first has a node with an agent and the second a machine with an API key."""
    with database_server.database() as database:
        world = World(database)
        for name in ("owner", "other"):
            world.names[name] = database.create_user(f"{name}@example.com")
        database.connect_as_admin().execute(
            "update private.settings set allocation_cooldown = '0 seconds' where true"
        )
        yield world
        assert database.broken_invariants() == []


@pytest.fixture
async def everybody(world: World) -> AsyncIterator[Handlers]:
    """The handlers of that database, and in it what the endpoints are about."""
    app = create_app(make_settings(database_url=world.database.dsn))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("192.0.2.7", 4711))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client,
    ):
        handlers = Handlers(client, time.time)
        world.sessions += 1
        handlers.nonces = 1000 * world.sessions  # a nonce is good once per database
        if "node" not in world.names:
            await _settle(world, handlers)
        yield handlers


async def _settle(world: World, handlers: Handlers) -> None:
    """An agent registers and is claimed; then its machine is registered by the API as well."""
    registered = await register(handlers, machineId="m-1", hardware=HARDWARE, totalCores=16)
    owner, other = world.names["owner"], world.names["other"]
    claim = {"code": registered.json()["claimCode"]}
    claimed = await handlers.as_user("POST", f"{BASE}/claim", json=claim, user=owner)
    assert claimed.status_code == 200
    path = f"{BASE}/nodes/register"
    mine = await handlers.as_user("POST", path, json=REGISTRATION, user=owner)
    foreign = {**REGISTRATION, "machine_id": "m-2"}
    theirs = await handlers.as_user("POST", path, json=foreign, user=other)
    phone = await handlers.as_user("POST", f"{BASE}/devices/register", json=PHONE, user=owner)
    assert mine.json()["node_id"] == claimed.json()["id"], mine.text
    world.names |= {
        "node": mine.json()["node_id"],
        "unit": mine.json()["compute_units"][0]["unit_id"],
        "device": phone.json()["data"]["id"],
    }
    world.keys |= {"key": mine.json()["api_key"], "other key": theirs.json()["api_key"]}
    token = await handlers.signed(f"{BASE}/node-token")
    world.keys["token"] = token.json()["accessToken"]
    heard = await handlers.signed(
        world.fill(f"{BASE}/nodes/{{node}}/heartbeat"), world.fill(HEARTBEAT)
    )
    assert heard.status_code == 200, heard.text


async def ask(
    handlers: Handlers, world: World, caller: str, method: str, path: str, body: Any
) -> httpx.Response:
    """Send a request as one of the callers."""
    if caller in {"owner", "other"}:
        return await handlers.as_user(method, path, json=body, user=world.names[caller])
    if caller == "signature":
        if method != "POST":  # nodes sign nothing else: these are signatures of another request
            signed = await handlers.signed(f"{BASE}/node-token")
            headers = dict(signed.request.headers)
            kept = {name: headers[name] for name in ("signature", "signature-input")}
            return await handlers.client.request(method, path, json=body, headers=kept)
        return await handlers.signed(path, body)
    headers = {}
    if caller == "token":
        headers = {"authorization": f"Bearer {world.keys['token']}"}
    elif caller in world.keys:
        headers = {"x-api-key": world.keys[caller]}
    return await handlers.client.request(method, path, json=body, headers=headers)


@pytest.mark.xdist_group("callers")
@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda item: f"{item.method} {item.path}")
async def test_who_may_call_what(everybody: Handlers, world: World, endpoint: Endpoint) -> None:
    """Owner, another user, the node, another machine, nobody; at the path and at its alias."""
    path, body = world.fill(endpoint.path), world.fill(endpoint.body)
    expected = dict(zip(CALLERS, endpoint.answers, strict=True))
    # those who are refused come first, and change nothing for those who are not
    for caller in sorted(CALLERS, key=lambda name: -expected[name]):
        base = endpoint.alias if caller == "other" else BASE
        response = await ask(everybody, world, caller, endpoint.method, f"{base}{path}", body)
        assert response.status_code == expected[caller], (caller, response.text)
        if not response.is_success:
            assert set(response.json()) == {"success", "error", "code", "details"}
        elif "api_key" in response.json():
            world.keys["key"] = response.json()["api_key"]


async def test_a_machine_from_registration_to_removal(
    handlers: Handlers, database: TestDatabase
) -> None:
    """One machine over HTTP, with what each answer holds."""
    user = database.create_user("ada@example.com")
    database.connect_as_admin().execute(
        "update private.settings set allocation_cooldown = '0 seconds' where true"
    )
    answer = await handlers.as_user("POST", "/api/nodes/register", json=REGISTRATION, user=user)
    assert answer.status_code == 201
    machine = answer.json()
    assert machine["success"] is True
    assert machine["machine_id"] == "m-1"
    assert machine["api_key"].startswith("spk_")
    units = {unit["device_type"]: unit["unit_id"] for unit in machine["compute_units"]}
    assert set(units) == {"cpu", "gpu"}
    path, key = f"/api/nodes/{machine['node_id']}", {"x-api-key": machine["api_key"]}

    body = {**HEARTBEAT, "compute_units": [{"unit_id": units["gpu"], "status": "active"}]}
    heard = await handlers.client.post(f"{path}/heartbeat", json=body, headers=key)
    commands = heard.json()["commands"]
    assert [(command["kind"], command["device_id"]) for command in commands] == [
        ("allocate", "cpu-0"),
        ("allocate", "gpu-0"),
    ]
    body["acknowledged"] = [command["id"] for command in commands]
    heard = await handlers.client.post(f"{path}/heartbeat", json=body, headers=key)
    assert heard.json() == {"success": True, "commands": []}

    unit = f"/api/compute-units/{units['gpu']}"
    paused = await handlers.as_user("POST", f"{unit}/pause", user=user)
    assert (paused.json()["status"], paused.json()["reason"]) == ("paused", "user_requested")
    resumed = await handlers.client.post(f"{unit}/resume", headers=key)
    assert resumed.json()["status"] == "active"

    seen = (await handlers.as_user("GET", path, user=user)).json()
    (gpu,) = seen["hardware"]["gpus"]
    assert (gpu["vendor"], gpu["vram_mb"], gpu["is_shared"]) == ("nvidia", 24576, True)
    assert gpu["compute_unit"]["allocation"]["vram_reserved_mb"] == 2048
    devices = (await handlers.as_user("GET", f"/api/users/{user}/devices", user=user)).json()
    assert devices["machines"] == [seen]
    assert devices["summary"]["active_gpus"] == 1
    summary = await handlers.as_user("GET", f"/api/users/{user}/devices/summary", user=user)
    figures = summary.json()
    assert figures["summary"]["total_cores_shared"] == 8
    assert figures["by_device_type"]["gpu"]["shared_vram_gb"] == 22
    assert figures["summary"]["units_by_status"] == {"active": 1, "registering": 1}

    gone = (await handlers.as_user("DELETE", "/api/nodes/m-1", user=user)).json()
    assert (gone["machine_id"], gone["compute_units_removed"]) == ("m-1", 2)
    refused = await handlers.client.post(f"{path}/heartbeat", json=body, headers=key)
    assert (refused.status_code, refused.json()["code"]) == (401, "UNAUTHORIZED")


async def test_an_allocation_above_the_hardware(handlers: Handlers, database: TestDatabase) -> None:
    """It is 422, and the details say where and what there is; nothing is registered."""
    user = database.create_user("ada@example.com")
    greedy = {**SHARED_CPU, "allocation": {"cores_allocated": 15}}
    body = {**REGISTRATION, "compute_units": [SHARED_GPU, greedy]}
    response = await handlers.as_user("POST", f"{BASE}/nodes/register", json=body, user=user)
    assert (response.status_code, response.json()["code"]) == (422, "INVALID_ALLOCATION")
    details = response.json()["details"]
    assert "compute_units.1.allocation.cores_allocated" in details
    assert (details["allocated"], details["reserved"], details["available"]) == (15, 2, 16)
    listed = await handlers.as_user("GET", f"{BASE}/users/{user}/devices", user=user)
    assert listed.json()["machines"] == []


#: a change to a good registration, and the field that the refusal names
WRONG: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "an unknown field": ({"colour": "red"}, "colour"),
    "no machine id": ({"machine_id": ""}, "machine_id"),
    "spaces in the machine id": ({"machine_id": "a b"}, "machine_id"),
    "a device without cores": (
        {"hardware": {**HARDWARE, "cpus": [{**HARDWARE["cpus"][0], "cores": 0}]}},
        "hardware.cpus.0.cores",
    ),
    "a strange vendor": (
        {"hardware": {**HARDWARE, "gpus": [{**HARDWARE["gpus"][0], "vendor": "acme"}]}},
        "hardware.gpus.0.vendor",
    ),
    "a priority nobody has": (
        {"compute_units": [{**SHARED_CPU, "allocation": {"priority": "urgent"}}]},
        "compute_units.0.allocation.priority",
    ),
}


async def test_a_malformed_registration(handlers: Handlers, database: TestDatabase) -> None:
    """It is 400 by the path of the field."""
    user = database.create_user("ada@example.com")
    for what, (change, name) in WRONG.items():
        body = REGISTRATION | change
        response = await handlers.as_user("POST", f"{BASE}/nodes/register", json=body, user=user)
        assert response.status_code == 400, what
        assert list(response.json()["details"]) == [name], what


async def test_heartbeats_are_limited_per_machine(
    handlers: Handlers, database: TestDatabase
) -> None:
    """Another machine is not the slower for it, and the answer says how long to wait."""
    user = database.create_user("ada@example.com")
    database.connect_as_admin().execute(
        "update private.rate_limits set allowed = 2, period = '1 hour'"
        " where bucket = 'machine_heartbeat'"
    )
    machines = [
        (
            await handlers.as_user(
                "POST",
                f"{BASE}/nodes/register",
                json={**REGISTRATION, "machine_id": name},
                user=user,
            )
        ).json()
        for name in ("m-1", "m-2")
    ]
    body = {"timestamp": "2026-11-21T12:00:00Z", "compute_units": []}

    async def beat(machine: dict[str, Any]) -> httpx.Response:
        return await handlers.client.post(
            f"{BASE}/nodes/{machine['node_id']}/heartbeat",
            json=body,
            headers={"x-api-key": machine["api_key"]},
        )

    first, second = machines
    answers = [await beat(first) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 0 < int(answers[-1].headers["retry-after"]) <= 1800
    assert (await beat(second)).status_code == 200


async def test_keys_are_not_in_the_log(
    handlers: Handlers, database: TestDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither when they are shown nor when they are used."""
    user = database.create_user("ada@example.com")
    with caplog.at_level("DEBUG"):
        answer = await handlers.as_user(
            "POST", f"{BASE}/nodes/register", json=REGISTRATION, user=user
        )
        machine = answer.json()
        await handlers.client.post(
            f"{BASE}/nodes/{machine['node_id']}/heartbeat",
            json={"timestamp": "2026-11-21T12:00:00Z", "compute_units": []},
            headers={"x-api-key": machine["api_key"]},
        )
    said = "".join(f"{record.getMessage()}{record.__dict__}" for record in caplog.records)
    assert machine["node_id"] in said
    assert machine["api_key"] not in said
