"""The combat log of a fight, in words and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.engine.combat.fights import CombatPlan, Fights
from node.engine.combat.kernels import layout as at
from node.engine.combat.kernels.agenda import LATEST
from node.engine.combat.world import PLAYER
from node.engine.protocol import LogLine, Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from node.engine.combat.counters import Name
    from node.engine.combat.fights import Records

    Columns = list[int]
    About = dict[str, Any]

USUAL_RECORDS = 1 << 14
_MILLI = 1000


def replay(plan: CombatPlan, seed: int, iteration: int) -> Replay:
    """Simulate one iteration and keep its log; one that was cut short is kept again, whole."""
    fights = Fights(plan, seed, USUAL_RECORDS)
    part, _ = fights.simulate(iteration, 1)
    records, count = fights.log()
    if count > len(records):
        fights = Fights(plan, seed, count)
        fights.simulate(iteration, 1)
        records, _ = fights.log()
    return Replay(iteration, seed, part["metrics"], list(log_lines(plan.names, records)))


def log_lines(names: Mapping[int, Name], records: Records) -> Iterator[LogLine]:
    """Put records into words; a line of the rotation goes with the cast that it chose."""
    chosen = ""
    rows: list[Columns] = records.tolist()
    for columns in rows:
        kind = columns[at.RECORD_KIND]
        name = names[columns[at.RECORD_SUBJECT]]
        if kind == at.LINE_CHOSEN:
            if columns[at.RECORD_AMOUNT] == at.CAST:
                chosen = name.text
            else:
                yield _followed(columns, name.text)
            continue
        event, about, words = _EVENTS[kind](columns)
        by: About = {} if name.owner == PLAYER else {"by": name.owner}
        subject = spoken(name.text)
        text = words.format(subject)
        if name.owner not in {PLAYER, name.text}:
            text = f"{spoken(name.owner)}: {text}"
        if chosen and kind in {at.CAST_BEGUN, at.CAST_DONE}:
            about["line"], text, chosen = chosen, f"{text} [{chosen}]", ""
        yield LogLine(columns[at.RECORD_TIME], event, text, {"name": name.text, **by, **about})


def _followed(columns: Columns, line: str) -> LogLine:
    """Tell of a line of the rotation that is no cast."""
    return LogLine(columns[at.RECORD_TIME], "line", f"follows {line}", {"line": line})


def spoken(name: str) -> str:
    """Give a name as people write it."""
    return name.replace("_", " ").replace(".", " ").title()


def _cast_begun(columns: Columns) -> tuple[str, About, str]:
    duration = columns[at.RECORD_AMOUNT]
    return "cast_start", {"cast_ms": duration}, f"begins {{}} ({duration / _MILLI:.3f} s)"


def _damage(event: str, verb: str, *, crit: bool) -> Callable[[Columns], tuple[str, About, str]]:
    def tell(columns: Columns) -> tuple[str, About, str]:
        dealt, target = columns[at.RECORD_AMOUNT], columns[at.RECORD_TARGET] + 1
        about = {"target": target, "damage_milli": dealt, "crit": crit}
        ending = " (critical)" if crit else ""
        return event, about, f"{{}} {verb} target {target} for {dealt / _MILLI:,.0f}{ending}"

    return tell


def _channel_begun(columns: Columns) -> tuple[str, About, str]:
    count, period = columns[at.RECORD_AMOUNT], columns[at.RECORD_LEFT]
    about = {"ticks": count, "period_ms": period}
    return "channel_start", about, f"channels {{}} ({count} ticks, every {period / _MILLI:.3f} s)"


def _channel_ended(columns: Columns) -> tuple[str, About, str]:
    done, count = columns[at.RECORD_AMOUNT], columns[at.RECORD_LEFT]
    return "channel_end", {"ticks": done, "of": count}, f"ends {{}} ({done} of {count} ticks)"


def _missed(columns: Columns) -> tuple[str, About, str]:
    target = columns[at.RECORD_TARGET] + 1
    return "miss", {"target": target}, f"{{}} misses target {target}"


def _aura(event: str, verb: str) -> Callable[[Columns], tuple[str, About, str]]:
    def tell(columns: Columns) -> tuple[str, About, str]:
        stacks, until = columns[at.RECORD_AMOUNT], columns[at.RECORD_LEFT]
        lasts = until < LATEST
        about = {"stacks": stacks, **({"until_ms": until} if lasts else {}), **_on(columns)}
        ending = f", until {until / _MILLI:.3f}" if lasts else ""
        words = f"{{}}{_on_words(columns)} {verb} ({stacks} {_plural(stacks)}{ending})"
        return event, about, words

    return tell


def _removed(columns: Columns) -> tuple[str, About, str]:
    return "remove", _on(columns), f"{{}}{_on_words(columns)} ends"


def _on(columns: Columns) -> About:
    target = columns[at.RECORD_TARGET]
    return {} if target == at.NO_TARGET else {"target": target + 1}


def _on_words(columns: Columns) -> str:
    on = _on(columns)
    return f" on target {on['target']}" if on else ""


def _plural(stacks: int) -> str:
    return "stack" if stacks == 1 else "stacks"


def _resource(event: str, verb: str) -> Callable[[Columns], tuple[str, About, str]]:
    def tell(columns: Columns) -> tuple[str, About, str]:
        amount, left = columns[at.RECORD_AMOUNT], columns[at.RECORD_LEFT]
        about = {"amount_milli": amount, "now_milli": left}
        return event, about, f"{verb} {amount / _MILLI:,g} {{}} (now {left / _MILLI:,g})"

    return tell


def _moves(columns: Columns) -> tuple[str, About, str]:
    duration = columns[at.RECORD_AMOUNT]
    return "move", {"move_ms": duration}, f"{{}} moves for {duration / _MILLI:.3f} s"


def _plain(event: str, words: str) -> Callable[[Columns], tuple[str, About, str]]:
    return lambda _columns: (event, {}, words)


_EVENTS: dict[int, Callable[[Columns], tuple[str, About, str]]] = {
    at.CAST_BEGUN: _cast_begun,
    at.CAST_DONE: _plain("cast", "casts {}"),
    at.CAST_CUT: _plain("cast_cut", "breaks off {}"),
    at.CHANNEL_BEGUN: _channel_begun,
    at.CHANNEL_ENDED: _channel_ended,
    at.HIT: _damage("hit", "hits", crit=False),
    at.CRIT_HIT: _damage("hit", "hits", crit=True),
    at.TICKED: _damage("tick", "ticks on", crit=False),
    at.CRIT_TICKED: _damage("tick", "ticks on", crit=True),
    at.MISSED: _missed,
    at.AURA_APPLIED: _aura("apply", "begins"),
    at.AURA_REFRESHED: _aura("refresh", "is refreshed"),
    at.AURA_LOST_STACKS: _aura("lose_stacks", "loses stacks"),
    at.AURA_REMOVED: _removed,
    at.RESOURCE_GAINED: _resource("gain", "gains"),
    at.RESOURCE_SPENT: _resource("spend", "spends"),
    at.PROC_HAPPENED: _plain("proc", "{} procs"),
    at.TARGET_CAME: _plain("enemy_comes", "{} comes"),
    at.TARGET_LEFT: _plain("enemy_leaves", "{} leaves"),
    at.TARGET_DIED: _plain("enemy_dies", "{} dies"),
    at.MOVES: _moves,
    at.PET_ARRIVED: _plain("arrive", "{} arrives"),
    at.PET_LEFT: _plain("leave", "{} leaves"),
}
