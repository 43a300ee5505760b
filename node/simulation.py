"""Simulations without a pool: a config from a file or by name, run on this machine's cores."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from node.cache import verify
from node.characters import read_character
from node.engine import ConfigError, configure_cache, get_engine
from node.engine.configs import default_config, spec_names
from node.engine.documents import read_json
from node.engine.results import merge
from node.errors import CommandError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from node.client import PoolClient
    from node.config import Settings
    from node.engine import Engine, Plan

Part = TypeVar("Part")

MAX_ITERATIONS = 10**9
MAX_SEED = 2**63 - 1
# Small enough to show progress and to stop soon, large enough that starting one costs nothing.
SMALLEST_RANGE, LARGEST_RANGE = 20, 20_000
RANGES_PER_WORKER = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """What takes the place of parts of a config; what is None stays as it is."""

    duration: float | None = None  #: seconds
    targets: int | None = None
    character: Path | None = None
    rotation: Path | None = None


UNCHANGED = Inputs()


def read_config(source: str, inputs: Inputs = UNCHANGED) -> dict[str, Any]:
    """The config in a JSON file, or the built-in one of that name, with some inputs replaced."""
    path = Path(source).expanduser()
    if path.exists() and not path.is_dir():
        config = _read_file(path, "a config")
        _refuse_part(path, config)
    elif source in spec_names():
        config = default_config(source)
    else:
        raise ConfigurationError(
            f"there is no file {source!r} and no built-in config of that name",
            advice=_built_in(),
        )
    if inputs.duration is not None:
        config["duration_ms"] = round(inputs.duration * 1000)
    if inputs.targets is not None:
        config["target"] = {**(config.get("target") or {}), "count": inputs.targets}
    if inputs.rotation is not None:
        config["rotation"] = _read_file(inputs.rotation, "a rotation")
    if inputs.character is not None:
        config = read_character(inputs.character).play(config)
    return config


def _built_in() -> str:
    return f"Built in are: {', '.join(spec_names())}"


def _refuse_part(path: Path, document: Mapping[str, Any]) -> None:
    """Tell whoever names a part of a config how it is simulated."""
    if "engine" in document:
        return
    if "abilities" in document:
        raise ConfigurationError(
            f"{path} is a spec, which is a part of a config",
            advice=f'Give a config that holds it as its "spec". {_built_in()}',
        )
    if "actions" in document:
        raise ConfigurationError(
            f"{path} is a rotation, which is a part of a config",
            advice=f"Follow it with --rotation {path}",
        )


def _read_file(path: Path, what: str) -> dict[str, Any]:
    try:
        config, problems = read_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not {what}: {error}", advice="It must be a file of JSON."
        ) from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path} is not {what}: it must hold a JSON object")
    if problems:
        raise ConfigError(problems)
    return config


def load_engine(settings: Settings, config: Mapping[str, Any]) -> Engine:
    """The engine that the config names, with its compiled code kept beside the node's data."""
    configure_cache(settings.cache_dir / "kernels")
    return get_engine(str(config.get("engine", "")))


def check_config(engine: Engine, config: Mapping[str, Any]) -> None:
    """Raise ConfigError with everything that is wrong with the config."""
    if problems := engine.validate(config):
        raise ConfigError(problems)


class Simulation:
    """A range `[0, iterations)` of one plan, run by several workers of this process."""

    def __init__(self, engine: Engine, plan: Plan, seed: int, iterations: int) -> None:
        self._engine = engine
        self._plan = plan
        self._seed = seed
        self._iterations = iterations

    def run(self, workers: int, show: Callable[[int], None]) -> dict[str, Any]:
        """The merged result; `show` is told how many iterations are done, now and then."""

        def work(first: int, count: int, should_stop: Callable[[], bool]) -> dict[str, Any] | None:
            return self._engine.run(self._plan, self._seed, first, count, should_stop)

        return run_ranges(self._iterations, workers, work, merge, show)


def run_ranges(
    iterations: int,
    workers: int,
    work: Callable[[int, int, Callable[[], bool]], Part | None],
    add: Callable[[Part, Part], Part],
    show: Callable[[int], None],
) -> Part:
    """Let threads work off `[0, iterations)` in ranges, and add up what comes of them.

    `work` is given the first iteration of a range, how many it holds, and a function that tells
    when to stop, and gives None if it did. `add` must not mind the order.
    """
    stop = threading.Event()
    with ThreadPoolExecutor(workers, thread_name_prefix="simulation") as pool:
        try:
            parts = {
                pool.submit(work, first, count, stop.is_set): count
                for first, count in _ranges(iterations, workers)
            }
            return _added(parts, add, show)
        finally:
            stop.set()
            pool.shutdown(cancel_futures=True)


def _added(
    parts: Mapping[Future[Part | None], int],
    add: Callable[[Part, Part], Part],
    show: Callable[[int], None],
) -> Part:
    total: Part | None = None
    done = 0
    for future in as_completed(parts):
        part = future.result()
        if part is None:
            raise CommandError("the simulation was stopped")
        total = part if total is None else add(total, part)
        done += parts[future]
        show(done)
    if total is None:
        raise CommandError("there was nothing to simulate")
    return total


def _ranges(iterations: int, workers: int) -> Iterator[tuple[int, int]]:
    share = iterations // (workers * RANGES_PER_WORKER)
    size = min(max(share, SMALLEST_RANGE), LARGEST_RANGE)
    for first in range(0, iterations, size):
        yield first, min(size, iterations - first)


async def stored_config(
    client: PoolClient, config_hash: str
) -> tuple[dict[str, Any], dict[str, str]]:
    """A config that the pool holds, with the rotations it names; their hashes are checked."""
    rows = await client.rows("sim_configs", hash=f"eq.{config_hash}", select="config_json")
    if not rows:
        raise CommandError(f"the pool does not hold the config {config_hash}")
    text = str(rows[0]["config_json"])
    verify(config_hash, text)
    config: dict[str, Any] = json.loads(text)
    checksums = load_engine(client.settings, config).documents(config)
    return config, {checksum: await _rotation(client, checksum) for checksum in checksums}


async def _rotation(client: PoolClient, checksum: str) -> str:
    rows = await client.rows("rotation_versions", checksum=f"eq.{checksum}", select="script")
    if not rows:
        raise CommandError(f"the pool does not hold the rotation {checksum}")
    script = str(rows[0]["script"])
    verify(checksum, script)
    return script
