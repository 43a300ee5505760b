"""Simulations on this machine: configs, workers, and what the pool holds."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from node.client import PoolClient
from node.config import Settings
from node.engine import ConfigError
from node.engine.configs import spec_names
from node.engine.results import digest
from node.errors import CommandError, ConfigurationError, ContentError
from node.simulation import Inputs, Simulation, check_config, read_config, stored_config
from tests.unit.node.engines import CONFIG, CountingEngine, install
from tests.unit.node.terminal import POOL, FakePool

if TYPE_CHECKING:
    from pathlib import Path


def test_a_config_is_read_from_a_file(tmp_path: Path) -> None:
    """A file of JSON is a config, and flags replace its length and enemies."""
    path = tmp_path / "hunter.json"
    path.write_text(json.dumps(CONFIG | {"target": {"count": 1, "level": 93}}), encoding="utf-8")
    config = read_config(str(path), Inputs(duration=60.5, targets=3))
    assert config["duration_ms"] == 60_500
    assert config["target"] == {"count": 3, "level": 93}
    assert read_config(str(path)) == CONFIG | {"target": {"count": 1, "level": 93}}


def test_a_rotation_and_a_character_take_the_place_of_those_of_a_config(tmp_path: Path) -> None:
    """Each comes from a file of its own, and the rest of the config stays."""
    rotation, character = tmp_path / "rotation.json", tmp_path / "character.json"
    rotation.write_text('{"name": "Mine", "actions": []}', encoding="utf-8")
    character.write_text('{"name": "Aria", "stats": {"agility": 5}}', encoding="utf-8")
    built_in = read_config("modern/beast_mastery")

    config = read_config("modern/beast_mastery", Inputs(rotation=rotation, character=character))

    assert config["rotation"] == {"name": "Mine", "actions": []}
    assert config["player"]["stats"] == {"agility": 5}
    assert config["spec"] == built_in["spec"]


@pytest.mark.parametrize(
    ("document", "what", "advice"),
    [
        ({"name": "Ember", "abilities": {}}, "is a spec", 'as its "spec"'),
        ({"name": "Mine", "actions": []}, "is a rotation", "--rotation"),
    ],
)
def test_a_part_of_a_config_is_no_config(
    tmp_path: Path, document: dict[str, Any], what: str, advice: str
) -> None:
    """It is called what it is, and whoever names it told what to do."""
    path = tmp_path / "part.json"
    path.write_text(json.dumps(document), encoding="utf-8")

    with pytest.raises(ConfigurationError, match=what) as refused:
        read_config(str(path))

    assert advice in str(refused.value.advice)


def test_a_name_that_stands_twice_is_refused(tmp_path: Path) -> None:
    """The second would take the place of the first in silence."""
    path = tmp_path / "hunter.json"
    path.write_text('{"engine": "combat", "target": {"count": 1, "count": 3}}', encoding="utf-8")

    with pytest.raises(ConfigError, match=r"/target/count: 'count' stands twice"):
        read_config(str(path))


def test_a_config_may_come_through_a_pipe(tmp_path: Path) -> None:
    """What another program writes has no need to be a file on a disk."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=[json.dumps(CONFIG)])
    writer.start()

    assert read_config(str(pipe)) == CONFIG

    writer.join()


def test_a_file_that_is_no_rotation_is_refused(tmp_path: Path) -> None:
    """It is named for what it was meant to be."""
    path = tmp_path / "rotation.json"
    path.write_text("[]", encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"rotation\.json is not a rotation"):
        read_config("modern/beast_mastery", Inputs(rotation=path))


def test_every_built_in_config_has_a_name() -> None:
    """What ships with the node can be named."""
    assert "modern/beast_mastery" in spec_names()
    assert read_config("modern/beast_mastery")["engine"] == "combat"


def test_an_unknown_name_lists_the_known() -> None:
    """A mistyped name is answered with what there is."""
    with pytest.raises(ConfigurationError, match="no file 'modern/hunter'") as caught:
        read_config("modern/hunter")
    assert "modern/beast_mastery" in str(caught.value.advice)


@pytest.mark.parametrize("content", ["{", "[1, 2]", "\x00"])
def test_a_file_that_is_no_config_is_refused(tmp_path: Path, content: str) -> None:
    """What is no JSON object is an error that names the file."""
    path = tmp_path / "hunter.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"hunter\.json is not a config"):
        read_config(str(path))


def test_a_bad_config_is_refused_with_every_problem() -> None:
    """The engine's problems come as one error."""
    with pytest.raises(ConfigError, match="/duration_ms: too short"):
        check_config(CountingEngine(), CONFIG | {"duration_ms": 5})


@pytest.mark.parametrize("workers", [1, 2, 7])
@pytest.mark.parametrize("iterations", [1, 19, 20, 21, 1003])
def test_any_number_of_workers_gives_one_result(workers: int, iterations: int) -> None:
    """The merged result is that of one run over all iterations, and progress reaches the end."""
    engine = CountingEngine()
    plan = engine.prepare(CONFIG)
    shown: list[int] = []
    result = Simulation(engine, plan, 5, iterations).run(workers, shown.append)
    whole = engine.run(plan, 5, 0, iterations, lambda: False)
    assert whole is not None
    assert digest(result) == digest(whole)
    assert shown[-1] == iterations
    assert shown == sorted(shown)


def test_a_failing_engine_stops_all_workers() -> None:
    """An error of one range is the error of the simulation; the rest is not run."""

    class Broken(CountingEngine):
        """Fails beyond the first iterations."""

        def run(self, plan: Any, seed: int, first: int, count: int, should_stop: Any) -> Any:
            """Fail, unless it is the first range."""
            if first:
                raise CommandError("broken")
            return super().run(plan, seed, first, count, should_stop)

    engine = Broken()
    with pytest.raises(CommandError):
        Simulation(engine, engine.prepare(CONFIG), 1, 1000).run(2, lambda _: None)


def checksum(text: str) -> str:
    """The name of a document."""
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def pool() -> FakePool:
    """The pool that is asked."""
    return FakePool()


async def fetch(pool: FakePool, tmp_path: Path, name: str) -> Any:
    """A config of the pool with its rotations."""
    settings = Settings(url=POOL, data_dir=tmp_path)
    async with PoolClient(settings, transport=httpx.MockTransport(pool)) as client:
        return await stored_config(client, name)


async def test_a_stored_config_comes_with_its_rotation(
    pool: FakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Config and rotation are fetched by their hashes, which are checked."""
    install(monkeypatch)
    script = '{"actions": []}'
    config = CONFIG | {"rotation": {"checksum": checksum(script)}}
    text = json.dumps(config)
    pool.on("GET", "/rest/v1/sim_configs", [{"config_json": text}])
    pool.on("GET", "/rest/v1/rotation_versions", [{"script": script}])
    assert await fetch(pool, tmp_path, checksum(text)) == (config, {checksum(script): script})


async def test_a_wrong_copy_is_not_believed(pool: FakePool, tmp_path: Path) -> None:
    """A config that does not have the hash it was asked by proves nothing."""
    pool.on("GET", "/rest/v1/sim_configs", [{"config_json": "{}"}])
    with pytest.raises(ContentError):
        await fetch(pool, tmp_path, checksum("other"))


async def test_what_the_pool_does_not_hold_is_told(
    pool: FakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A missing config or rotation is named."""
    install(monkeypatch)
    pool.on("GET", "/rest/v1/sim_configs", [])
    with pytest.raises(CommandError, match="does not hold the config"):
        await fetch(pool, tmp_path, checksum("x"))
    text = json.dumps(CONFIG | {"rotation": {"checksum": checksum("x")}})
    pool.on("GET", "/rest/v1/sim_configs", [{"config_json": text}])
    pool.on("GET", "/rest/v1/rotation_versions", [])
    with pytest.raises(CommandError, match="does not hold the rotation"):
        await fetch(pool, tmp_path, checksum(text))
