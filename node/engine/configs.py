"""The configs that ship with the node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SPECS = Path(__file__).parent / "specs"


def spec_names() -> tuple[str, ...]:
    """Name the specs that ship with the node, like `modern/beast_mastery`."""
    return tuple(
        sorted(
            path.relative_to(SPECS).with_suffix("").as_posix()
            for path in SPECS.glob("*/*.json")
            if not path.stem.endswith((".rotation", "profile"))
        )
    )


def default_config(
    name: str = "modern/beast_mastery", duration: float = 300.0, targets: int = 1
) -> dict[str, Any]:
    """Build the complete config of a spec with its own stats and rotation.

    Args:
        name: one of `spec_names()`.
        duration: the length of the fight in seconds.
        targets: the number of enemies.
    """
    if name not in spec_names():
        raise ValueError(f"there is no spec {name!r}; there are: {', '.join(spec_names())}")
    spec = _load(f"{name}.json")
    return {
        "schema": 1,
        "engine": "combat",
        "duration_ms": round(duration * 1000),
        "duration_variation": 0,
        "profile": _load(f"{name.split('/', maxsplit=1)[0]}/profile.json"),
        "player": spec.pop("default_player"),
        "target": {**spec.pop("default_target"), "count": targets},
        "spec": spec,
        "rotation": _load(f"{name}.rotation.json"),
    }


def _load(path: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((SPECS / path).read_text(encoding="utf-8"))
    return document
