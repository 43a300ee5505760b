"""Writes down how this machine answers detection: `python -m tests.unit.node.machines.record NAME`.

Identifiers are replaced, so that a recording can be shown to anybody.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from node.hardware import detect_hardware
from node.hardware.sensors import Sensors
from node.utils.probe import SystemProbe
from tests.unit.node.machines import FOLDER

if TYPE_CHECKING:
    from node.utils.nvidia import NvidiaFacts

IDENTIFIERS = re.compile(r"machine-id$|serial|uuid", re.IGNORECASE)


class RecordingProbe(SystemProbe):
    """The probe of this machine, that remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, str] = {}
        self.outputs: dict[str, str] = {}

    def read(self, path: str) -> str | None:
        """Text of a file, remembered where there is one."""
        text = super().read(path)
        if text is not None:
            self.files[path] = "0" * 32 if IDENTIFIERS.search(path) else _first_cpu(path, text)
        return text

    def output(self, *command: str) -> str | None:
        """What a command says, remembered where it says something."""
        text = super().output(*command)
        if text is not None:
            self.outputs[" ".join(command)] = text
        return text


def document(probe: RecordingProbe) -> dict[str, Any]:
    """All that detection and sensors ask of this machine."""
    Sensors(probe, detect_hardware(probe=probe)).read()
    battery = probe.battery()
    allowed = probe.allowed()
    return {
        "system": probe.system,
        "machine": probe.machine,
        "hostname": "recorded",
        "logical": probe.logical(),
        "physical": probe.physical(),
        "affinity": None if allowed is None else sorted(allowed),
        "memory": asdict(probe.memory()),
        "disk": asdict(probe.disk("/")),
        "battery": None if battery is None else asdict(battery),
        "nvidia": [_anonymous(index, facts) for index, facts in enumerate(probe.nvidia())],
        "files": dict(sorted(probe.files.items())),
        "outputs": dict(sorted(probe.outputs.items())),
    }


def _first_cpu(path: str, text: str) -> str:
    return text.partition("\n\n")[0] if path == "/proc/cpuinfo" else text


def _anonymous(index: int, facts: NvidiaFacts) -> dict[str, Any]:
    return {**asdict(facts), "uuid": f"GPU-{index:08d}"}


if __name__ == "__main__":
    target = FOLDER / f"{sys.argv[1]}.json"
    target.write_text(json.dumps(document(RecordingProbe()), indent=2) + "\n", encoding="utf-8")
    sys.stdout.write(f"{target}\n")
