"""The worked example of CONTRIBUTING is a spec that runs as it says."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from node.engine import configs, get_engine

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SPECS = configs.SPECS


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The two documents of the example, where specs are looked for."""
    spec, rotation = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    game = tmp_path / "modern"
    game.mkdir()
    shutil.copy(SPECS / "modern" / "profile.json", game)
    (game / "ember.json").write_text(spec, encoding="utf-8")
    (game / "ember.rotation.json").write_text(rotation, encoding="utf-8")
    monkeypatch.setattr(configs, "SPECS", tmp_path)
    return "modern/ember"


def test_the_example_runs_as_it_says(example: str) -> None:
    """It is valid, and a burst with heat, and only that, leaves a damage over time."""
    assert configs.spec_names() == (example,)
    config = configs.default_config(example, duration=120.0)
    engine = get_engine("combat")
    assert engine.validate(config) == []
    result = engine.run(engine.prepare(config), 1, 0, 20, lambda: False)
    assert result is not None
    counters = result["counters"]
    assert counters["ability.spark.crits"] > 0
    applied = counters["aura.cinders.applications"] + counters["aura.cinders.refreshes"]
    assert 0 < applied <= counters["ability.burst.casts"]
    assert counters["ability.cinders.ticks"] > 0
    assert json.loads(json.dumps(result)) == result
