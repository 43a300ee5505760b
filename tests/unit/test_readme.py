"""The README tells what the code reads, and nothing else."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

from local.config import Settings as LocalSettings
from local.config import variable_of
from node.config import OPTIONS

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def test_every_setting_of_a_node_is_in_the_readme() -> None:
    """Flag and variable stand in one row of the table."""
    missing = [
        option.flag
        for option in OPTIONS
        if f"| `{option.flag}` | `{option.variable}` |" not in README
    ]
    assert not missing


def test_every_setting_of_the_stand_in_is_in_the_readme() -> None:
    """Each field of its settings has a variable; the switch for other addresses is a flag."""
    variables = {variable_of(field.name) for field in fields(LocalSettings)}
    told = set(re.findall(r"SIMPOOL_LOCAL_\w+", README))
    assert variables - {"SIMPOOL_LOCAL_EXPOSED"} == told


def test_every_make_target_of_the_readme_exists() -> None:
    """The commands a reader is told to type are there."""
    makefile = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z-]+)", README)) <= targets
