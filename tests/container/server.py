"""The database server of a test session, in a container."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs
import psycopg
from docker.errors import APIError, ImageNotFound  # type: ignore[import-untyped]
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from local.postgres import SERVER_SETTINGS, VOLATILE_SETTINGS
from local.servers import PASSWORD, SUPERUSER, ExternalServer
from tests.container.engine import container_engine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import docker  # type: ignore[import-untyped]

HOSTED_IMAGE: Final = "supabase/postgres:17.11.0.005"
OWN_IMAGE: Final = "simpool-test-postgres"
PORT: Final = 5432
START_TIMEOUT: Final = 120.0
POLL_INTERVAL: Final = 0.1
FOLDER: Final = Path(__file__).parent
CACHE: Final = Path(platformdirs.user_cache_dir("simpool")) / "test-images"
#: roles that other programs log in as; an image may have them without a password
PASSWORDS: Final = f"""
do $$
begin
  if exists (select from pg_catalog.pg_roles where rolname = 'authenticator') then
    alter role authenticator password '{PASSWORD}';
  end if;
end;
$$;
"""


@contextlib.contextmanager
def container_server(cron_settings: Mapping[str, str]) -> Iterator[ExternalServer]:
    """A Postgres in a container, which ends with the context."""
    # the reaper is an image from a registry; everything is stopped here without it
    testcontainers_config.ryuk_disabled = True
    with container_engine() as engine:
        container = _container(engine, cron_settings)
        with container.with_env("POSTGRES_PASSWORD", PASSWORD).with_exposed_ports(PORT):
            host = container.get_container_host_ip()
            port = container.get_exposed_port(PORT)
            server = ExternalServer(f"postgresql://{SUPERUSER}:{PASSWORD}@{host}:{port}/postgres")
            _wait_for(server)
            yield server


def _container(engine: docker.DockerClient, cron_settings: Mapping[str, str]) -> DockerContainer:
    if _can_pull(engine, HOSTED_IMAGE):
        return DockerContainer(HOSTED_IMAGE)
    settings = {**SERVER_SETTINGS, **VOLATILE_SETTINGS, **cron_settings}
    flags = " ".join(f"-c {name}={value}" for name, value in settings.items())
    return DockerContainer(_own_image(engine)).with_command(flags)


def _can_pull(engine: docker.DockerClient, image: str) -> bool:
    try:
        engine.images.get(image)
    except ImageNotFound:
        try:
            engine.images.pull(image)
        except APIError:
            return False
    return True


def _own_image(engine: docker.DockerClient) -> str:
    """Our image; its archive is kept, since building it downloads the packages."""
    archive = CACHE / f"{_digest()}.tar"
    image = f"{OWN_IMAGE}:{_digest()}"
    try:
        engine.images.get(image)
    except ImageNotFound:
        if not archive.exists():
            CACHE.mkdir(parents=True, exist_ok=True)
            subprocess.run([str(FOLDER / "build"), str(archive)], check=True)
        entrypoint = ['ENTRYPOINT ["/usr/local/bin/entrypoint"]']
        engine.api.import_image_from_file(
            str(archive), repository=OWN_IMAGE, tag=_digest(), changes=entrypoint
        )
    return image


def _digest() -> str:
    """Changes with what the image is made from."""
    sources = b"".join((FOLDER / name).read_bytes() for name in ("build", "entrypoint"))
    return hashlib.sha256(sources).hexdigest()[:12]


def _wait_for(server: ExternalServer) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while True:
        try:
            with psycopg.connect(server.dsn(SUPERUSER), autocommit=True) as connection:
                connection.execute(PASSWORDS.encode())
        except psycopg.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_INTERVAL)
        else:
            return
