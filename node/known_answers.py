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
    {("combat", "0.3.3"): "b908f11b2062159b73e353047a99f1295849d598940c75c3759f10dba88e5a3a"}
)


def answer_of(engine: Engine) -> str:
    """The digest of a short simulation of the built-in config."""
    plan = engine.prepare(default_config(SPEC))
    result = engine.run(plan, SEED, 0, ITERATIONS, lambda: False)
    return digest(result or {})
