"""Every problem of a config is reported at once, each with its place and what to do."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from node.engine import ConfigError, Problem, UnknownEngineError, engine_names, get_engine
from node.engine.combat.actions import KINDS
from node.engine.configs import default_config, spec_names
from tests.unit.engine.fights import config, never, strike


def problems(document: Any) -> dict[str, Problem]:
    """Give the problems of a config by place."""
    return {problem.pointer: problem for problem in get_engine("combat").validate(document)}


def rotation_problems(rotation: dict[str, Any]) -> dict[str, str]:
    """Give what is wrong with a rotation for Beast Mastery, by place in it."""
    document = {**default_config(), "rotation": {"name": "test", **rotation}}
    return {
        pointer.removeprefix("/rotation"): problem.message
        for pointer, problem in problems(document).items()
    }


def condition_problem(condition: Any) -> Problem | None:
    """Give what is wrong with one condition."""
    document = default_config()
    document["rotation"] = {"name": "test", "actions": [{"cast": "kill_shot", "if": condition}]}
    return next(iter(get_engine("combat").validate(document)), None)


def test_every_problem_is_reported_at_once() -> None:
    """Unknown, missing and wrong fields are all found in one pass."""
    document = default_config()
    document["extra"] = 1
    document["duration_ms"] = "long"
    document["target"]["count"] = 0
    document["spec"]["abilities"]["kill_shot"]["effects"][0] = {"dmage": {}}
    del document["profile"]["gcd_ms"]
    document["player"]["stats"]["crit_rating"] = float("nan")

    found = problems(document)

    assert set(found) == {
        "/extra",
        "/duration_ms",
        "/target/count",
        "/spec/abilities/kill_shot/effects/0/dmage",
        "/profile",
        "/player/stats/crit_rating",
    }
    assert found["/duration_ms"].message == "expected a whole number, got a string"
    assert found["/spec/abilities/kill_shot/effects/0/dmage"].hint == "did you mean 'damage'?"
    assert found["/profile"].message == "'gcd_ms' is missing"


def test_a_wrong_shape_hides_nothing_that_is_wrong_elsewhere() -> None:
    """Names are checked too, at their places, but not those of what has the wrong shape."""
    document = default_config()
    spec, rotation = document["spec"], document["rotation"]
    document["duration_ms"] = "long"
    document["target"] = {"armor": "thick", "health": 5}
    spec["abilities"]["kill_shot"]["effects"] = [
        {"dmage": {"name": "boom"}},
        {"apply": {"aura": "frenzi"}},
    ]
    spec["triggers"]["echo"] = {"on": {"boom": ["hit"]}, "effects": [{"dismiss": {"pet": "cat"}}]}
    del spec["auras"]["frenzy"]["on"]
    rotation["lists"]["rest"] = 5
    rotation["actions"] = [{"cast": "kill_sot"}, {"call": "rest"}, {"call": "area"}]

    assert set(problems(document)) == {
        "/duration_ms",
        "/target/armor",
        "/spec/abilities/kill_shot/effects/0/dmage",
        "/spec/abilities/kill_shot/effects/1/apply/aura",
        "/spec/auras/frenzy",
        "/spec/triggers/echo/effects/0/dismiss/pet",
        "/rotation/lists/rest",
        "/rotation/actions/0/cast",
    }


@pytest.mark.parametrize("depth", [200, 900])
def test_a_deep_document_of_the_wrong_shape_is_refused(depth: int) -> None:
    """However deep what has no place is, that is said of it."""
    document = default_config()
    for _ in range(depth):
        document["extra"] = {"extra": document.get("extra", 1)}

    assert set(problems(document)) == {"/extra"}


@pytest.mark.parametrize(
    "document",
    [None, [], "text", 5, {}, {"engine": "combat"}, {"spec": None}, {"rotation": {"checksum": 1}}],
)
def test_any_json_can_be_validated(document: Any) -> None:
    """What is no config at all is a problem, never a crash."""
    assert problems(document)


@pytest.mark.parametrize(
    ("pointer", "change", "message"),
    [
        ("/abilities/x/effects/0/apply/aura", {"apply": {"aura": "y"}}, "there is no aura 'y'"),
        ("/abilities/x/effects/0/summon/pet", {"summon": {"pet": "y", "ms": 1}}, "no pet 'y'"),
        ("/abilities/x/effects/0/gain/resource", {"gain": {"resource": "y", "amount": 1}}, "'y'"),
        ("/abilities/x/effects/0/damage/by", {"damage": {"by": "y"}}, "there is no actor 'y'"),
        (
            "/abilities/x/effects/0/add_charges/ability",
            {"add_charges": {"ability": "y"}},
            "there is no ability 'y'",
        ),
    ],
)
def test_effects_name_what_there_is(pointer: str, change: Any, message: str) -> None:
    """An effect on something unknown is found where it is named."""
    found = problems(config(abilities={"x": {"effects": [change]}}))

    assert message in found[f"/spec{pointer}"].message


def test_references_in_auras_procs_and_modifiers_are_checked() -> None:
    """Auras, modifiers and procs name actors, abilities and damage that there are."""
    document = config(
        abilities={"x": {"cost": {"mana": 5}, "effects": [strike()]}},
        auras={
            "a": {
                "on": "nobody",
                "modifies": [
                    {"stat": "damage", "of": "nobody", "by": 1},
                    {"stat": "damage", "abilities": ["y"], "by": 1},
                    {"stat": "cost", "by": 1},
                    {"stat": "haste", "abilities": ["x"], "by": 1},
                ],
            }
        },
        triggers={
            "p": {"on": {"y": ["hit"]}, "effects": []},
            "q": {"on": {"x": ["cast"]}, "chance": 1, "rppm": {"rate": 1}, "effects": []},
        },
    )

    assert set(problems(document)) == {
        "/spec/abilities/x/cost",
        "/spec/auras/a/on",
        "/spec/auras/a/modifies/0/of",
        "/spec/auras/a/modifies/1/abilities/0",
        "/spec/auras/a/modifies/2",
        "/spec/auras/a/modifies/3",
        "/spec/triggers/p/on/y",
        "/spec/triggers/q",
    }


def test_rotation_problems_are_found_everywhere() -> None:
    """Lists that nobody calls and variables that nobody uses are checked as well."""
    found = rotation_problems(
        {
            "actions": [
                {"cast": "kil_command"},
                {"call": "missing"},
                {"cast": "kill_shot", "iff": True},
                {"name": "nothing"},
                {"cast": "kill_shot", "call": "ring"},
                "kill_shot",
                {"cast": "kill_shot", "if": {"and": ["lost", {">": [1]}]}},
            ],
            "lists": {
                "ring": [{"call": "other"}],
                "other": [{"run": "ring"}],
                "empty": [],
            },
            "variables": {"a": {"+": ["b", 1]}, "b": "a", "c": {"not": 3}, "d": "c"},
        }
    )

    assert found == {
        "/variables/a/+/0": "the variable refers to itself: a -> b -> a",
        "/variables/c/not": "expected a boolean, got a number",
        "/actions/0/cast": "there is no ability 'kil_command'",
        "/actions/1/call": "there is no list 'missing'",
        "/actions/2/iff": "there is no option 'iff'",
        "/actions/3": f"an action has one of: {', '.join(KINDS)}",
        "/actions/4": f"an action has one of: {', '.join(KINDS)}",
        "/actions/5": "expected an action, an object, got a string",
        "/actions/6/if/and/0": "there is no variable 'lost'",
        "/actions/6/if/and/1/>": "'>' does not take 1 arguments",
        "/lists/empty": "the list is empty",
        "/lists/other": "the list calls itself: other -> ring -> other",
    }


@pytest.mark.parametrize(
    ("condition", "message", "hint"),
    [
        ("raid.boss", "there is no operand 'raid.boss'", "there are:"),
        ("buff.frenzi.active", "there is no buff 'frenzi'", "did you mean 'frenzy'?"),
        ("buff.barbed_shot.active", "there is no buff 'barbed_shot'", "there are:"),
        ("debuff.frenzy.active", "there is no debuff 'frenzy'", "there are:"),
        ("cd.kill_shot.rdy", "there is no operand 'cd.kill_shot.rdy'", "did you mean 'ready'?"),
        ("bursting", "there is no variable 'bursting'", "there are none"),
        ("prev_gcd.1", "'prev_gcd.1' needs the name of the ability", ""),
        ("prev_gcd.9.kill_shot", "9 in 'prev_gcd.9.kill_shot' is more than 4", ""),
        ("prev_gcd.0.kill_shot", "'prev_gcd.0.kill_shot' needs a number from 1 to 4", ""),
        ("prev_gcd.x.kill_shot", "'prev_gcd.x.kill_shot' needs a whole number, not 'x'", ""),
        ("resource.focus.time_to.99999999999", "99999999999 in 'resource.focus.time", ""),
        ("resource.focus", "expected a boolean, got a number", "compare it with a number"),
        ({">": [True, 1]}, "expected a number, got a boolean", ""),
        ({"nand": [True]}, "there is no operator 'nand'", "did you mean 'and'?"),
        ({"and": []}, "'and' does not take 0 arguments", ""),
        ({"a": 1, "b": 2}, "expected a number, true, false, a name or an object", ""),
        (None, "expected a number, true, false, a name or an object", ""),
        (float("inf"), "the number is not within 1e+15 of zero", ""),
        (1e16, "the number is not within 1e+15 of zero", ""),
        ({">": [{"pow": ["combat.time", 0.5]}, 1]}, "the exponent must be a whole number", ""),
        ({"if": [True, 1, False]}, "the two cases are a number and a boolean", ""),
    ],
)
def test_conditions_are_checked(condition: Any, message: str, hint: str) -> None:
    """Unknown names and wrong types in a condition are explained."""
    problem = condition_problem(condition)

    assert problem is not None
    assert problem.message.startswith(message)
    assert problem.hint.startswith(hint)


def test_expressions_may_not_be_nested_without_end() -> None:
    """A condition more than a hundred deep is refused."""
    condition: Any = True
    for _ in range(120):
        condition = {"not": condition}

    problem = condition_problem(condition)

    assert problem is not None
    assert problem.message == "the expression is nested deeper than 100"


def test_numbers_of_any_size_are_problems_not_crashes() -> None:
    """Integers that no float can hold are out of range."""
    document = default_config()
    document["target"]["armor"] = 10**400

    assert set(problems(document)) == {"/target/armor"}
    assert condition_problem({">": ["combat.time", 10**400]}) is not None


def test_a_rotation_may_not_grow_without_end() -> None:
    """Lists and variables that double at every step are refused quickly."""
    lists: dict[str, Any] = {
        f"l{n}": [{"call": f"l{n + 1}"}, {"call": f"l{n + 1}"}] for n in range(40)
    }
    variables: dict[str, Any] = {
        f"v{n}": {"if": [{">": ["combat.time", n]}, f"v{n + 1}", {"+": [f"v{n + 1}", 1]}]}
        for n in range(40)
    }
    doubled = {"cast": "kill_shot", "if": {">": ["v0", 1]}}
    shot = {"cast": "kill_shot"}

    found = rotation_problems({"actions": [{"call": "l0"}], "lists": {**lists, "l40": [shot]}})
    assert found == {"": "the rotation is too large"}
    found = rotation_problems({"actions": [doubled], "variables": {**variables, "v40": 1}})
    assert found == {"": "the rotation is too large"}


def test_pets_may_not_take_names_that_mean_something_else() -> None:
    """A pet called `player` would hide the player."""
    assert "/spec/pets/player" in problems(config(pets={"player": {}}))


def test_a_rotation_can_be_named_by_checksum() -> None:
    """The document is looked up, verified and then checked like any other."""
    engine = get_engine("combat")
    text = json.dumps({"name": "x", "actions": [{"cast": "kill_shot"}]})
    checksum = hashlib.sha256(text.encode()).hexdigest()
    document = {**default_config(duration=10), "rotation": {"checksum": checksum}}

    assert engine.validate(document) == []
    assert engine.documents(document) == (checksum,)
    assert engine.documents(default_config()) == ()
    assert engine.run(engine.prepare(document, {checksum: text}), 1, 0, 1, never)


@pytest.mark.parametrize("text", [None, "other", "{", '{"name": "x", "actions": [{"cast": 1}]}'])
def test_a_wrong_rotation_is_a_config_error(text: str | None) -> None:
    """A document that is absent, not the one named, not JSON or not valid cannot be prepared."""
    engine = get_engine("combat")
    checksum = hashlib.sha256((text or "").encode()).hexdigest()
    if text == "other":
        checksum = "0" * 64
    document = {**default_config(), "rotation": {"checksum": checksum}}

    with pytest.raises(ConfigError) as error:
        engine.prepare(document, {} if text is None else {checksum: text})

    assert error.value.problems[0].pointer.startswith("/rotation")


def test_a_config_error_lists_its_problems() -> None:
    """The message has a line per problem, and the details are JSON."""
    document = {**default_config(), "duration_ms": 0}

    with pytest.raises(ConfigError, match="/duration_ms: 0 is not between 1 and") as error:
        get_engine("combat").prepare(document)

    assert json.loads(json.dumps(error.value.details()))[0]["pointer"] == "/duration_ms"


def test_engines_are_found_by_name() -> None:
    """An unknown engine is refused with the names of those that there are."""
    assert engine_names() == ("combat",)
    assert get_engine("combat") is get_engine("combat")
    assert get_engine("combat").name == "combat"
    with pytest.raises(UnknownEngineError, match=r"no engine 'tetris'; this node has: combat"):
        get_engine("tetris")


def test_every_spec_that_ships_is_valid() -> None:
    """Each spec has a config without problems, for any number of targets."""
    assert "modern/beast_mastery" in spec_names()
    for name in spec_names():
        assert get_engine("combat").validate(default_config(name, targets=5)) == []
    with pytest.raises(ValueError, match="there is no spec"):
        default_config("modern/fishing")


def test_a_variable_of_a_spec_may_be_used_by_a_pet_alone() -> None:
    """Only what neither the player nor a pet uses is warned of."""
    bite = {"effects": [strike(times={"if": ["hungry", 2, 1]})]}
    document = config(
        variables={"hungry": {">": ["combat.time", 1]}, "bored": 1},
        pets={"wolf": {"abilities": {"bite": bite}, "actions": [{"cast": "bite"}]}},
    )

    found = get_engine("combat").warnings(document)

    assert [problem.pointer for problem in found] == ["/spec/variables/bored"]


def test_what_ships_is_not_warned_of() -> None:
    """No spec that ships has variables or lists that nobody uses."""
    for name in spec_names():
        assert get_engine("combat").warnings(default_config(name)) == []
