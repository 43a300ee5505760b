"""Packages of npm are installed wholly or not at all, with a program that stands in for npm."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from tests.npm import ATTEMPTS, NpmError, Packages, install, link

if TYPE_CHECKING:
    from pathlib import Path

PACKAGES = Packages("things", {"thing": "1.2.3"}, probe=["look"])
#: fails as often as it is told to and leaves half of it behind, as npm does
NPM = """#!/bin/sh
echo "$@" >> "$LOG"
if [ -e node_modules ]; then echo "ENOTEMPTY: node_modules" >&2; exit 217; fi
mkdir node_modules
if [ "$(wc -l < "$LOG")" -le "$FAILURES" ]; then echo "E503 of the registry" >&2; exit 1; fi
cp package.json node_modules/thing
"""
#: what the package asks of Node.js: that it is there, and settings in somebody's home
NODE = """#!/bin/sh
touch "$HOME/settings"
if ! [ -e "node_modules/$MISSING" ]; then echo "cannot find $MISSING" >&2; exit 1; fi
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stand-in for npm writes its calls; it comes first on the path."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("npm", NPM), ("node", NODE)):
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    log = tmp_path / "calls"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LOG", str(log))
    monkeypatch.setenv("FAILURES", "0")
    monkeypatch.setenv("MISSING", "thing")
    return log


def test_packages_are_installed_once(calls: Path, tmp_path: Path) -> None:
    """The second time they are there."""
    folder = install(PACKAGES, tmp_path / "cache")
    assert install(PACKAGES, tmp_path / "cache") == folder
    assert '"thing": "1.2.3"' in (folder / "node_modules" / "thing").read_text(encoding="utf-8")
    assert len(_lines(calls)) == 1


def test_other_versions_have_a_folder_of_their_own(calls: Path, tmp_path: Path) -> None:
    """What was installed before is not what is asked for now."""
    other = Packages("things", {"thing": "1.2.4"}, probe=["look"])
    assert install(PACKAGES, tmp_path / "cache") != install(other, tmp_path / "cache")
    assert len(_lines(calls)) == 2


def test_a_failed_install_is_tried_again_from_an_empty_folder(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the failure left behind would fail the next attempt too."""
    monkeypatch.setenv("FAILURES", str(ATTEMPTS - 1))
    folder = install(PACKAGES, tmp_path / "cache")
    assert (folder / "node_modules" / "thing").exists()
    assert len(_lines(calls)) == ATTEMPTS


def test_what_npm_said_is_shown_when_it_never_succeeds(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every attempt with its own words, and nothing half installed is left."""
    monkeypatch.setenv("FAILURES", "1000")
    with pytest.raises(NpmError) as raised:
        install(PACKAGES, tmp_path / "cache")
    assert str(raised.value).count("npm ended with 1\nE503 of the registry") == ATTEMPTS
    assert len(_lines(calls)) == ATTEMPTS
    assert _folders(tmp_path / "cache") == []


@pytest.mark.usefixtures("calls")
def test_what_npm_left_out_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An optional package is not missed by npm, but by the program that needs it."""
    monkeypatch.setenv("MISSING", "cli-linux-x64")
    with pytest.raises(NpmError, match="node ended with 1\ncannot find cli-linux-x64"):
        install(PACKAGES, tmp_path / "cache")
    assert _folders(tmp_path / "cache") == []


@pytest.mark.usefixtures("calls")
def test_nothing_but_the_packages_stays(tmp_path: Path) -> None:
    """Neither the folder where they were put together nor what the program wrote at home."""
    folder = install(PACKAGES, tmp_path / "cache")
    assert _folders(tmp_path / "cache") == [folder]
    assert {path.name for path in folder.iterdir()} == {"package.json", "node_modules"}


def test_whoever_comes_second_waits(calls: Path, tmp_path: Path) -> None:
    """Two processes that want the same packages install them once."""
    with ThreadPoolExecutor(8) as threads:
        folders = list(threads.map(lambda _: install(PACKAGES, tmp_path / "cache"), range(8)))
    assert len(set(folders)) == 1
    assert len(_lines(calls)) == 1


@pytest.mark.usefixtures("calls")
def test_scripts_of_another_directory_find_them(tmp_path: Path) -> None:
    """Node.js looks for packages beside the script."""
    scripts = tmp_path / "scripts"
    scripts.mkdir()
    link(install(PACKAGES, tmp_path / "cache"), scripts)
    assert (scripts / "node_modules" / "thing").exists()


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def _folders(cache: Path) -> list[Path]:
    return [path for path in cache.iterdir() if path.is_dir()]
