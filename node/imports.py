"""Makes a config of a character that another program exported."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.characters import character, plain
from node.engine import ConfigError
from node.engine.configs import default_config, spec_names
from node.errors import ConfigurationError
from node.simc import Export, Setting, Unmapped

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.engine import Engine, Problem

# Names of folders of specs by the major version of the game; later ones are "modern".
GAMES: Mapping[int, str] = {5: "mists"}
MODERN = "modern"
_MISTS_STATS = ("hit_rating", "expertise_rating")
_MODERN_STATS = ("versatility_rating",)


@dataclass(frozen=True, slots=True)
class Imported:
    """A config that the engine accepts, where each part of its player came from, and the rest."""

    spec: str
    config: dict[str, Any]
    mapped: Mapping[str, Setting]  #: by place in the config, as a JSON pointer
    unmapped: tuple[Unmapped, ...]


def make_config(export: Export, engine: Engine, spec: str | None = None) -> Imported:
    """Make a config of a profile; `spec` is a built-in spec, where the profile leaves it open."""
    chosen = _known(spec) if spec else _spec_of(export)
    base = default_config(chosen)
    parts = _parts(export)
    unmapped = list(export.unmapped)
    while problems := engine.validate(_played(export, base, parts)):
        _leave_out(parts, problems, unmapped)
    if export.talent_choices:
        reason = "choices by row are not looked up: list the talents by name in the config"
        unmapped.append(_unmapped(export.talent_choices, reason))
    unmapped += _remarks(export, parts, chosen, base["spec"])
    places = {f"/player/{part}/{name}".rstrip("/"): one[1] for (part, name), one in parts.items()}
    return Imported(
        chosen,
        _played(export, base, parts),
        places,
        tuple(sorted(unmapped, key=lambda one: one.line)),
    )


Parts = dict[tuple[str, str], tuple[Any, Setting]]


def _parts(export: Export) -> Parts:
    """All that may become a part of a player, by where in it and its name."""
    parts: Parts = {("stats", name): found for name, found in export.stats.items()}
    for part, found in (
        ("talents", export.talents),
        ("set_bonuses", export.set_bonuses),
        ("equipment", export.items),
    ):
        parts |= {(part, name): (name, setting) for name, setting in found.items()}
    if export.race:
        parts["race", ""] = (export.race.value, export.race)
    return parts


def _player(parts: Parts) -> dict[str, Any]:
    player: dict[str, Any] = {}
    for (part, name), (value, _) in parts.items():
        if part == "stats":
            player.setdefault(part, {})[name] = value
        elif name:
            player.setdefault(part, []).append(value)
        else:
            player[part] = value
    return player


def _played(export: Export, base: dict[str, Any], parts: Parts) -> dict[str, Any]:
    """The config with as much of the character as is left in it."""
    about: dict[str, Any] = {"name": export.name, "class": export.class_name}
    if export.level is not None:
        about["level"] = export.level
    return character({**about, **_player(parts)}).play(base)


def _leave_out(parts: Parts, problems: list[Problem], unmapped: list[Unmapped]) -> None:
    """Take out of the player what the engine refuses; raises ConfigError where that is not it."""
    refused = {key: one for one in problems for key in _keys(parts, one.pointer)}
    if not refused:
        raise ConfigError(problems)
    for key, problem in refused.items():
        _, setting = parts.pop(key)
        unmapped.append(_unmapped(setting, f"the engine does not take it: {problem.message}"))


def _keys(parts: Parts, pointer: str) -> list[tuple[str, str]]:
    """The parts that a pointer into the config is about."""
    root, player, part, *names = f"{pointer}//".split("/")[:4]
    if (root, player) != ("", "player"):
        return []
    within = [key for key in parts if key[0] == part]
    name = names[0]
    if part == "stats" and name:
        return [key for key in within if key[1] == name]
    if name.isdigit():
        return within[int(name) : int(name) + 1]
    return within


def _unmapped(setting: Setting, reason: str) -> Unmapped:
    return Unmapped(setting.line, setting.text, reason)


def _remarks(export: Export, parts: Parts, name: str, spec: Mapping[str, Any]) -> list[Unmapped]:
    """What a reader must know of the player as a whole; such remarks stand in no line."""
    remarks = []
    for part, what in (("stats", "sums of its gear"), ("talents", "talents that the spec knows")):
        if not any(key[0] == part for key in parts):
            text = f"the profile has no {what}: those of {name} itself are used"
            remarks.append(Unmapped(0, part, f"{text}; put your own into player.{part}"))
    if "base_stats" not in spec and any(key[0] == "stats" for key in parts):
        attributes = "base attributes of class, race and level"
        reason = "a profile holds the sums of the gear alone: add them to player.stats"
        remarks.append(Unmapped(0, attributes, reason))
    if export.items:
        effects = "effects of gear beyond its stats (trinkets, weapons, procs of enchants)"
        remarks.append(Unmapped(0, effects, "not in the profile"))
    return remarks


def _known(spec: str) -> str:
    if spec not in spec_names():
        raise ConfigurationError(
            f"there is no built-in spec {spec!r}", advice=f"Built in are: {_built_in()}"
        )
    return spec


def _spec_of(export: Export) -> str:
    """The built-in spec that a profile is of."""
    if not export.spec:
        raise ConfigurationError(
            "the profile has no line spec=...", advice=f"Choose with --spec: {_built_in()}"
        )
    fitting = [
        name
        for name in spec_names()
        if plain(name.rsplit("/", maxsplit=1)[-1]) == plain(export.spec) and _is_of(name, export)
    ]
    game = _game(export)
    exact = [name for name in fitting if name.split("/", maxsplit=1)[0] == game]
    if len(exact or fitting) == 1:
        return (exact or fitting)[0]
    what = f"{export.class_name} {export.spec}"
    if fitting:
        raise ConfigurationError(
            f"{what} could be any of {', '.join(fitting)}", advice="Choose one with --spec."
        )
    raise ConfigurationError(
        f"no built-in spec is of a {what}", advice=f"Built in are: {_built_in()}"
    )


def _is_of(name: str, export: Export) -> bool:
    of = default_config(name)["spec"].get("class", export.class_name)
    return plain(of) == export.class_name


def _game(export: Export) -> str:
    """The game that a profile is of, empty where nothing in it tells."""
    if export.game is not None:
        return GAMES.get(export.game, MODERN)
    if any(name in export.stats for name in _MODERN_STATS):
        return MODERN
    if any(name in export.stats for name in _MISTS_STATS):
        return GAMES[5]
    return ""


def _built_in() -> str:
    return ", ".join(spec_names())
