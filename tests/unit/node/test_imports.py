"""Configs of imported characters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from node.engine import ConfigError, Problem, get_engine
from node.engine.configs import default_config, spec_names
from node.errors import ConfigurationError
from node.imports import Imported, make_config
from node.simc import read_export
from tests.unit.node.engines import CountingEngine

PROFILES = Path(__file__).parent / "profiles"


def imported(name: str, spec: str | None = "modern/beast_mastery") -> Imported:
    """Make a config of a recorded profile."""
    text = (PROFILES / f"{name}.simc").read_text(encoding="utf-8")
    return make_config(read_export(text), get_engine("combat"), spec)


@pytest.mark.parametrize("name", ["addon", "saved", "mists"])
def test_the_config_runs(name: str) -> None:
    """The engine takes it, and finds something to simulate."""
    engine = get_engine("combat")
    result = engine.run(engine.prepare(imported(name).config), 1, 0, 1, lambda: False)

    assert result is not None
    assert int(result["counters"]["fight.damage_milli"]) > 0


def test_the_stats_are_the_profiles() -> None:
    """Every stat that the engine knows, by its line; the rest of the config is the spec's own."""
    found = imported("saved")
    stats = found.config["player"]["stats"]

    assert stats.items() >= {"agility": 46_212, "haste_rating": 9392.5}.items()
    assert found.mapped["/player/stats/agility"].line == 32
    assert {f"/player/stats/{name}" for name in stats} == {
        place for place in found.mapped if place.startswith("/player/stats/")
    }
    assert found.config["player"]["name"] == "TWW2_Hunter_Beast_Mastery"
    assert found.config["player"]["level"] == 80
    assert found.config["rotation"] == default_config("modern/beast_mastery")["rotation"]


@pytest.mark.parametrize("name", ["addon", "saved", "mists"])
def test_every_line_is_in_the_config_or_said_not_to_be(name: str) -> None:
    """No line that sets something is lost on the way."""
    found = imported(name)
    told = {one.line for one in found.unmapped} | {one.line for one in found.mapped.values()}
    lines = (PROFILES / f"{name}.simc").read_text(encoding="utf-8").splitlines()
    about = ("hunter=", "level=", "spec=", "actions")
    settings = {
        number
        for number, line in enumerate(lines, 1)
        if "=" in line and not line.startswith(("#", *about))
    }

    assert settings <= told


def test_a_profile_without_stats_keeps_those_of_the_spec() -> None:
    """An addon export has none, which is said."""
    found = imported("addon")

    assert found.config["player"]["stats"] == default_config()["player"]["stats"]
    assert any(one.text == "stats" and one.line == 0 for one in found.unmapped)


@pytest.mark.parametrize("spec", spec_names())
def test_base_attributes_are_asked_for_where_the_spec_does_not_bring_them(spec: str) -> None:
    """A profile holds the sums of the gear; some specs state what class and race add to them."""
    config = default_config(spec)["spec"]
    text = f'{config.get("class", "hunter")}="A"\n# gear_haste_rating=5\n'
    found = make_config(read_export(text), get_engine("combat"), spec)

    asked = [one for one in found.unmapped if one.text.startswith("base attributes")]
    assert len(asked) == (0 if "base_stats" in config else 1)


def refusing(*pointers: str) -> CountingEngine:
    """An engine that refuses some places of a config, as long as they are there."""

    class Refusing(CountingEngine):
        def validate(self, config: Any) -> list[Problem]:
            problems = []
            for pointer in pointers:
                value = config
                for part in pointer.split("/")[1:]:
                    if isinstance(value, list):
                        value = value[int(part)] if int(part) < len(value) else None
                    else:
                        value = (value or {}).get(part)
                if value is not None:
                    problems.append(Problem(pointer, "not this one"))
            return problems

    return Refusing()


def test_what_the_engine_refuses_is_left_out() -> None:
    """A stat by name, an item of a list, a whole list."""
    text = (PROFILES / "saved.simc").read_text(encoding="utf-8")
    engine = refusing("/player/stats/stamina", "/player/equipment/1", "/player/race")
    found = make_config(read_export(text), engine, "modern/beast_mastery")
    player = found.config["player"]

    assert "stamina" not in player["stats"]
    # the one after it then has its place, and is refused there too
    assert player["equipment"] == ["tireless_collectors_chained_cowl"]
    assert player["talents"] == ["posthaste"]
    assert "race" not in player
    reasons = {one.line: one.reason for one in found.unmapped}
    assert reasons[33] == reasons[5] == "the engine does not take it: not this one"


def test_what_the_engine_does_not_know_is_named_in_its_own_line() -> None:
    """Of two talents the one that the spec has stays, and each item is refused by its own name."""
    text = 'mage="Aria"\nspec=fire\ntalents=presence_of_mind/shimmer\nhead=cowl\nneck=chain\n'
    found = make_config(read_export(text), get_engine("combat"), "mists/fire")
    reasons = {one.line: one.reason for one in found.unmapped}

    assert found.config["player"]["talents"] == ["presence_of_mind"]
    assert "'shimmer'" in reasons[3]
    assert "'cowl'" in reasons[4]
    assert "'chain'" in reasons[5]


def test_a_config_that_is_wrong_elsewhere_is_an_error() -> None:
    """What is not the player's is not left out."""
    with pytest.raises(ConfigError, match="not this one"):
        make_config(read_export('hunter="A"'), refusing("/spec"), "modern/beast_mastery")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('hunter="A"', "no line spec="),
        ('hunter="A"\nspec=unholy', "no built-in spec is of a hunter unholy"),
        ('mage="A"\nspec=beast_mastery', "no built-in spec is of a mage beast_mastery"),
    ],
)
def test_a_profile_of_no_built_in_spec_is_refused(text: str, message: str) -> None:
    """The advice lists what there is."""
    with pytest.raises(ConfigurationError, match=message) as caught:
        make_config(read_export(text), get_engine("combat"))

    assert "modern/beast_mastery" in str(caught.value.advice)


def test_a_spec_that_is_not_built_in_is_refused() -> None:
    """A mistyped name is answered with what there is."""
    with pytest.raises(ConfigurationError, match="no built-in spec 'modern/hunter'"):
        make_config(read_export('hunter="A"'), get_engine("combat"), "modern/hunter")


@pytest.mark.parametrize(
    ("more", "game"),
    [
        ("# WoW 11.1.0.59347, TOC 110100", "modern"),
        ("# WoW 5.5.0.61411, TOC 50500", "mists"),
        ("# gear_versatility_rating=100", "modern"),
        ("# gear_hit_rating=100", "mists"),
    ],
)
def test_the_game_is_told_by_the_profile(
    more: str, game: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One spec is in several games: the version decides, else a stat that only one of them has."""
    hunter = default_config("modern/beast_mastery")
    names = ("mists/beast_mastery", "modern/beast_mastery")
    monkeypatch.setattr("node.imports.spec_names", lambda: names)
    monkeypatch.setattr("node.imports.default_config", lambda _: dict(hunter))

    text = f'hunter="A"\nspec=beast_mastery\n{more}\n'
    assert make_config(read_export(text), CountingEngine()).spec == f"{game}/beast_mastery"
    with pytest.raises(ConfigurationError, match="any of mists/beast_mastery, modern/beast"):
        make_config(read_export('hunter="A"\nspec=beast_mastery\n'), CountingEngine())


def test_every_built_in_spec_can_be_named() -> None:
    """A character of the spec's own class plays any of them."""
    for name in spec_names():
        kind = default_config(name)["spec"].get("class", "hunter")
        found = make_config(read_export(f'{kind}="A"'), get_engine("combat"), name)

        assert found.spec == name
