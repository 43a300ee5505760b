"""What the pool tells this machine to do: each command is obeyed once and acknowledged. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

Kind = Literal["pause", "resume", "allocate", "withhold"]

REMEMBERED: Final = 1000  # commands obeyed: one that comes again is not obeyed again
WORDS: Final[Mapping[Kind, str]] = {
    "pause": "The owner pauses {device}",
    "resume": "The owner lets {device} work again",
    "allocate": "The owner changed what of {device} is shared",
    "withhold": "The owner shares {device} no more",
}


@dataclass(frozen=True, slots=True)
class Order:
    """One command to one device."""

    id: str
    kind: Kind
    device_id: str

    @property
    def message(self) -> str:
        """What it asks, for people."""
        return WORDS[self.kind].format(device=self.device_id)

    @property
    def changes_sharing(self) -> bool:
        """Whether the pool's copy of what is shared is new."""
        return self.kind in {"allocate", "withhold"}


class Orders:
    """The commands of one node."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, None] = OrderedDict()
        self._open: dict[str, Order] = {}
        self._read: frozenset[str] = frozenset()
        self._obeyed: dict[str, None] = {}

    @property
    def to_acknowledge(self) -> tuple[str, ...]:
        """Commands that were obeyed and that the pool has not heard of yet."""
        return tuple(self._obeyed)

    def hear(self, command: Any) -> Order | None:
        """The order in a command; None for one that is known already, or that makes no sense."""
        order = _read(command)
        if order is None or order.id in self._known:
            return None
        self._known[order.id] = None
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        if order.changes_sharing:
            self._open[order.id] = order
        else:
            # the settings say it too, and those are followed in any case
            self._obeyed[order.id] = None
        return order

    def reading(self) -> None:
        """The pool's copy is asked for: the answer is newer than what was ordered until now."""
        self._read = frozenset(self._open)

    def read(self) -> frozenset[str]:
        """The pool's copy is here: what waited for it is obeyed. Returns the devices of that."""
        obeyed = [self._open.pop(order_id) for order_id in self._read if order_id in self._open]
        self._obeyed.update({order.id: None for order in obeyed})
        return frozenset(order.device_id for order in obeyed)

    def acknowledged(self, ids: tuple[str, ...]) -> None:
        """The pool has heard that these were obeyed."""
        for order_id in ids:
            self._obeyed.pop(order_id, None)


def _read(command: Any) -> Order | None:
    if not isinstance(command, Mapping):
        return None
    order_id, device_id = command.get("id"), command.get("device_id")
    kind = next((kind for kind in WORDS if kind == command.get("kind")), None)
    if not isinstance(order_id, str) or kind is None:
        return None
    return Order(order_id, kind, str(device_id))
