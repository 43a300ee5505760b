"""What a player has chosen and wears, and what of a spec counts because of it.

Anything in a spec may carry `talent`, `equipped` or `set_bonus`.  What the player does not have is
built and checked like the rest, so that names, places and random numbers do not depend on it, but
is never done: an ability has no charge, an effect or modifier is left out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.shapes import join

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from node.engine.combat.shapes import Report

    Document = Mapping[str, Any]

KINDS = {"talent": "talents", "equipped": "equipment", "set_bonus": "set_bonuses"}


class Choices:
    """The talents, equipment and set bonuses of a spec, and which of them a player has."""

    def __init__(self, spec: Document, player: Document) -> None:
        self.known: dict[str, Document] = {kind: spec.get(KINDS[kind], {}) for kind in KINDS}
        self._chosen = {kind: player.get(KINDS[kind], ()) for kind in KINDS}
        self._ranks = {kind: _ranks(chosen) for kind, chosen in self._chosen.items()}

    def rank(self, kind: str, name: str) -> int:
        """Give the rank of a talent; 1 or 0 tells whether something else is worn."""
        return self._ranks[kind].get(name, 0)

    def most(self, name: str) -> int:
        """Give the highest rank of a talent."""
        most: int = self.known["talent"][name].get("max_rank", 1)
        return most

    def has(self, document: Document) -> bool:
        """Tell whether the player has all that a part of a spec needs."""
        return all(self.rank(kind, document[kind]) > 0 for kind in KINDS if kind in document)

    def check(self, spec: Document, report: Report) -> None:
        """Report what nobody has declared, and ranks that there are not."""
        for kind, chosen in self._chosen.items():
            for place, name, rank in _places(chosen):
                pointer = f"/player/{KINDS[kind]}/{place}"
                if name not in self.known[kind]:
                    what = kind.replace("equipped", "equipment").replace("_", " ")
                    report.unknown(pointer, what, name, self.known[kind])
                elif kind == "talent" and rank > self.most(name):
                    report.add(pointer, f"{rank} is more than its {self.most(name)} ranks")
        for pointer, kind, name in _needs(spec, "/spec"):
            if name not in self.known[kind]:
                hint = f"declare it in '{KINDS[kind]}' of the spec"
                report.add(pointer, f"there is no {kind.replace('_', ' ')} {name!r}", hint)


def _ranks(chosen: Any) -> dict[str, int]:
    return dict(chosen) if isinstance(chosen, dict) else dict.fromkeys(chosen, 1)


def _places(chosen: Any) -> Iterator[tuple[str | int, str, int]]:
    """Give where each choice stands, its name and its rank."""
    if isinstance(chosen, dict):
        yield from ((name, name, rank) for name, rank in chosen.items())
    else:
        yield from ((index, name, 1) for index, name in enumerate(chosen))


def _needs(part: Any, pointer: str) -> Iterator[tuple[str, str, str]]:
    """Find what parts of a spec need."""
    if isinstance(part, dict):
        for key, value in part.items():
            if key in KINDS and isinstance(value, str):
                yield join(pointer, key), key, value
            else:
                yield from _needs(value, join(pointer, key))
    elif isinstance(part, list):
        for index, value in enumerate(part):
            yield from _needs(value, join(pointer, index))
