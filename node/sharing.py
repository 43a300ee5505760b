"""What a machine shares and whether it rests: the decisions of its people, one record."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, Literal

from node.allocation import read_allocation
from node.errors import AllocationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.allocation import Allocation, Device, DeviceType

PauseReason = Literal["user_requested", "maintenance"]

PAUSE_REASONS: Final[tuple[PauseReason, ...]] = ("user_requested", "maintenance")
CPU: Final = "cpu-0"


@dataclass(frozen=True, slots=True)
class Share:
    """The decision on one device. `decided_at` is the pool's moment of it, None for one made here.

    Without an allocation the device is shared as far as the pool's settings go.
    """

    is_shared: bool
    allocation: Allocation | None = None
    decided_at: str | None = None


@dataclass(frozen=True, slots=True)
class Sharing:
    """Decisions by device; one that nobody decided on is shared as the pool's settings say."""

    shares: Mapping[str, Share] = field(default_factory=lambda: MappingProxyType({}))
    pause: PauseReason | None = None

    def of(self, device_id: str) -> Share:
        """The decision on a device."""
        return self.shares.get(device_id, UNDECIDED)

    def decide(self, device_id: str, share: Share) -> Sharing:
        """The same with one decision made anew."""
        return replace(self, shares=MappingProxyType({**self.shares, device_id: share}))

    def document(self) -> dict[str, Any]:
        """The record as it is kept."""
        return {
            "pause": self.pause,
            "devices": {
                device_id: share_document(device_id, share)
                for device_id, share in self.shares.items()
            },
        }


UNDECIDED: Final = Share(is_shared=True)


def read_sharing(document: Any, devices: Mapping[str, Device]) -> Sharing:
    """The record in a document; raises AllocationError for what fits no device of the machine."""
    if not isinstance(document, dict) or not isinstance(document.get("devices"), dict):
        raise AllocationError("the record of what is shared is no object with devices")
    shares = {
        device_id: _read_share(one, devices[device_id])
        for device_id, one in document["devices"].items()
        if device_id in devices
    }
    pause = document.get("pause")
    return Sharing(MappingProxyType(shares), pause if pause in PAUSE_REASONS else None)


def share_document(device_id: str, share: Share) -> dict[str, Any]:
    """A decision as it is kept, with the amounts in the words of its kind of device."""
    device_type: DeviceType = "cpu" if device_id.startswith("cpu") else "gpu"
    allocation = share.allocation and share.allocation.document(device_type)
    return {
        "is_shared": share.is_shared,
        "allocation": allocation,
        "decided_at": share.decided_at,
    }


def _read_share(document: Any, device: Device) -> Share:
    if not isinstance(document, dict):
        raise AllocationError(f"the decision on {device.device_id} is no object")
    given = document.get("allocation")
    allocation = None if given is None else read_allocation(given, device)
    decided_at = document.get("decided_at")
    is_moment = isinstance(decided_at, str)
    return Share(
        document.get("is_shared") is not False, allocation, decided_at if is_moment else None
    )
