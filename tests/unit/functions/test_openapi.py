"""The OpenAPI document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.functions.support import Pool

BASE = "/functions/v1"


async def read(pool: Pool) -> dict[str, Any]:
    """Return the document."""
    document: dict[str, Any] = (await pool.client.get(f"{BASE}/openapi.json")).json()
    return document


async def test_every_route_is_documented(pool: Pool) -> None:
    """The document has every handler, and every alias, with its methods."""
    paths = (await read(pool))["paths"]
    machines = {
        "nodes": {
            "/register": ["post"],
            "/{id}": ["delete", "get"],
            "/{id}/allocations": ["put"],
            "/{id}/heartbeat": ["post"],
            "/{id}/keys": ["delete", "post"],
        },
        "compute-units": {"/{id}": ["get"], "/{id}/pause": ["post"], "/{id}/resume": ["post"]},
        "users": {"/{id}/devices": ["get"], "/{id}/devices/summary": ["get"]},
        "devices": {
            "": ["get"],
            "/register": ["post"],
            "/{id}/deactivate": ["post"],
            "/{id}/heartbeat": ["post"],
        },
    }
    assert {path: sorted(operations) for path, operations in paths.items()} == {
        **{
            f"{base}/{name}{path}": methods
            for name, routes in machines.items()
            for base in (BASE, "/api/v1/network" if name == "devices" else "/api")
            for path, methods in routes.items()
        },
        "/api/v1/network/stats": ["get"],
        f"{BASE}/claim": ["get", "post"],
        f"{BASE}/health": ["get"],
        f"{BASE}/network-stats": ["get"],
        f"{BASE}/node-register": ["post"],
        f"{BASE}/node-token": ["post"],
        f"{BASE}/node-unregister": ["post"],
    }


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("node-register", "post", {"200", "201", "400", "401", "413", "429", "500", "503"}),
        ("node-token", "post", {"200", "400", "401", "413", "500", "503"}),
        (
            "claim",
            "post",
            {"200", "400", "401", "403", "404", "409", "410", "413", "429", "500", "503"},
        ),
        ("network-stats", "get", {"200", "304", "400", "413", "500", "503"}),
        (
            "nodes/register",
            "post",
            {"201", "400", "401", "403", "404", "409", "413", "422", "429", "500", "503"},
        ),
        ("users/{id}/devices", "get", {"200", "400", "401", "403", "413", "500", "503"}),
    ],
)
async def test_answers_are_documented(
    pool: Pool, path: str, method: str, statuses: set[str]
) -> None:
    """Each route lists the answers it can give, and no foreign 422."""
    operation = (await read(pool))["paths"][f"{BASE}/{path}"][method]
    assert set(operation["responses"]) == statuses


async def test_errors_share_one_envelope(pool: Pool) -> None:
    """Every documented error has the envelope, its code, and an example."""
    document = await read(pool)
    for operations in document["paths"].values():
        for operation in operations.values():
            errors = {s: r for s, r in operation["responses"].items() if s >= "400"}
            for status, response in errors.items():
                content = response["content"]["application/json"]
                assert content["schema"] == {"$ref": "#/components/schemas/Refusal"}, status
                assert content["example"]["code"] in response["description"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_security_is_documented(pool: Pool) -> None:
    """Who must sign, who needs a token, and who needs nothing, can be read."""
    document = await read(pool)
    paths = document["paths"]
    assert paths[f"{BASE}/node-token"]["post"]["security"] == [{"nodeSignature": []}]
    assert paths[f"{BASE}/claim"]["get"]["security"] == [{"userToken": []}]
    assert paths[f"{BASE}/nodes/{{id}}/heartbeat"]["post"]["security"] == [
        {"apiKey": []},
        {"nodeSignature": []},
    ]
    assert paths[f"{BASE}/compute-units/{{id}}/pause"]["post"]["security"] == [
        {"apiKey": []},
        {"nodeSignature": []},
        {"userToken": []},
    ]
    assert "security" not in paths[f"{BASE}/network-stats"]["get"]
    schemes = document["components"]["securitySchemes"]
    assert set(schemes) == {"nodeSignature", "userToken", "apiKey"}


async def test_bodies_are_closed(pool: Pool) -> None:
    """The schema of a body says that nothing unknown may be sent."""
    schemas = (await read(pool))["components"]["schemas"]
    # a name that two models had would say where they are defined
    assert not [name for name in schemas if "__" in name]
    for name in ("Registration", "Claim", "Empty", "MachineRegistration", "Heartbeat"):
        assert schemas[name]["additionalProperties"] is False
    assert "totalCores" in schemas["Registration"]["properties"]
