"""Machines as they answered: written by `record.py`, or after what others published of theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from node.utils.nvidia import NvidiaFacts
from node.utils.probe import Battery, Space
from tests.unit.node.probes import RecordedProbe

FOLDER = Path(__file__).parent


def recorded(name: str) -> RecordedProbe:
    """The machine of that name."""
    return from_document(json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def from_document(document: dict[str, Any]) -> RecordedProbe:
    """A machine from its file."""
    battery = document.get("battery")
    affinity = document.get("affinity")
    return RecordedProbe(
        system=document["system"],
        machine=document["machine"],
        cpus=document["logical"],
        physical_cores=document["physical"],
        files=document["files"],
        outputs=document["outputs"],
        affinity=None if affinity is None else frozenset(affinity),
        name=document["hostname"],
        space=Space(**document["memory"]),
        storage=Space(**document["disk"]),
        power=None if battery is None else Battery(**battery),
        nvidia_gpus=tuple(map(_nvidia, document["nvidia"])),
    )


def _nvidia(document: dict[str, Any]) -> NvidiaFacts:
    capability = document["capability"]
    return NvidiaFacts(**{**document, "capability": capability and tuple(capability)})
