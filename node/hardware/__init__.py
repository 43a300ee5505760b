"""The machine a node runs on: what it is made of, and how it feels right now."""

from node.hardware.gpu import Gpu
from node.hardware.machine import Cpu, Hardware, detect_hardware

__all__ = ["Cpu", "Gpu", "Hardware", "detect_hardware"]
