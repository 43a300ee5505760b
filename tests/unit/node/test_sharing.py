"""The record of what a machine shares, and the file it is kept in."""

from __future__ import annotations

import stat
import threading
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import pytest

from node import sharing_file
from node.allocation import Allocation, Device
from node.errors import CommandError
from node.lock import locked
from node.sharing import Share, Sharing, read_sharing
from node.sharing_file import SharingFile

if TYPE_CHECKING:
    from pathlib import Path

DEVICES = {"cpu-0": Device("cpu-0", "cpu", 8), "gpu-0": Device("gpu-0", "gpu", 8192)}
SHARING = Sharing(
    MappingProxyType(
        {
            "cpu-0": Share(
                is_shared=True,
                allocation=Allocation(allocated=4, reserved=2, idle_only=True),
                decided_at="2026-01-01T00:00:00+00:00",
            ),
            "gpu-0": Share(is_shared=False, allocation=Allocation(allocated=4096, reserved=2048)),
        }
    ),
    "maintenance",
)


@pytest.fixture
def file(tmp_path: Path) -> SharingFile:
    """A file of a machine with two devices."""
    return SharingFile(tmp_path / "data", DEVICES)


def test_a_record_comes_back_as_it_was() -> None:
    """Through its document."""
    assert read_sharing(SHARING.document(), DEVICES) == SHARING


def test_nobody_has_decided_anything_at_first(file: SharingFile) -> None:
    """Then everything is shared as the pool's settings say."""
    assert file.read() == Sharing()
    assert file.stamp() is None
    assert Sharing().of("cpu-0") == Share(is_shared=True)


def test_what_was_decided_is_kept_for_its_owner_alone(file: SharingFile) -> None:
    """Whoever looks sees that it is new."""
    file.change(lambda _: SHARING)
    first = file.stamp()
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.read() == SHARING
    file.change(lambda sharing: replace(sharing, pause=None))
    assert file.read() == replace(SHARING, pause=None)
    assert file.stamp() != first


def test_decisions_on_devices_that_are_gone_are_forgotten(tmp_path: Path) -> None:
    """A card may be taken out."""
    SharingFile(tmp_path, DEVICES).change(lambda _: SHARING)
    left = SharingFile(tmp_path, {"cpu-0": DEVICES["cpu-0"]}).read()
    assert set(left.shares) == {"cpu-0"}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"devices": 7}',
        '{"devices": {"cpu-0": 7}}',
        '{"devices": {"cpu-0": {"allocation": {"cores_allocated": 9}}}}',
    ],
)
def test_a_record_that_makes_no_sense_lets_the_machine_rest(
    file: SharingFile, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Nothing is used that somebody may have withheld; a resume writes it anew."""
    file.change(lambda _: Sharing())
    file.path.write_text(text)
    assert file.read() == Sharing(pause="maintenance")
    assert str(file.path) in str(caplog.records[0].__dict__)
    assert file.change(lambda sharing: replace(sharing, pause=None)) == Sharing()


def test_two_who_decide_at_once_both_count(file: SharingFile) -> None:
    """The second waits for the first."""
    entered, go = threading.Event(), threading.Event()

    def slowly(sharing: Sharing) -> Sharing:
        entered.set()
        go.wait(10)
        return sharing.decide("gpu-0", Share(is_shared=False))

    thread = threading.Thread(target=file.change, args=(slowly,))
    thread.start()
    entered.wait(10)
    threading.Timer(0.05, go.set).start()
    file.change(lambda sharing: replace(sharing, pause="user_requested"))
    thread.join()
    assert file.read().pause == "user_requested"
    assert not file.read().of("gpu-0").is_shared


def test_nobody_waits_for_ever(file: SharingFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who holds the lock for long is named as the reason."""
    monkeypatch.setattr(sharing_file, "PATIENCE", 0.0)
    lock = file.path.with_suffix(".lock")
    with locked(lock, "", ""), pytest.raises(CommandError, match="somebody else"):
        file.change(lambda sharing: sharing)
