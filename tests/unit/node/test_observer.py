"""What the observer of a machine tells the state machine."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from node import observer as module
from node import stimuli as on
from node.config import Settings
from node.hardware import detect_hardware
from node.hardware.sensors import Reading, Sensors
from node.observer import Observer
from node.sharing import Share
from node.sharing_file import SharingFile
from node.utils.probe import Battery
from tests.unit.node.machines import recorded

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


async def test_decisions_reach_the_node_while_it_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each once; how the machine feels only where somebody wants to know."""
    monkeypatch.setattr(module, "LOOK_EVERY", 0.001)
    told: asyncio.Queue[on.Stimulus] = asyncio.Queue()
    probe = recorded("linux_laptop")
    observer = Observer(Settings(data_dir=tmp_path), told.put_nowait, lambda: 7.0, probe=probe)
    await observer.open()
    observer.look()
    assert told.empty()
    file = SharingFile(tmp_path, detect_hardware(probe=probe).devices())
    decided = file.change(lambda sharing: replace(sharing, pause="maintenance"))
    is_guarded = False
    task = asyncio.create_task(observer.watch(lambda: is_guarded))
    try:
        async with asyncio.timeout(10):
            assert await told.get() == on.SharingDecided(at=7.0, sharing=decided)
            assert told.empty()
            file.change(lambda sharing: sharing.decide("cpu-0", Share(is_shared=False)))
            assert isinstance(await told.get(), on.SharingDecided)
            is_guarded = True
            felt = await told.get()
    finally:
        task.cancel()
        await asyncio.wait({task})
    assert isinstance(felt, on.ConditionsFelt)
    assert felt.conditions.on_battery is True


async def test_a_machine_registers_as_it_was_found(tmp_path: Path) -> None:
    """With what its settings say."""
    settings = Settings(data_dir=tmp_path, name="shed", max_parallel=3)
    observer = Observer(settings, lambda _: None, lambda: 0.0, probe=recorded("linux_laptop"))
    await observer.open()
    body = observer.registration()
    assert (body["hostname"], body["enabledCores"], body["totalCores"]) == ("shed", 3, 16)


def test_conditions_are_what_guards_want_to_know() -> None:
    """The hour by the clock on the wall; the use of others is what is not ours."""
    probe = replace(
        recorded("linux_desktop_two_gpus"),
        load=80.0,
        own=55.0,
        power=Battery(50.0, True),  # noqa: FBT003
    )
    noon = datetime(2026, 6, 1, 12, 34, tzinfo=UTC).timestamp()
    sensors = Sensors(probe, detect_hardware(probe=probe), wall=lambda: noon)
    felt = sensors.conditions(sensors.read())
    local = datetime.fromtimestamp(noon).astimezone()
    assert felt.minute_of_day == 60 * local.hour + local.minute
    assert felt.on_battery is False
    assert felt.others_percent == 25.0
    assert felt.temperature_celsius == 62.375
    less = Sensors(replace(probe, own=90.0, power=None), detect_hardware(probe=probe))
    felt = less.conditions(less.read())
    assert (felt.others_percent, felt.on_battery) == (0.0, None)


async def test_a_decision_of_the_pool_is_written_down(tmp_path: Path) -> None:
    """One made here on another device at the same time stays."""
    probe = recorded("linux_desktop_two_gpus")
    observer = Observer(Settings(data_dir=tmp_path), lambda _: None, lambda: 0.0, probe=probe)
    await observer.open()
    file = SharingFile(tmp_path, observer.hardware.devices())
    file.change(lambda sharing: sharing.decide("gpu-0", Share(is_shared=False)))
    observer.keep("cpu-0", Share(is_shared=False, decided_at="now"))
    assert file.read().of("cpu-0").decided_at == "now"
    assert not file.read().of("gpu-0").is_shared


async def test_what_was_set_for_a_node_is_what_it_registers_as(tmp_path: Path) -> None:
    """Whatever machine it is on."""
    settings = Settings(data_dir=tmp_path)
    observer = Observer(settings, lambda _: None, lambda: 0.0, registration={"hostname": "x"})
    assert observer.registration() == {"hostname": "x"}


async def test_nobody_knows_how_a_device_feels_that_was_not_looked_at(tmp_path: Path) -> None:
    """Nor one that is not there."""
    observer = Observer(Settings(data_dir=tmp_path), lambda _: None, lambda: 0.0)
    assert observer.reading("cpu-0") is None
    observer.readings = (Reading(device_id="cpu-0", load_percent=5.0),)
    assert observer.reading("cpu-0") == observer.readings[0]
    assert observer.reading("gpu-0") is None
