"""Who is present on one topic. Pure: every change returns the difference to be announced."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

Meta = dict[str, Any]
Metas = dict[str, dict[str, list[Meta]]]


@dataclass(frozen=True, slots=True)
class Diff:
    """Who came and who went."""

    joins: Metas = field(default_factory=dict)
    leaves: Metas = field(default_factory=dict)

    def payload(self) -> dict[str, Any]:
        """The payload of `presence_diff`."""
        return {"joins": self.joins, "leaves": self.leaves}


class Presence:
    """The presences of one topic: for each key, one meta per member that tracks under it."""

    def __init__(self, new_ref: Callable[[], str]) -> None:
        self._new_ref = new_ref
        self._present: dict[str, dict[Hashable, Meta]] = {}

    def __bool__(self) -> bool:
        return bool(self._present)

    def state(self) -> Metas:
        """The payload of `presence_state`."""
        return {key: {"metas": list(metas.values())} for key, metas in self._present.items()}

    def track(self, member: Hashable, key: str, payload: Meta) -> Diff:
        """Announce a member, or replace what it announced before."""
        metas = self._present.setdefault(key, {})
        before = metas.get(member)
        meta = {**payload, "phx_ref": self._new_ref()}
        if before is not None:
            meta["phx_ref_prev"] = before["phx_ref"]
        metas[member] = meta
        return Diff(_only(key, meta), {} if before is None else _only(key, before))

    def untrack(self, member: Hashable, key: str) -> Diff | None:
        """Forget a member; None when it was not present."""
        metas = self._present.get(key, {})
        meta = metas.pop(member, None)
        if not metas:
            self._present.pop(key, None)
        return None if meta is None else Diff(leaves=_only(key, meta))


def _only(key: str, meta: Meta) -> Metas:
    return {key: {"metas": [meta]}}
