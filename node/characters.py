"""A character in a file, and the config that it plays."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from node.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Document = Mapping[str, Any]

ADVICE = (
    'A character is an object like {"name": "Aria", "class": "hunter", "spec": "beast_mastery", '
    '"level": 90, "stats": {"agility": 18000, "haste_rating": 3500}}; a whole config will do too.'
)


@dataclass(frozen=True, slots=True)
class Character:
    """What takes the place of a config's `player`, and whom it fits."""

    player: Document
    class_name: str = ""
    spec: str = ""
    source: str = field(default="the character", compare=False)

    def play(self, config: Document) -> dict[str, Any]:
        """The config with this character in it; what the character leaves out stays as it was.

        Stats are one part: those that are not given are nothing. The engine checks the outcome.
        """
        self._fits(config, "class", self.class_name)
        self._fits(config, "name", self.spec)
        player = config.get("player")
        return {**config, "player": {**(player if isinstance(player, dict) else {}), **self.player}}

    def _fits(self, config: Document, key: str, own: str) -> None:
        spec = config.get("spec")
        played = spec.get(key) if isinstance(spec, dict) else None
        if own and isinstance(played, str) and plain(own) != plain(played):
            raise ConfigurationError(
                f"{self.source} is of {own!r}, but the config is for {played!r}",
                advice=f"Simulate a config for {own!r}, or correct the character.",
            )


def read_character(path: Path) -> Character:
    """The character in a file: a character alone, or the player of a whole config."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not a character: {error}", advice=ADVICE) from error
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"{path} is not a character: it must hold a JSON object", advice=ADVICE
        )
    return character(document, str(path))


def character(document: Document, source: str = "the character") -> Character:
    """The character that a document describes."""
    if "player" in document:
        return _player_of(document, source)
    player = dict(document)
    class_name, spec = (_text(player.pop(key, ""), key, source) for key in ("class", "spec"))
    return Character(player, class_name, spec, source)


def _player_of(config: Document, source: str) -> Character:
    player, spec = config["player"], config.get("spec")
    if not isinstance(player, dict):
        raise ConfigurationError(
            f"{source} is not a character: its player is no JSON object", advice=ADVICE
        )
    about = spec if isinstance(spec, dict) else {}
    class_name = _text(about.get("class", ""), "class", source)
    return Character(player, class_name, _text(about.get("name", ""), "name", source), source)


def _text(value: object, key: str, source: str) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(
            f"{source} is not a character: its {key} is no text", advice=ADVICE
        )
    return value


def plain(name: str) -> str:
    """The name of a class or spec without what writers differ in: `beastmastery`."""
    return "".join(re.findall(r"[a-z0-9]", name.lower()))
