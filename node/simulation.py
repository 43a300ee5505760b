"""Simulations without a pool: a config from a file or by name, run on this machine's cores."""

from __future__ import annotations

import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.cache import verify
from node.engine import ConfigError, configure_cache, get_engine
from node.engine.configs import default_config, spec_names
from node.engine.results import merge
from node.errors import CommandError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from node.client import PoolClient
    from node.config import Settings
    from node.engine import Engine, Plan

MAX_ITERATIONS = 10**9
MAX_SEED = 2**63 - 1
# Small enough to show progress and to stop soon, large enough that starting one costs nothing.
SMALLEST_RANGE, LARGEST_RANGE = 20, 20_000
RANGES_PER_WORKER = 20


def read_config(
    source: str, duration: float | None = None, targets: int | None = None
) -> dict[str, Any]:
    """The config in a JSON file, or the built-in one of that name, with some values replaced."""
    path = Path(source).expanduser()
    if path.is_file():
        config = _read_file(path)
    elif source in spec_names():
        config = default_config(source)
    else:
        raise ConfigurationError(
            f"there is no file {source!r} and no built-in config of that name",
            advice=f"Built in are: {', '.join(spec_names())}",
        )
    if duration is not None:
        config["duration_ms"] = round(duration * 1000)
    if targets is not None:
        config["target"] = {**(config.get("target") or {}), "count": targets}
    return config


def _read_file(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is not a config: {error}", advice="It must be a file of JSON."
        ) from error
    if not isinstance(config, dict):
        raise ConfigurationError(f"{path} is not a config: it must hold a JSON object")
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
        self._stop = threading.Event()

    def run(self, workers: int, show: Callable[[int], None]) -> dict[str, Any]:
        """The merged result; `show` is told how many iterations are done, now and then."""
        with ThreadPoolExecutor(workers, thread_name_prefix="simulation") as pool:
            try:
                ranges = self._ranges(workers)
                parts = [pool.submit(self._run_range, first, count) for first, count in ranges]
                return self._merge(parts, show)
            finally:
                self._stop.set()
                pool.shutdown(cancel_futures=True)

    def _merge(
        self, parts: Sequence[Future[dict[str, Any]]], show: Callable[[int], None]
    ) -> dict[str, Any]:
        merged: dict[str, Any] | None = None
        for part in as_completed(parts):
            merged = part.result() if merged is None else merge(merged, part.result())
            show(int(merged["iterations"]))
        if merged is None:
            raise CommandError("there was nothing to simulate")
        return merged

    def _ranges(self, workers: int) -> Iterator[tuple[int, int]]:
        share = self._iterations // (workers * RANGES_PER_WORKER)
        size = min(max(share, SMALLEST_RANGE), LARGEST_RANGE)
        for first in range(0, self._iterations, size):
            yield first, min(size, self._iterations - first)

    def _run_range(self, first: int, count: int) -> dict[str, Any]:
        result = self._engine.run(self._plan, self._seed, first, count, self._stop.is_set)
        if result is None:
            raise CommandError("the simulation was stopped")
        return result


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
