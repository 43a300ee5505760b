"""A Postgres for benchmarks: durable, on disk, as it would be in production."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from local import bootstrap
from local.postgres import Cluster
from tests.databases import DatabaseServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def durable_server() -> Iterator[DatabaseServer]:
    """A server whose commits wait for the disk, else with Postgres' own settings."""
    with tempfile.TemporaryDirectory(prefix="simpool-bench-") as name:
        directory = Path(name)
        directory.chmod(0o711)  # the user of Postgres is another one when we are root
        with Cluster(directory, durable=True) as server:
            bootstrap.prepare_server(server)
            with contextlib.closing(DatabaseServer(server)) as databases:
                yield databases
