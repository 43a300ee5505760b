"""Settings of the stand-in."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.config import REPOSITORY, Settings, variable_of
from local.errors import SettingsError

ANYWHERE = "0.0.0.0"  # noqa: S104 - nothing is bound to it


def test_paths_default_to_the_repository() -> None:
    """Migrations and handlers are found from anywhere."""
    settings = Settings()
    assert settings.migrations_dir == REPOSITORY / "supabase" / "migrations"
    assert settings.functions_dir == REPOSITORY / "supabase" / "functions"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("data_dir", "/tmp/pool", Path("/tmp/pool")),
        ("api_port", "8000", 8000),
        ("drop_messages", "0.25", 0.25),
        ("seed", "7", 7),
        ("reload", "yes", True),
        ("database", "postgres://admin@db/postgres", "postgres://admin@db/postgres"),
        ("public_url", "http://pool.lan:54321/", "http://pool.lan:54321"),
    ],
)
def test_the_environment_sets_each_field(name: str, text: str, value: object) -> None:
    """SIMPOOL_LOCAL_<FIELD> is read as the type of the field."""
    settings = Settings.from_environment({variable_of(name): text})
    assert getattr(settings, name) == value


def test_what_is_given_wins_over_the_environment() -> None:
    """A flag beats a variable; a flag that was not given does not."""
    environ = {"SIMPOOL_LOCAL_API_PORT": "8000", "SIMPOOL_LOCAL_DB_PORT": "8001"}
    settings = Settings.from_environment(environ, {"api_port": 9000, "db_port": None})
    assert (settings.api_port, settings.db_port) == (9000, 8001)


@pytest.mark.parametrize(
    ("name", "text"),
    [("api_port", "many"), ("drop_messages", "often"), ("reload", "perhaps"), ("seed", "1.5")],
)
def test_a_value_that_makes_no_sense_is_named(name: str, text: str) -> None:
    """The message quotes the value and the field."""
    with pytest.raises(SettingsError, match=f"'{text}' cannot be understood as {name}"):
        Settings.from_environment({variable_of(name): text})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("api_port", 65536),
        ("db_port", -1),
        ("drop_messages", 1.5),
        ("drop_connections", -0.1),
        ("jwt_expiry", 0),
        ("database", "mysql://x"),
    ],
)
def test_a_value_out_of_range_is_refused(field: str, value: object) -> None:
    """Nothing starts with settings that cannot work."""
    with pytest.raises(SettingsError, match=field):
        Settings.from_environment({}, {field: value})


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_needs_no_permission(host: str) -> None:
    """Only programs of this machine reach it."""
    assert Settings(host=host).is_loopback


@pytest.mark.parametrize("host", [ANYWHERE, "192.168.1.2", "::", "pool.lan"])
def test_another_address_needs_an_explicit_flag(host: str) -> None:
    """Known keys and passwords must not reach a network by accident."""
    with pytest.raises(SettingsError, match="--i-know-this-is-for-development"):
        Settings(host=host)


def test_a_wildcard_address_needs_a_public_url() -> None:
    """Clients cannot sign requests for 0.0.0.0."""
    with pytest.raises(SettingsError, match="--public-url"):
        Settings(host=ANYWHERE, exposed=True)
    assert Settings(host=ANYWHERE, exposed=True, public_url="http://pool.lan:54321").exposed
