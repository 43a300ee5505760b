"""A container engine: the one that runs here, or one of our own for as long as the tests last."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import docker  # type: ignore[import-untyped]
from docker.errors import DockerException  # type: ignore[import-untyped]

if TYPE_CHECKING:
    from collections.abc import Iterator

START_TIMEOUT: Final = 60.0
POLL_INTERVAL: Final = 0.1
UNIX: Final = "unix://"
DEFAULT_ADDRESS: Final = f"{UNIX}/var/run/docker.sock"
ADVICE: Final = (
    "no container engine answers here. Start Docker, or install docker.io and run the tests as "
    "root: then an engine is started for them and stopped afterwards."
)


@contextlib.contextmanager
def container_engine() -> Iterator[docker.DockerClient]:
    """A client of an engine; an engine that is started here is stopped here."""
    client = _connect()
    if client is not None:
        with contextlib.closing(client):
            yield client
        return
    program = shutil.which("dockerd")
    if os.geteuid() != 0 or program is None:
        raise RuntimeError(ADVICE)
    with _own_engine(program) as own, contextlib.closing(own):
        yield own


@contextlib.contextmanager
def _own_engine(program: str) -> Iterator[docker.DockerClient]:
    with tempfile.TemporaryDirectory(prefix="simpool-engine-") as name:
        directory = Path(name)
        address = f"unix://{directory / 'docker.sock'}"
        before = os.environ.get("DOCKER_HOST")
        os.environ["DOCKER_HOST"] = address
        try:
            with _dockerd(program, directory, address) as process:
                yield _wait_for(process, directory / "log")
        finally:
            os.environ.pop("DOCKER_HOST")
            if before is not None:
                os.environ["DOCKER_HOST"] = before


@contextlib.contextmanager
def _dockerd(program: str, directory: Path, address: str) -> Iterator[subprocess.Popen[bytes]]:
    places = {
        "--data-root": directory / "data",
        "--exec-root": directory / "exec",
        "--pidfile": directory / "pid",
    }
    options = [f"{name}={path}" for name, path in places.items()]
    with (
        (directory / "log").open("wb") as log,
        subprocess.Popen(
            [program, "--storage-driver=vfs", f"--host={address}", *options],
            stdout=log,
            stderr=log,
            start_new_session=True,
        ) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()


def _wait_for(process: subprocess.Popen[bytes], log: Path) -> docker.DockerClient:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        client = _connect()
        if client is not None:
            return client
        time.sleep(POLL_INTERVAL)
    raise RuntimeError(f"dockerd did not start:\n{log.read_text()[-2000:]}")


def _connect() -> docker.DockerClient | None:
    if not _listens(os.environ.get("DOCKER_HOST", DEFAULT_ADDRESS)):
        return None
    try:
        return docker.from_env()
    except DockerException:
        return None


def _listens(address: str) -> bool:
    """Whether somebody answers; the client leaks a socket when nobody does."""
    if not address.startswith(UNIX):
        return True
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(address.removeprefix(UNIX)) == 0
