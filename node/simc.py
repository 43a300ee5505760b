"""Reads the character in a SimulationCraft profile: an addon export, or a profile that was saved.

A profile is lines of `key=value`. What starts with `#` is a comment, but saved profiles keep the
sums of the gear in some: `# gear_agility=44283`, `# set_bonus=tier18_4pc=1`. Comments that hold
what is not worn or not chosen (gear from bags, saved loadouts, currencies) are no part of the
character. Nothing else is passed over: what has no place in `Export` is in `unmapped`, and why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import groupby

from node.errors import ConfigurationError

CLASSES = (
    "deathknight",
    "demonhunter",
    "druid",
    "evoker",
    "hunter",
    "mage",
    "monk",
    "paladin",
    "priest",
    "rogue",
    "shaman",
    "warlock",
    "warrior",
)
SLOTS = (
    *("head", "neck", "shoulder", "shoulders", "back", "chest", "shirt", "tabard", "wrist"),
    *("wrists", "hands", "waist", "legs", "feet", "finger1", "finger2", "trinket1", "trinket2"),
    *("main_hand", "off_hand", "ranged"),
)
TALENTS = ("talents", "class_talents", "spec_talents", "hero_talents")
PERSONAL = (
    *("source", "origin", "thumbnail", "region", "server", "role", "position", "professions"),
    *("timeofday", "loot_spec", "default_pet"),
)
CONSUMABLES = ("potion", "flask", "food", "augmentation", "temporary_enchant")

_SETTING = re.compile(r"\s*([A-Za-z][A-Za-z0-9_.]*)\s*(\+?=)\s*(.*?)\s*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
_SUMMED = re.compile(r"gear_(?!ilvl$|armor$|bonus_armor$|weapon_)([a-z_]+)")
_SET_BONUS = re.compile(r"(?:set_bonus=)?([a-z][a-z0-9_]*_\d+pc(?:_[a-z]+)?)=1")
_GAME = re.compile(r"#\s*(?:WoW|SimC Addon)\s+(\d+)\.")
_ITEM_REMARK = re.compile(r"#\s*(.+?)\s*\(\d+\)\s*")
_UNWORN = re.compile(r"###\s*(?!.*End)\S.*")
_RANKED = re.compile(r"([A-Za-z][A-Za-z0-9_]*)(?::(\d+))?")


@dataclass(frozen=True, slots=True)
class Setting:
    """A line of a profile."""

    line: int
    key: str
    value: str
    text: str


@dataclass(frozen=True, slots=True)
class Unmapped:
    """Something in a profile that a config does not hold, and why."""

    line: int
    text: str
    reason: str

    def document(self) -> dict[str, object]:
        """As JSON."""
        return {"line": self.line, "text": self.text, "reason": self.reason}


@dataclass(slots=True)
class Export:
    """A character as its profile tells it; values carry the line they stand in."""

    name: str = ""
    class_name: str = ""
    spec: str = ""
    level: int | None = None
    game: int | None = None  #: the major version of the game, where the export tells
    race: Setting | None = None
    stats: dict[str, tuple[float, Setting]] = field(default_factory=dict)
    talents: dict[str, Setting] = field(default_factory=dict)
    talent_choices: Setting | None = None  #: one digit per row of talents
    set_bonuses: dict[str, Setting] = field(default_factory=dict)
    items: dict[str, Setting] = field(default_factory=dict)  #: by name
    unmapped: list[Unmapped] = field(default_factory=list)

    def leave(self, setting: Setting, reason: str) -> None:
        """Note that a line has no place."""
        self.unmapped.append(Unmapped(setting.line, setting.text, reason))


def read_export(text: str) -> Export:
    """Read a profile; raises ConfigurationError where it is none, or one of several characters."""
    lines = text.removeprefix("\ufeff").splitlines()
    reader = _Reader()
    for number, line in enumerate(lines, 1):
        reader.read(number, line)
    export = reader.finish()
    if not export.class_name:
        raise ConfigurationError(
            "this is no SimulationCraft profile: no line names a character",
            advice='One line must be like hunter="Aria". Copy all that the addon shows.',
        )
    return export


class _Reader:
    """Takes a profile line by line."""

    def __init__(self) -> None:
        self._export = Export()
        self._summed: dict[str, tuple[float, Setting]] = {}
        self._added: list[tuple[str, float, Setting]] = []
        self._actions: list[Setting] = []
        self._worn = True  #: whether comments are not yet about what is not worn
        self._remark = ""

    def read(self, number: int, line: str) -> None:
        """Take a line."""
        stripped = line.strip()
        is_comment = stripped.startswith("#")
        match = _SETTING.fullmatch(stripped.lstrip("#") if is_comment else stripped)
        if match is None:
            self._read_remark(number, stripped, is_comment=is_comment)
        else:
            setting = Setting(number, match[1].lower(), match[3], stripped)
            if is_comment:
                self._read_summary(setting)
            else:
                self._read_setting(setting)
            self._remark = ""

    def finish(self) -> Export:
        """Give what was read."""
        export = self._export
        for name, (value, setting) in self._summed.items():
            export.stats.setdefault(name, (value, setting))
        for name, value, setting in self._added:
            export.stats[name] = (export.stats.get(name, (0.0, setting))[0] + value, setting)
        self._leave_actions()
        export.unmapped.sort(key=lambda one: one.line)
        return export

    def _read_remark(self, number: int, text: str, *, is_comment: bool) -> None:
        if not is_comment:
            if text:
                self._export.unmapped.append(Unmapped(number, text, "not a setting: no key=value"))
            return
        if _UNWORN.fullmatch(text):
            self._worn = False
        if game := _GAME.match(text):
            self._export.game = self._export.game or int(game[1])
        item = _ITEM_REMARK.fullmatch(text)
        self._remark = item[1] if item else ""

    def _read_summary(self, setting: Setting) -> None:
        """Take a comment; only sums of the gear say something of the character."""
        if not self._worn:
            return
        if match := _SUMMED.fullmatch(setting.key):
            self._summed[match[1]] = (_number(setting), setting)
        elif match := _SET_BONUS.fullmatch(f"{setting.key}={setting.value}"):
            self._export.set_bonuses[match[1]] = setting

    def _read_setting(self, setting: Setting) -> None:
        export, key = self._export, setting.key
        if key.replace("_", "") in CLASSES:
            self._read_name(setting)
        elif key == "level":
            export.level = _whole(setting)
        elif key == "spec":
            export.spec = setting.value.lower()
        elif key == "race":
            export.race = setting
        elif key in TALENTS:
            _read_talents(export, setting)
        elif key in SLOTS:
            self._read_item(setting)
        elif key.startswith("actions"):
            self._actions.append(setting)
        elif not self._read_stat(setting):
            export.leave(setting, _reason(key))

    def _read_name(self, setting: Setting) -> None:
        export = self._export
        if export.class_name:
            raise ConfigurationError(
                f"line {setting.line} names a second character, {setting.value}",
                advice="Keep the lines of one character.",
            )
        export.class_name = setting.key.replace("_", "")
        export.name = setting.value.strip('"')

    def _read_stat(self, setting: Setting) -> bool:
        if match := _SUMMED.fullmatch(setting.key):
            self._export.stats[match[1]] = (_number(setting), setting)
        elif setting.key.startswith("enchant_"):
            name = setting.key.removeprefix("enchant_")
            self._added.append((name, _number(setting), setting))
        elif match := _SET_BONUS.fullmatch(f"{setting.key}={setting.value}"):
            self._export.set_bonuses[match[1]] = setting
        else:
            return False
        return True

    def _read_item(self, setting: Setting) -> None:
        name = setting.value.split(",", maxsplit=1)[0].strip('"') or self._remark
        name = re.sub(r"[^a-z0-9]+", "_", name.lower().replace("'", "")).strip("_")
        self._export.items[name or setting.key] = setting

    def _leave_actions(self) -> None:
        reason = "SimulationCraft's action list: the rotation is the spec's own"
        for _, run in groupby(enumerate(self._actions), lambda pair: pair[1].line - pair[0]):
            members = [setting for _, setting in run]
            first, last = members[0], members[-1]
            text = first.text if first is last else f"{first.text} … {last.text}"
            count = f"{len(members)} line{'s' if len(members) > 1 else ''}"
            self._export.unmapped.append(Unmapped(first.line, text, f"{reason} ({count})"))


def _read_talents(export: Export, setting: Setting) -> None:
    if re.fullmatch(r"\d{3,7}", setting.value):
        export.talent_choices = setting
        return
    ranked = [_RANKED.fullmatch(word) for word in re.split("[/,]", setting.value) if word]
    if setting.key == "talents" and not (len(ranked) > 1 or ":" in setting.value):
        export.leave(
            setting, "a loadout code is not taken apart: list its talents by name in the config"
        )
    elif "//" in setting.value:
        export.leave(setting, "an address is not opened: list its talents by name in the config")
    else:
        _read_named(export, setting)


def _read_named(export: Export, setting: Setting) -> None:
    for word in filter(None, re.split("[/,]", setting.value)):
        match = _RANKED.fullmatch(word)
        if match is None:
            text = f"{setting.key}: {word}"
            reason = "a talent by number: name it in the config"
            export.unmapped.append(Unmapped(setting.line, text, reason))
        elif match[2] != "0":
            one = Setting(setting.line, setting.key, word, f"{setting.key}: {word}")
            export.talents[match[1].lower()] = one


def _reason(key: str) -> str:
    if key in PERSONAL:
        return "says where the character is from, and changes no number"
    if key in CONSUMABLES:
        return "consumables are not simulated: add what they give to the stats"
    if key.startswith("gear_"):
        return "not a stat of a player"
    return "means nothing to Simpool"


def _number(setting: Setting) -> float:
    if not _NUMBER.fullmatch(setting.value):
        raise ConfigurationError(
            f"line {setting.line}: {setting.key} is {setting.value!r}, which is no number"
        )
    value = float(setting.value)
    return int(value) if value.is_integer() else value


def _whole(setting: Setting) -> int:
    if not re.fullmatch(r"\d{1,4}", setting.value):
        raise ConfigurationError(
            f"line {setting.line}: {setting.key} is {setting.value!r}, which is no whole number"
        )
    return int(setting.value)
