"""What may be shared of a device."""

from __future__ import annotations

from typing import Any

import pytest

from node.allocation import Allocation, Device, read_allocation
from node.errors import AllocationError

PROCESSOR = Device("cpu-0", "cpu", 16)
CARD = Device("gpu-0", "gpu", 24576)


def problems(document: dict[str, Any], device: Device = PROCESSOR) -> list[str]:
    """What is wrong with a document."""
    with pytest.raises(AllocationError) as caught:
        read_allocation(document, device)
    return str(caught.value).splitlines()


def test_what_is_not_said_has_a_default() -> None:
    """Two cores, or 2 GB of memory, stay free; nothing restricts when."""
    assert read_allocation({"cores_allocated": 14}, PROCESSOR) == Allocation(
        allocated=14, reserved=2
    )
    assert read_allocation({"vram_allocated_mb": 8192}, CARD) == Allocation(
        allocated=8192, reserved=2048
    )


def test_everything_can_be_said() -> None:
    """And comes back in the same words."""
    document = {
        "cores_allocated": 4,
        "cores_reserved": 0,
        "priority": "low",
        "max_power_percent": 50,
        "overnight_only": True,
        "idle_only": True,
        "ac_power_only": True,
        "temperature_limit_celsius": 85,
    }
    assert read_allocation(document, PROCESSOR).document("cpu") == document


def test_nothing_said_is_the_same_as_left_out() -> None:
    """Null is how the pool writes what has no value."""
    document = {"vram_allocated_mb": 1, "vram_reserved_mb": None, "temperature_limit_celsius": None}
    assert read_allocation(document, CARD).reserved == 2048


def test_more_than_the_hardware_has_is_refused_with_the_sum() -> None:
    """What is shared and what is kept must fit together; all of it is not too much."""
    (problem,) = problems({"cores_allocated": 15})
    assert problem == (
        "cpu-0 has 16 cores: 15 shared (cores_allocated) and 2 kept (cores_reserved) are 17. "
        "Share or keep less."
    )
    assert "gpu-0 has 24576 MB" in problems({"vram_allocated_mb": 24576}, CARD)[0]
    assert read_allocation({"cores_allocated": 16, "cores_reserved": 0}, PROCESSOR).allocated == 16


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("cores_allocated", 0),
        ("cores_allocated", 1.5),
        ("cores_allocated", True),
        ("cores_allocated", "4"),
        ("cores_allocated", 10**10),
        ("cores_reserved", -1),
        ("priority", "urgent"),
        ("max_power_percent", 0),
        ("max_power_percent", 101),
        ("max_power_percent", 50.0),
        ("overnight_only", "yes"),
        ("idle_only", 1),
        ("ac_power_only", 0),
        ("temperature_limit_celsius", 20),
        ("temperature_limit_celsius", 121),
        ("temperature_limit_celsius", False),
        ("vram_allocated_mb", 1024),
        ("cores", 4),
    ],
)
def test_a_wrong_field_is_named(field: str, value: object) -> None:
    """With what it must be."""
    (problem,) = problems({"cores_allocated": 4, field: value})
    assert problem.startswith(f"{field} is ")


def test_an_amount_must_be_given() -> None:
    """Nobody shares an unknown part."""
    assert problems({}) == ["cores_allocated is None, but must be a whole number of at least 1."]


def test_everything_wrong_is_said_at_once() -> None:
    """One correction is enough."""
    document = {"cores_allocated": 0, "priority": "urgent", "max_power_percent": 0, "speed": 9}
    assert len(problems(document)) == 4


@pytest.mark.parametrize(
    "condition",
    [
        {"overnight_only": True},
        {"idle_only": True},
        {"ac_power_only": True},
        {"temperature_limit_celsius": 90},
    ],
)
def test_conditions_need_watching(condition: dict[str, Any]) -> None:
    """Priority and power do not."""
    plain = Allocation(allocated=1, reserved=0, priority="low", max_power_percent=10)
    assert not plain.is_guarded
    assert Allocation(allocated=1, reserved=0, **condition).is_guarded
