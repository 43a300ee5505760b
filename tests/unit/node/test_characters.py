"""Characters in files, and the configs they play."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from node.characters import Character, character, read_character
from node.engine import get_engine
from node.engine.configs import default_config
from node.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

STATS = {"agility": 18_000, "haste_rating": 3500}
ARIA = {"name": "Aria", "class": "hunter", "spec": "beast_mastery", "level": 90, "stats": STATS}


def written(tmp_path: Path, document: Any) -> Path:
    """A file with a document in it."""
    path = tmp_path / "aria.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_a_character_replaces_the_player(tmp_path: Path) -> None:
    """Stats, name and level are those of the file, and the engine takes the config."""
    config = read_character(written(tmp_path, ARIA)).play(default_config())

    assert config["player"] == {"name": "Aria", "level": 90, "stats": STATS}
    assert config["spec"] == default_config()["spec"]
    assert get_engine("combat").validate(config) == []


def test_the_config_that_is_replaced_stays_as_it_was() -> None:
    """A character plays a copy."""
    config = default_config()
    character(ARIA).play(config)

    assert config == default_config()


def test_what_a_character_leaves_out_stays(tmp_path: Path) -> None:
    """Parts of the player that the file does not name are those of the config."""
    config = {**default_config(), "player": {"stats": {"agility": 1}, "notes": "the default"}}

    played = read_character(written(tmp_path, {"stats": STATS})).play(config)

    assert played["player"] == {"stats": STATS, "notes": "the default"}


def test_the_player_of_a_whole_config_is_a_character(tmp_path: Path) -> None:
    """A config gives its player, and the class and spec it was made for."""
    found = read_character(written(tmp_path, default_config() | {"player": {"stats": STATS}}))

    assert found == Character({"stats": STATS}, "hunter", "Beast Mastery")


@pytest.mark.parametrize(
    ("key", "value"), [("class", "mage"), ("class", "Hunt"), ("spec", "marksmanship")]
)
def test_a_character_of_another_class_or_spec_is_refused(key: str, value: str) -> None:
    """The message names both, and where the character came from."""
    with pytest.raises(ConfigurationError, match=f"my.json is of '{value}', but the config is"):
        character({**ARIA, key: value}, "my.json").play(default_config())


@pytest.mark.parametrize(
    "spec", ["beast_mastery", "Beast Mastery", "BeastMastery", "beast-mastery"]
)
def test_a_spec_may_be_written_in_many_ways(spec: str) -> None:
    """Case, spaces and underscores do not matter."""
    assert character({**ARIA, "spec": spec}).play(default_config())["player"]["stats"] == STATS


def test_the_engine_tells_what_is_wrong_with_a_character() -> None:
    """Unknown fields and stats are refused at their place, with what was meant."""
    config = character({"stats": {"agilty": 5}, "levle": 90}).play(default_config())

    problems = {one.pointer: one.hint for one in get_engine("combat").validate(config)}

    assert problems == {
        "/player/stats/agilty": "did you mean 'agility'?",
        "/player/levle": "did you mean 'level'?",
    }


@pytest.mark.parametrize(
    "content", ["{", "[1]", "\x00", '{"player": 5}', '{"class": 5}', '{"spec": []}', "[" * 100_000]
)
def test_a_file_that_is_no_character_is_refused(tmp_path: Path, content: str) -> None:
    """The message names the file, the advice shows what a character looks like."""
    path = tmp_path / "aria.json"
    path.write_text(content, encoding="utf-8")

    with pytest.raises(ConfigurationError, match=r"aria\.json is not a character") as caught:
        read_character(path)

    assert "haste_rating" in str(caught.value.advice)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Its name is in the message."""
    with pytest.raises(ConfigurationError, match=r"nobody\.json"):
        read_character(tmp_path / "nobody.json")
