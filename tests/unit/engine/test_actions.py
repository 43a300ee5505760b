"""What the lines of a rotation can do besides casting, and how they find their target."""

from __future__ import annotations

from typing import Any

import pytest

from node.engine import SimulationError, get_engine
from tests.unit.engine.fights import config, counters, strike

SPELL: dict[str, Any] = {"effects": []}
SLOW: dict[str, Any] = {"cooldown": {"ms": 900_000}, "effects": []}
BUFF = {"buff": {"on": "player"}}
MARKS = {**SLOW, "effects": [{"apply": {"aura": "buff"}}]}
SMALL = {"cast": "small"}


def fired(rotation: list[Any], duration_ms: int = 30_000, **more: Any) -> dict[str, int]:
    """Give how often each line was done, by its place and name."""
    document = config(duration_ms, **{key: more[key] for key in more.keys() - _OF_ROTATION})
    document["rotation"] = {"name": "Test", "actions": rotation}
    document["rotation"] |= {key: more[key] for key in more.keys() & _OF_ROTATION}
    found = counters(document)
    return {
        name.removeprefix("line.").removesuffix(".fired"): count
        for name, count in found.items()
        if name.startswith("line.")
    } | {name: count for name, count in found.items() if not name.startswith("line.")}


_OF_ROTATION = {"variables", "lists", "precombat"}


def problems(rotation: list[Any], **more: Any) -> dict[str, str]:
    """Give what is wrong with a rotation, by place."""
    document = config(abilities={"a": SPELL}, auras=BUFF, resources={"mana": {"maximum": 9}})
    document["rotation"] = {"name": "Test", "actions": rotation, **more}
    found = get_engine("combat").validate(document)
    return {problem.pointer.removeprefix("/rotation"): problem.message for problem in found}


def test_a_variable_counts_what_lines_add_to_it() -> None:
    """Each cast of `a` adds one as the list is read; `b` follows three and sets it back."""
    add = {"modify": {"variable": "count", "operator": "add", "by": 1}, "if": "prev.a"}
    reset = {"set": {"variable": "count", "to": 0}, "if": "prev.b"}
    found = fired(
        [reset, add, {"cast": "b", "if": {">=": ["count", 3]}}, {"cast": "a"}],
        12_000,
        variables={"count": 0},
        abilities={"a": SPELL, "b": SPELL},
    )

    # a a a b, every 6 s; looks at 0, 1.5, ... 12 s
    assert found["ability.a.casts"] == 7
    assert found["ability.b.casts"] == 2
    assert found["actions.0.set"] == 2


@pytest.mark.parametrize(
    ("operator", "by", "expected"),
    [
        ("add", 4, 11),
        ("sub", 4, 3),
        ("mul", 4, 28),
        ("div", 2, 3.5),
        ("div", 0, 0),
        ("min", 4, 4),
        ("max", 4, 7),
        ("set", 4, 4),
        ("reset", None, 7),
    ],
)
def test_variables_are_modified_by_operators(operator: str, by: Any, expected: float) -> None:
    """Each operator makes of seven what arithmetic does."""
    modify = {"variable": "x", "operator": operator} | ({} if by is None else {"by": by})
    found = fired(
        [{"modify": modify}, {"cast": "hit", "if": {"==": ["x", expected]}}],
        1000,
        variables={"x": 7},
        abilities={"hit": SLOW},
    )

    assert found["ability.hit.casts"] == 1


def test_what_is_assigned_begins_anew_in_every_fight() -> None:
    """A flag that a fight sets is not set at the start of the next."""
    document = config(10_000, abilities={"a": SPELL})
    document["rotation"] = {
        "name": "Test",
        "variables": {"done": False},
        "actions": [
            {"set": {"variable": "done", "to": True}, "if": "prev.a"},
            {"cast": "a", "if": {"not": "done"}},
        ],
    }

    assert counters(document, 5)["ability.a.casts"] == 5


def test_waiting_lets_time_pass_before_anything_else() -> None:
    """After `first` nothing is done for 4 s; `wait_until` holds until its condition is true."""
    abilities = {"first": SLOW, "second": {**SLOW, "off_gcd": True}, "third": SLOW}
    found = fired(
        [
            {"cast": "first"},
            {"wait": 4, "if": {"<": ["combat.time", 4]}},
            {"wait_until": {">=": ["combat.time", 7]}, "if": {"<": ["combat.time", 6]}},
            {"cast": "second"},
        ],
        abilities={**abilities, "second": {**SLOW, "effects": [{"apply": {"aura": "buff"}}]}},
        auras=BUFF,
    )

    # at 0 `first`; then 4 s of waiting, until 7 s
    assert found["actions.1.wait"] == 1
    assert found["aura.buff.uptime_ms"] == 30_000 - 7000


def test_a_sequence_goes_on_where_it_was() -> None:
    """Its parts are done in order, others may come between, and it is done only once."""
    sequence = {"sequence": [{"cast": "a"}, {"cast": "b"}, {"cast": "a"}], "name": "opener"}
    urgent = {"cast": "urgent"}
    found = fired(
        [urgent, sequence, {"cast": "filler"}],
        9000,
        abilities={
            **dict.fromkeys(("a", "b", "filler"), SPELL),
            "urgent": {"cooldown": {"ms": 3000}, "effects": []},
        },
    )

    # urgent, a, urgent, b, urgent, a, urgent
    assert found["actions.1.0.a"] == found["actions.1.1.b"] == found["actions.1.2.a"] == 1
    assert found["actions.0.urgent"] == 4
    assert found["actions.2.filler"] == 0


def test_a_sequence_can_be_reset() -> None:
    """When it has been reset it begins again, however often its list is called."""
    found = fired(
        [
            {"reset_sequence": "pair", "if": "prev.b"},
            {"call": "inner"},
            {"call": "inner"},
        ],
        12_000,
        lists={"inner": [{"sequence": [{"cast": "a"}, {"cast": "b"}], "name": "pair"}]},
        abilities={"a": SPELL, "b": SPELL},
    )

    assert found["ability.a.casts"] == 5
    assert found["ability.b.casts"] == 4
    assert found["actions.0.pair"] == 4


def test_a_strict_sequence_begins_when_all_is_ready_and_is_kept_to() -> None:
    """It waits for the slowest cooldown, and nothing comes between its parts."""
    sequence = {"strict_sequence": [{"cast": "quick"}, {"cast": "slow"}, {"cast": "quick"}]}
    found = fired(
        [sequence, {"cast": "urgent"}],
        30_000,
        abilities={
            "quick": SPELL,
            "slow": {"cooldown": {"ms": 10_000}, "effects": []},
            "urgent": SPELL,
        },
    )

    # quick slow quick at 0, 1.5 and 3 s; urgent until slow is ready at 11.5 s, looked at 12 s
    assert found["ability.slow.casts"] == 3
    assert found["ability.quick.casts"] == 6
    assert found["ability.urgent.casts"] == 21 - 9


def test_a_strict_sequence_is_done_in_one_moment_where_nothing_takes_time() -> None:
    """Soulburn and Soul Swap: the first without GCD, the second at once behind it."""
    found = fired(
        [{"strict_sequence": [{"cast": "burn"}, {"cast": "swap"}]}],
        3000,
        abilities={
            "burn": {**SLOW, "off_gcd": True, "effects": [{"apply": {"aura": "buff"}}]},
            "swap": {**SLOW, "effects": [{"remove": {"aura": "buff"}}]},
        },
        auras=BUFF,
    )

    assert found["ability.swap.casts"] == 1
    assert found["aura.buff.uptime_ms"] == 0


def test_a_strict_sequence_begins_with_the_last_part_of_the_health_of_the_target() -> None:
    """Only the second part waits for it; nothing but time goes by until then."""
    sequence = [{"cast": "a"}, {"cast": "b"}]
    found = fired(
        [{"strict_sequence": sequence}],
        abilities={"a": MARKS, "b": {**SPELL, "target_health_below_percent": 20}},
        auras=BUFF,
    )

    assert found["ability.b.casts"] == 1
    assert found["aura.buff.uptime_ms"] == 30_000 - 24_001


def test_a_strict_sequence_that_cannot_go_on_is_given_up() -> None:
    """When a part cannot be done once the GCD is free, the rotation is read again."""
    sequence: dict[str, Any] = {"strict_sequence": [{"cast": "a"}, {"cast": "b", "if": False}]}
    sequence["if"] = {"<": ["spell.a.casts", 1]}
    found = fired([sequence, {"cast": "c"}], 3000, abilities={"a": SPELL, "b": SPELL, "c": SLOW})

    assert (found["ability.a.casts"], found["ability.b.casts"]) == (1, 0)
    assert found["ability.c.casts"] == 1


def test_pooling_for_the_next_line_leaves_the_resource_alone() -> None:
    """With 60 of 100 needed for `big`, `small` is not cast while `big` is only short of mana."""
    mana = {"mana": {"maximum": 100, "start": 40, "per_second": 10}}
    abilities = {
        "big": {"cost": {"mana": 60}, "cooldown": {"ms": 20_000}, "effects": []},
        "small": {"cost": {"mana": 40}, "effects": []},
    }
    pool = {"pool": {"resource": "mana", "for_next": True}}
    casts = [{"cast": "big"}, {"cast": "small"}]
    pooled = fired([pool, *casts], 2000, abilities=abilities, resources=mana)
    greedy = fired(casts, 2000, abilities=abilities, resources=mana)

    assert (pooled["ability.big.casts"], pooled["ability.small.casts"]) == (1, 0)
    assert (greedy["ability.big.casts"], greedy["ability.small.casts"]) == (0, 1)


@pytest.mark.parametrize(
    ("start", "big", "line", "moment"),
    [
        (0, {}, {"if": {"<": ["combat.time", 5]}}, 5000),
        (0, {"usable": {"<": ["combat.time", 4]}}, {}, 4000),
        (60, {}, {"line_cd": 9}, 1500),
        (0, {}, {"if": "debuff.curse.active", "cycle": True}, 0),
    ],
)
def test_nothing_is_pooled_for_a_line_that_something_else_holds_back(
    start: int, big: dict[str, Any], line: dict[str, Any], moment: int
) -> None:
    """From the moment on in which `big` would not be cast, whatever there is, `small` is."""
    found = fired(
        [{"pool": {"resource": "mana", "for_next": True}}, {"cast": "big", **line}, SMALL],
        10_000,
        targets=2,
        abilities={"big": {"cost": {"mana": 60}, "effects": [], **big}, "small": MARKS},
        resources={"mana": {"maximum": 100, "start": start}},
        auras={**BUFF, "curse": {"on": "target"}},
    )

    assert found["aura.buff.uptime_ms"] == 10_000 - moment


def test_what_is_pooled_for_may_change_with_time() -> None:
    """What is wanted falls by 10 a second from 50, and 1 a second comes: they meet at 4.546 s."""
    wanted = {"-": [50, {"*": ["combat.time", 10]}]}
    found = fired(
        [{"pool": {"resource": "mana", "amount": wanted}}, SMALL],
        10_000,
        abilities={"small": MARKS},
        resources={"mana": {"maximum": 100, "start": 0, "per_second": 1}},
        auras=BUFF,
    )

    assert found["aura.buff.uptime_ms"] == 10_000 - 4546


def test_pooling_up_to_an_amount() -> None:
    """Nothing is done until there are 75, and 15 more."""
    found = fired(
        [{"pool": {"resource": "mana", "amount": 75, "extra": 15}}, {"cast": "small"}],
        5000,
        abilities={"small": {"cost": {"mana": 10}, "effects": [{"apply": {"aura": "buff"}}]}},
        resources={"mana": {"maximum": 100, "start": 50, "per_second": 10}},
        auras=BUFF,
    )

    assert found["aura.buff.uptime_ms"] == 1000


def test_a_scheduled_action_is_done_once_for_each_of_its_times() -> None:
    """At 2 s and at 5 s, or as soon after as it can be."""
    found = fired(
        [{"schedule": {"at": [2, 5], "action": {"cast": "spell"}}}],
        abilities={"spell": {"gcd_ms": 4000, "effects": [{"apply": {"aura": "buff"}}]}},
        auras={"buff": {"on": "player", "duration_ms": 100}},
    )

    assert found["actions.0.0.spell"] == 2
    assert found["ability.spell.casts"] == 2


def test_a_line_can_have_a_cooldown_of_its_own() -> None:
    """A spell without cooldown is cast by this line every 5 s at most."""
    found = fired([{"cast": "spell", "line_cd": 5}], 20_000, abilities={"spell": SPELL})

    assert found["ability.spell.casts"] == 5


def test_a_buff_can_be_cancelled() -> None:
    """It is taken away as soon as the condition holds."""
    found = fired(
        [{"cancel_buff": "buff", "if": {">=": ["buff.buff.elapsed", 2]}}, {"cast": "spell"}],
        abilities={"spell": {**SLOW, "effects": [{"apply": {"aura": "buff"}}]}},
        auras=BUFF,
    )

    assert found["aura.buff.uptime_ms"] == 2000
    assert found["actions.0.buff"] == 1


def test_a_cast_can_be_cancelled_and_something_done_beside_it() -> None:
    """The cast of 3 s comes to nothing at 2 s; the instant goes off in the middle of it."""
    instant = {**SLOW, "off_gcd": True, "effects": [{"apply": {"aura": "buff"}}]}
    found = fired(
        [
            {"cancel_cast": True, "if": {">=": ["combat.time", 2]}, "line_cd": 900},
            {"cast": "beside", "while_casting": True, "if": {">=": ["combat.time", 1]}},
            {"cast": "long"},
        ],
        7000,
        abilities={"long": {"cast_ms": 3000, "effects": []}, "beside": instant},
        auras=BUFF,
    )

    # begun at 0 and cancelled at 2 s, begun again and finished at 5 s
    assert found["ability.long.casts"] == 1
    assert found["aura.buff.uptime_ms"] == 6000


@pytest.mark.parametrize("reaction_ms", [0, 100])
def test_only_lines_that_say_so_are_done_while_casting(reaction_ms: int) -> None:
    """Without `while_casting` the instant waits for the end of the cast."""
    instant = {**SLOW, "off_gcd": True, "effects": [{"apply": {"aura": "buff"}}]}
    document = config(
        9000,
        rotation=[
            {"cast": "beside", "if": {">=": ["combat.time", 1]}},
            {"cast": "long"},
        ],
        abilities={"long": {"cast_ms": 3000, "effects": []}, "beside": instant},
        auras=BUFF,
    )
    document["player"]["reaction_ms"] = reaction_ms
    waits = counters(document)
    document["rotation"]["actions"][0]["while_casting"] = True
    beside = counters(document)

    assert waits["aura.buff.uptime_ms"] == 6000
    assert beside["aura.buff.uptime_ms"] == 8000
    assert waits["ability.long.casts"] == beside["ability.long.casts"] == 3


def test_moving_holds_casts_that_take_time() -> None:
    """For 4 s only what is instant, or may be cast while moving, is cast."""
    abilities = {
        "long": {"cast_ms": 2000, "effects": []},
        "able": {"cast_ms": 2000, "while_moving": True, "effects": []},
        "instant": SPELL,
    }
    move = {"move": 4, "line_cd": 900}
    still = fired([move, {"cast": "long"}], 8000, abilities=abilities)
    quick = fired([move, {"cast": "long"}, {"cast": "instant"}], 8000, abilities=abilities)
    able = fired([move, {"cast": "able"}], 8000, abilities=abilities)

    assert still["ability.long.casts"] == 2
    assert quick["ability.instant.casts"] == 3
    assert able["ability.able.casts"] == 4


def test_moving_in_the_middle_of_a_cast_breaks_it_off() -> None:
    """Two seconds from 1 s on: the spell of 3 s is begun again at 3 s."""
    away = {"move": 2, "while_casting": True, "line_cd": 99, "if": {">=": ["combat.time", 1]}}
    found = fired([away, {"cast": "a"}], 6000, abilities={"a": {"cast_ms": 3000, "effects": []}})

    assert found["actions.0.move"] == 1
    assert found["actions.1.a"] == 3
    assert found["ability.a.casts"] == 1


def test_items_and_trinkets_are_used_by_name_and_slot() -> None:
    """A slot that holds nothing is passed over."""
    document = config(
        rotation=[{"use_trinket": 2}, {"use_trinket": 1}, {"use_item": "potion"}],
        abilities={
            "relic": {**SLOW, "off_gcd": True},
            "potion": {**SLOW, "off_gcd": True, "item": True},
        },
    )
    document["player"]["trinkets"] = ["relic"]
    found = counters(document)

    assert found["ability.relic.casts"] == found["ability.potion.casts"] == 1
    assert found["line.actions.1.use_trinket.fired"] == 1


def test_a_sequence_leaves_out_what_the_player_has_not_chosen() -> None:
    """Without the talent the strict sequence has two parts."""
    abilities = {"a": SLOW, "b": {**SLOW, "talent": "choice"}, "c": SLOW}
    document = config(
        rotation=[{"strict_sequence": [{"cast": "a"}, {"cast": "b"}, {"cast": "c"}]}],
        abilities=abilities,
        talents={"choice": {}},
    )
    without = counters(document)
    document["player"]["talents"] = ["choice"]
    having = counters(document)

    assert (without["ability.b.casts"], without["ability.c.casts"]) == (0, 1)
    assert (having["ability.b.casts"], having["ability.c.casts"]) == (1, 1)


def test_an_option_keeps_an_ability_without_gcd_to_moments_when_it_is_free() -> None:
    """With `off_gcd` false the line is not looked at in the middle of a GCD."""
    spell = {"cooldown": {"ms": 2000}, "off_gcd": True, "effects": []}
    rotation = [{"cast": "spell", "off_gcd": False}, {"cast": "filler"}]
    found = fired(rotation, abilities={"spell": spell, "filler": SPELL})

    assert found["ability.spell.casts"] == 11


def test_a_rotation_that_never_lets_time_pass_is_an_error_naming_the_line() -> None:
    """Resetting a sequence of casts without GCD for ever is stopped."""
    endless = {"off_gcd": True, "effects": []}
    rotation = [
        {"reset_sequence": "again"},
        {"sequence": [{"cast": "spell"}], "name": "again"},
    ]

    with pytest.raises(SimulationError, match=r"without end in one moment, at line actions\."):
        fired(rotation, abilities={"spell": endless})


def test_what_is_wrong_with_actions_is_found_at_its_place() -> None:
    """Names, types, places and options are checked for every kind of action."""
    found = problems(
        [
            {"set": {"variable": "lost", "to": 1}},
            {"modify": {"variable": "flag", "operator": "add", "by": 1}},
            {"modify": {"variable": "moving", "operator": "add", "by": 1}},
            {"wait": "buff.buff.active"},
            {"wait_until": 5},
            {"pool": {"resource": "rage", "amount": 5}},
            {"pool": {"resource": "mana", "for_next": True}},
            {"sequence": [{"call": "other"}]},
            {"strict_sequence": []},
            {"reset_sequence": "nothing"},
            {"multidot": {"ability": "a", "aura": "buff"}},
            {"schedule": {"at": [], "action": {"cast": "b"}}},
            {"cancel_buff": "a"},
            {"use_item": "a"},
            {"use_trinket": 3},
            {"wait": 1, "target": 2},
            {"cast": "a", "target": 1, "cycle": True},
            {"cast": "a", "target_if": {"first": 5}},
            {"cast": "a", "at": -1},
            {"cast": "a", "wait": 1},
            {"modify": {"variable": "n", "operator": "reset", "by": 1}},
        ],
        variables={"flag": True, "moving": "combat.time", "n": 1},
        lists={"other": [{"cast": "a"}]},
    )

    assert set(found) == {
        "/actions/0/set/variable",
        "/actions/1/modify/operator",
        "/actions/2/modify/variable",
        "/actions/3/wait",
        "/actions/4/wait_until",
        "/actions/5/pool/resource",
        "/actions/6/pool/for_next",
        "/actions/7/sequence/0/call",
        "/actions/8/strict_sequence",
        "/actions/9/reset_sequence",
        "/actions/10/multidot",
        "/actions/10/multidot/or/0/<=/0",
        "/actions/10/multidot/or/1/</0",
        "/actions/11/schedule",
        "/actions/11/schedule/action/cast",
        "/actions/12/cancel_buff",
        "/actions/13/use_item",
        "/actions/14/use_trinket",
        "/actions/15/target",
        "/actions/16/target",
        "/actions/17/target_if/first",
        "/actions/18/at",
        "/actions/19",
        "/actions/20/modify/by",
    } - {"/actions/10/multidot"}


def test_a_target_is_found_by_its_number() -> None:
    """A line for the second of two targets is passed over when there is one."""
    spell = {"effects": [strike()]}
    rotation = [{"cast": "spell", "target": 2}, {"cast": "other"}]
    two = fired(rotation, 3000, abilities={"spell": spell, "other": SPELL}, targets=2)
    one = fired(rotation, 3000, abilities={"spell": spell, "other": SPELL})

    assert (two["ability.spell.casts"], two["ability.other.casts"]) == (3, 0)
    assert (one["ability.spell.casts"], one["ability.other.casts"]) == (0, 3)


ROT = {"rot": {"on": "target", "duration_ms": 60_000}}


def rotten(option: Any, *, targets: int = 4, auras: Any = ROT, until_ms: int = 8999) -> list[int]:
    """Count how often each target is given a rot, one by each GCD of 1.5 s."""
    found = counters(
        config(
            until_ms,
            targets=targets,
            auras=auras,
            abilities={"rot": {"effects": [{"apply": {"aura": "rot"}}]}},
            rotation=[option if "multidot" in option else {"cast": "rot", **option}],
        )
    )
    places = [f"target.{number}.aura.rot" for number in range(1, targets + 1)]
    counts = ("applications", "refreshes")
    return [sum(found.get(f"{place}.{count}", 0) for count in counts) for place in places]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ({"cycle": True, "if": "debuff.rot.inactive"}, [1, 1, 1, 1]),
        ({"cycle": True, "if": "debuff.rot.inactive", "max_targets": 3}, [1, 1, 1, 0]),
        ({"target_if": {"min": "debuff.rot.remaining"}}, [2, 2, 1, 1]),
        ({"target_if": {"min": "debuff.rot.remaining"}, "max_targets": 2}, [3, 3, 0, 0]),
        ({"target_if": {"max": "debuff.rot.remaining"}}, [6, 0, 0, 0]),
        ({"target_if": {"first": "debuff.rot.inactive"}}, [1, 1, 1, 1]),
        ({"target_if": {"first": "debuff.rot.active"}}, [0, 0, 0, 0]),
        (
            {"target_if": {"min": "debuff.rot.remaining"}, "if": {"<": ["combat.time", 4]}},
            [1, 1, 1, 0],
        ),
        ({"multidot": {"ability": "rot"}}, [1, 1, 1, 1]),
        ({"multidot": {"ability": "rot", "max_targets": 2}}, [1, 1, 0, 0]),
    ],
)
def test_targets_are_found_by_what_they_have(option: Any, expected: list[int]) -> None:
    """The first of all that a condition holds for, the least, the greatest, or those without."""
    assert rotten(option) == expected


@pytest.mark.parametrize(
    "aim", [{"cycle": True}, {"target": 3}, {"target_if": {"first": "debuff.rot.active"}}]
)
def test_lines_behind_one_that_finds_no_target_ask_about_the_main_one(aim: dict[str, Any]) -> None:
    """The mark is on the main target alone, and calls for `b` however far `a` has looked."""
    found = fired(
        [
            {"cast": "mark"},
            {"cast": "a", "if": "debuff.rot.active", **aim},
            {"call": "marked", "if": "debuff.mark.active"},
        ],
        9000,
        targets=3,
        lists={"marked": [{"cast": "b"}]},
        abilities={
            "mark": {**SLOW, "effects": [{"apply": {"aura": "mark"}}]},
            "a": SPELL,
            "b": SPELL,
        },
        auras={"mark": {"on": "target"}, "rot": {"on": "target"}},
    )

    assert found["ability.b.casts"] == 6


@pytest.mark.parametrize(("overlap", "expected"), [(0, [3, 3]), (1, [3, 3]), (2, [6, 0])])
def test_a_multidot_renews_what_is_about_to_end(overlap: float, expected: list[int]) -> None:
    """A rot of 3 s is renewed on two targets when it ends, and on one in its last two seconds."""
    auras = {"rot": {"on": "target", "duration_ms": 3000}}
    dots = {"multidot": {"ability": "rot", "overlap": overlap}}

    assert rotten(dots, targets=2, auras=auras) == expected
