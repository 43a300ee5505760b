"""What each version of an engine must answer, on any machine."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from node.engine.configs import default_config
from node.engine.results import digest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine import Engine

ENGINE = "combat"
SPEC = "modern/beast_mastery"
SEED = 20_260_101
ITERATIONS = 25

# Digests by engine and version. A change of the engine that changes an answer changes its version.
KNOWN_ANSWERS: Mapping[tuple[str, str], str] = MappingProxyType(
    {("combat", "0.2.0"): "fcc74b12e2892a58166a49f749ecec24dbc176633b01afe4debf7517f49f6813"}
)


def answer_of(engine: Engine) -> str:
    """The digest of a short simulation of the built-in config."""
    plan = engine.prepare(default_config(SPEC))
    result = engine.run(plan, SEED, 0, ITERATIONS, lambda: False)
    return digest(result or {})
