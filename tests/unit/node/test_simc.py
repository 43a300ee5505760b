"""SimulationCraft profiles: what is read, and what is said to be left."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.errors import ConfigurationError
from node.simc import Export, read_export

PROFILES = Path(__file__).parent / "profiles"


def profile(name: str) -> Export:
    """Read one of the recorded profiles."""
    return read_export((PROFILES / f"{name}.simc").read_text(encoding="utf-8"))


def left(export: Export) -> dict[int, str]:
    """Why each line was left, by its number."""
    return {one.line: one.reason for one in export.unmapped}


def values(export: Export) -> dict[str, float]:
    """The stats of a profile."""
    return {name: value for name, (value, _) in export.stats.items()}


@pytest.mark.parametrize(
    ("name", "who", "level", "game"),
    [
        ("addon", "Ærwyn", 80, 11),
        ("saved", "TWW2_Hunter_Beast_Mastery", 80, None),
        ("mists", "Hunter_BM_T16H", 90, None),
    ],
)
def test_who_a_character_is(name: str, who: str, level: int, game: int | None) -> None:
    """Name, class, spec, level and the version of the game."""
    export = profile(name)

    assert (export.name, export.class_name, export.spec) == (who, "hunter", "beast_mastery")
    assert (export.level, export.game) == (level, game)


def test_the_sums_of_the_gear_are_the_stats() -> None:
    """Comments of a saved profile hold them; an enchant given apart is added."""
    assert values(profile("saved")) == {
        "agility": 46_212,
        "stamina": 346_218,
        "attack_power": 932,
        "crit_rating": 12_110,
        "haste_rating": 9322.5 + 70,
        "mastery_rating": 10_481,
        "versatility_rating": 1214,
    }


def test_what_lies_in_bags_is_not_worn() -> None:
    """An addon export has no sums, and comments after the gear are not about it."""
    export = profile("addon")

    assert export.stats == {}
    assert export.talents == {}
    assert set(export.items) == {
        "tireless_collectors_chained_cowl",
        "ardent_worshippers_periapt",
        "house_of_cards",
        "arathi_longbow",
    }


def test_a_stat_that_is_set_outweighs_its_sum() -> None:
    """`gear_agility=` is what SimulationCraft uses in place of the gear's."""
    export = read_export('mage="A"\ngear_intellect=5\n# gear_intellect=7\n# gear_spirit=3\n')

    assert values(export) == {"intellect": 5, "spirit": 3}


def test_set_bonuses_are_read_in_the_forms_of_all_times() -> None:
    """With and without `set_bonus=`, and with the role of older sets."""
    assert list(profile("saved").set_bonuses) == [
        "thewarwithin_season_2_2pc",
        "thewarwithin_season_2_4pc",
    ]
    assert list(profile("mists").set_bonuses) == ["tier16_2pc_melee", "tier16_4pc_melee"]


def test_talents_by_name_are_read() -> None:
    """A talent of rank 0 is none, one that is a number has no name."""
    export = profile("saved")

    assert list(export.talents) == ["posthaste"]
    assert left(export)[9] == "a talent by number: name it in the config"


def test_talents_by_row_are_kept() -> None:
    """A digit for each row."""
    found = profile("mists").talent_choices

    assert found is not None
    assert (found.value, found.line) == ("312111", 8)


def test_every_other_line_is_left_with_a_reason() -> None:
    """No line with a setting is passed over."""
    assert left(profile("addon")) == {
        9: "says where the character is from, and changes no number",
        10: "says where the character is from, and changes no number",
        11: "says where the character is from, and changes no number",
        12: "says where the character is from, and changes no number",
        16: "a loadout code is not taken apart: list its talents by name in the config",
    }
    actions = "SimulationCraft's action list: the rotation is the spec's own"
    assert left(profile("mists")) == {
        5: "says where the character is from, and changes no number",
        6: "says where the character is from, and changes no number",
        7: "says where the character is from, and changes no number",
        9: "means nothing to Simpool",
        11: f"{actions} (2 lines)",
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("talents=http://us.battle.net/wow/en/tool/talent-calculator#Yb!1", "an address"),
        ("flask=spring_blossoms", "consumables are not simulated"),
        ("gear_armor=5", "not a stat of a player"),
        ("covenant=night_fae", "means nothing"),
        ("what is this", "no key=value"),
        ("Head=,id=5", ""),
    ],
)
def test_reasons(text: str, reason: str) -> None:
    """Each kind of line has its own; keys are the same in any case."""
    export = read_export(f'death_knight="A"\r\n{text}\r\n')

    assert export.class_name == "deathknight"
    if reason:
        assert left(export).keys() == {2}
        assert reason in left(export)[2]
        assert export.unmapped[0].text == text
    else:
        assert list(export.items) == ["head"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no SimulationCraft profile"),
        ("\x00\xff", "no SimulationCraft profile"),
        ("level=80", "no SimulationCraft profile"),
        ('mage="A"\nlevel=many', "line 2: level is 'many'"),
        ('mage="A"\n# gear_agility=1e999', "line 2: gear_agility is '1e999'"),
        ('mage="A"\ngear_agility=nan', "line 2: gear_agility is 'nan'"),
        ('mage="A"\nwarlock="B"', "line 2 names a second character"),
    ],
)
def test_what_is_no_profile_is_refused(text: str, message: str) -> None:
    """The line is named."""
    with pytest.raises(ConfigurationError, match=message):
        read_export(text)
