"""Settings: where they come from, which one wins, and what is said of wrong ones."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

import pytest

from node.config import (
    LOCAL_KEY,
    LOCAL_POOL,
    OPTIONS,
    Settings,
    default_config_path,
    load_settings,
)
from node.errors import ConfigurationError
from node.settings_file import save_settings, write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the settings file of these tests is."""
    return tmp_path / "node.toml"


def load(file: Path, flags: Mapping[str, object] | None = None, **environ: str) -> Settings:
    """The settings with this file, these flags and these variables."""
    return load_settings(flags, {"SIMPOOL_CONFIG": str(file), **environ}, now=lambda: 0.0)


def test_defaults_lead_to_a_pool_on_this_machine(file: Path) -> None:
    """Nothing set means the local pool with its fixed key."""
    settings = load(file)
    assert (settings.url, settings.publishable_key) == (LOCAL_POOL, LOCAL_KEY)
    assert not settings.pool_is_configured
    assert settings.max_parallel is None
    assert settings.poll_interval == 60.0
    assert settings.session_path == settings.data_dir / "session.json"


def test_flags_beat_environment_beats_file(file: Path) -> None:
    """Each setting is taken from the nearest place that has it."""
    file.write_text('name = "file"\nmax_parallel = 1\nlog_level = "error"\n')
    settings = load(
        file,
        {"name": "flag", "max_parallel": None},
        SIMPOOL_NAME="variable",
        SIMPOOL_MAX_PARALLEL="2",
    )
    assert (settings.name, settings.max_parallel, settings.log_level) == ("flag", 2, "error")
    assert settings.sources == {
        "name": "flag --name",
        "max_parallel": "environment variable SIMPOOL_MAX_PARALLEL",
        "log_level": f"{file}, line 3",
    }


def test_an_empty_variable_is_not_given(file: Path) -> None:
    """A variable that is set to nothing leaves the default."""
    assert load(file, SIMPOOL_POOL="").url == LOCAL_POOL


def test_naming_the_pool_configures_it(file: Path) -> None:
    """Even the local address counts as configured once somebody gives it."""
    assert load(file, SIMPOOL_POOL=LOCAL_POOL).pool_is_configured


def test_every_wrong_value_is_named_with_its_place(file: Path) -> None:
    """One error holds a sentence for each wrong value of file, environment and flags."""
    file.write_text('# mine\nname = "desk"\npoll_interval = "soon"\n')
    with pytest.raises(ConfigurationError) as caught:
        load(file, {"max_parallel": "0"}, SIMPOOL_POOL="pool.example", SIMPOOL_LOG_LEVEL="loud")
    text = str(caught.value)
    assert f"{file}, line 3: poll_interval is 'soon', but must be a number of seconds" in text
    assert "environment variable SIMPOOL_POOL: pool is 'pool.example', but must be an" in text
    assert "environment variable SIMPOOL_LOG_LEVEL: log_level is 'loud'" in text
    assert "flag --max-parallel: max_parallel is '0', but must be a whole number from 1" in text
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("pool", "ftp://pool"),
        ("key", " "),
        ("data_dir", ""),
        ("name", "a\tb"),
        ("max_parallel", "1.5"),
        ("niceness", "20"),
        ("poll_interval", "-1"),
        ("heartbeat_interval", "nan"),
        ("claim_poll_interval", "0"),
        ("request_timeout", "0"),
        ("drain_timeout", "-0.1"),
        ("log_level", "verbose"),
        ("log_format", "xml"),
        ("access_token", " "),
    ],
)
def test_each_setting_refuses_nonsense(file: Path, key: str, value: str) -> None:
    """A wrong value of any setting is an error that names the setting."""
    with pytest.raises(ConfigurationError, match=rf"flag --{key.replace('_', '-')}: {key} is"):
        load(file, {key: value})


def test_the_table_of_settings_is_complete() -> None:
    """Every field that can be set has an option, and every option a field."""
    told_otherwise = {"config_path", "sources", "notices"}
    assert {option.field for option in OPTIONS} == set(Settings.__slots__) - told_otherwise


def test_unknown_keys_of_the_file_are_refused(file: Path) -> None:
    """A key that is none is an error with its line and the likely right one."""
    file.write_text("\nmax_paralel = 2\n")
    with pytest.raises(ConfigurationError, match=r"line 2: 'max_paralel' is not a setting \(did"):
        load(file)


def test_a_table_in_the_file_is_refused(file: Path) -> None:
    """The file is flat: a section is a key nobody knows."""
    file.write_text('name = "desk"\n[node]\nmax_parallel = 2\n')
    with pytest.raises(ConfigurationError, match="line 2: 'node' is not a setting"):
        load(file)


def test_stray_variables_are_reported(file: Path) -> None:
    """A variable of ours that nobody reads is a notice; those of other parts are left alone."""
    settings = load(file, SIMPOOL_POL="x", SIMPOOL_LOCAL_API_PORT="1", SIMPOOL_TEST_DATABASE="x")
    assert settings.notices == (
        "SIMPOOL_POL is not a setting (did you mean SIMPOOL_POOL?): ignored",
    )


@pytest.mark.parametrize("content", [b"name = \n", b"\xff\xfe", b"= 3"])
def test_a_corrupt_file_is_set_aside(file: Path, content: bytes) -> None:
    """What is not TOML is kept under another name, reported, and defaults are used."""
    file.write_bytes(content)
    settings = load(file)
    aside = file.with_name("node.toml.corrupt-19700101T000000Z")
    assert aside.read_bytes() == content
    assert not file.exists()
    assert str(aside) in settings.notices[0]
    assert settings.name is None


def test_an_unreadable_file_is_an_error(file: Path) -> None:
    """A file that cannot be read is not silently taken for absent."""
    file.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(file)


def test_a_flag_must_name_a_settings_file_that_is_there(tmp_path: Path) -> None:
    """A mistyped --config is an error, not the default settings."""
    with pytest.raises(ConfigurationError, match="--config: there is no file"):
        load_settings({"config": str(tmp_path / "none.toml")}, {})


def test_the_flag_wins_over_the_variable_for_the_file_too(file: Path, tmp_path: Path) -> None:
    """--config beats SIMPOOL_CONFIG."""
    other = tmp_path / "other.toml"
    other.write_text('name = "other"\n')
    file.write_text('name = "file"\n')
    settings = load(file, {"config": str(other)})
    assert (settings.name, settings.config_path) == ("other", other)


def test_the_file_lies_in_the_directory_of_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without any word on it, the settings file is where the platform keeps such files."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_config_path().name == "node.toml"
    assert default_config_path().parent.name == "simpool"


def test_settings_are_kept_beside_the_other_lines(file: Path) -> None:
    """Saving changes the keys it is given, keeps comments, and reads back the same."""
    file.write_text('# my node\nname = "desk"\npool = "http://old"\n')
    save_settings(file, {"pool": "http://new", "key": 'q"\\ü\n', "max_parallel": 3})
    assert file.read_text(encoding="utf-8").startswith('# my node\nname = "desk"\npool = "http')
    settings = load(file)
    assert (settings.url, settings.publishable_key) == ("http://new", 'q"\\ü')
    assert settings.max_parallel == 3


def test_written_files_are_private(tmp_path: Path) -> None:
    """What we write is readable by its owner alone, even where a looser file was."""
    path = tmp_path / "new" / "session.json"
    write_private(path, "secret")
    path.chmod(0o644)
    write_private(path, "other")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["session.json"]


def test_secrets_stay_out_of_the_representation() -> None:
    """Settings can be logged."""
    assert "hunter2" not in repr(Settings(access_token="hunter2"))
