"""How devices feel, as their systems measure it."""

from __future__ import annotations

from dataclasses import replace

from node.hardware import detect_hardware
from node.hardware.sensors import Reading, Sensors
from node.utils.probe import Space, SystemProbe
from tests.unit.node.machines import recorded
from tests.unit.node.probes import RecordedProbe

ENERGY = "/sys/class/powercap/intel-rapl:0/energy_uj"


def read(name: str) -> tuple[Reading, ...]:
    """The devices of a recorded machine."""
    probe = recorded(name)
    return Sensors(probe, detect_hardware(probe=probe)).read()


def test_a_card_of_nvidia_is_read_by_nvml() -> None:
    """Load, heat, power and memory in use."""
    assert read("linux_desktop_two_gpus")[1] == Reading(
        device_id="gpu-0",
        load_percent=37.0,
        temperature_celsius=54.0,
        power_draw_watts=118.24,
        vram_used_mb=1205,
    )


def test_a_card_of_amd_is_read_in_sysfs() -> None:
    """Its hottest sensor counts."""
    assert read("linux_server_two_sockets")[1] == Reading(
        device_id="gpu-0",
        load_percent=73.0,
        temperature_celsius=71.0,
        power_draw_watts=214.0,
        vram_used_mb=4096,
    )


def test_a_processor_is_as_hot_as_its_hottest_sensor() -> None:
    """Of any socket; that of a disk does not count."""
    assert read("linux_server_two_sockets")[0].temperature_celsius == 51.0
    assert read("linux_desktop_two_gpus")[0].temperature_celsius == 62.375


def test_what_nobody_measures_is_not_known() -> None:
    """A virtual machine has a load and nothing more."""
    assert read("linux_virtual") == (Reading(device_id="cpu-0", load_percent=0.0),)
    assert read("macos_intel_desktop")[2] == Reading(device_id="gpu-1")


class Meter(RecordedProbe):
    """A machine whose counter of energy moves."""

    microjoules: str | None = "5000000"

    def read(self, path: str) -> str | None:
        """The counter as it stands."""
        return self.microjoules if path == ENERGY else super().read(path)


def test_power_is_the_energy_since_the_last_reading() -> None:
    """A counter that was set back, or may not be read, says nothing once."""
    meter = Meter("linux", "x86_64", cpus=2, files={ENERGY: ""})
    times = iter([0.0, 2.0, 3.0, 4.0])
    sensors = Sensors(meter, detect_hardware(probe=meter), clock=lambda: next(times))
    meter.microjoules = "95000000"
    assert sensors.read()[0].power_draw_watts == 45.0
    meter.microjoules = "1000000"
    assert sensors.read()[0].power_draw_watts is None
    meter.microjoules = "31000000"
    assert sensors.read()[0].power_draw_watts == 30.0
    meter.microjoules = None
    assert sensors.read()[0].power_draw_watts is None


def test_a_gpu_that_vanished_has_no_reading() -> None:
    """It is still a device of the machine."""
    probe = recorded("linux_desktop_two_gpus")
    hardware = detect_hardware(probe=probe)
    gone = Sensors(replace(probe, nvidia_gpus=()), hardware)
    assert gone.read()[1] == Reading(device_id="gpu-0")


def test_the_real_probe_answers_none_and_does_not_raise() -> None:
    """Files, folders, commands and disks that are not there."""
    probe = SystemProbe()
    assert probe.read("/nowhere/at/all") is None
    assert probe.names("/nowhere/at/all") == ()
    assert probe.output("no-such-command-anywhere") is None
    assert probe.output("false") is None
    assert probe.output("echo", "heard") == "heard"
    assert probe.disk("/nowhere/at/all") == Space(0, 0)
