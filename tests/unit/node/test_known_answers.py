"""What the engine of this version answers, here as everywhere."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.engine import configure_cache, get_engine
from node.known_answers import ENGINE, KNOWN_ANSWERS, answer_of

configure_cache(Path(__file__).parents[3] / ".cache" / "kernels")


@pytest.mark.timeout(600)  # a busy machine compiles for minutes
def test_the_engine_gives_its_known_answer() -> None:
    """A change that changes an answer needs a new version of the engine, and its answer here."""
    engine = get_engine(ENGINE)
    assert KNOWN_ANSWERS[engine.name, engine.version] == answer_of(engine)
