"""Documents that nobody means well: any JSON anywhere in a config, and any expression."""

from __future__ import annotations

import copy
import math
from typing import Any

from hypothesis import strategies as st

from node.engine.combat.operators import OPERATORS
from node.engine.configs import default_config, spec_names

NAMES = st.sampled_from(
    [
        "",
        "x",
        "kill_command",
        "barbed_shot",
        "frenzy",
        "focus",
        "wolf",
        "player",
        "all",
        "a/b~c",
        "ñ" * 70,
        "__class__",
        "combat.time",
        "resource.focus.time_to.0",
        "prev_gcd.99999999999999999999.kill_shot",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from([10**9, -(10**9), 10**18, 2**63, 10**400, 0.3, 1e-320]),
    st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -0.0, 5e-324]),
    NAMES,
)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(NAMES, st.sampled_from([*OPERATORS, "cast", "if"])), inner),
    ),
    max_leaves=8,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Give the path of everything in a document, but for its whole."""
    items: list[tuple[Any, Any]] = []
    if isinstance(document, dict):
        items = list(document.items())
    elif isinstance(document, list):
        items = list(enumerate(document))
    return [found for key, value in items for found in ((*path, key), *places(value, (*path, key)))]


def _changed(document: Any, path: tuple[Any, ...], value: Any, how: str) -> Any:
    """Replace, remove or add what lies at a path."""
    changed = copy.deepcopy(document)
    inside = changed
    for key in path[:-1]:
        inside = inside[key]
    if how == "remove":
        del inside[path[-1]]
    elif how == "add" and isinstance(inside, dict):
        inside[f"{path[-1]}x"] = value
    elif how == "add":
        inside.append(value)
    else:
        inside[path[-1]] = value
    return changed


BASE = default_config(duration=20, targets=2)
EVENTFUL: Any = {
    **default_config("mists/fire", duration=20, targets=2),
    "fight_ends": "death",
    "duration_variation": 0.2,
    "events": [
        {"adds": {"count": 2, "seconds": 4, "health": 90_000}, "at": 3, "every": 6, "until": 18},
        {"adds": {"count": 1}, "at": 12},
        {"move": {"seconds": 1.5}, "at": 5, "every": 7},
    ],
}
EVENTFUL["target"]["health"] = 900_000
DOCUMENTS = [default_config(name, duration=20, targets=2) for name in spec_names()] + [EVENTFUL]
PLACES = [places(document) for document in DOCUMENTS]
WHICH = st.integers(0, len(DOCUMENTS) - 1)
#: numbers within the limits of most fields, so that much of what they make is run
PLAUSIBLE = st.one_of(
    st.integers(0, 3), st.sampled_from([10, 100, 1000, 60_000, 10**6, 0.5, 1e-6, 1e9])
)


@st.composite
def configs(draw: st.DrawFn) -> Any:
    """Make a valid config strange in up to three places."""
    which = draw(WHICH)
    document: Any = DOCUMENTS[which]
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(PLACES[which]))
        how = draw(st.sampled_from(["replace", "replace", "remove", "add"]))
        value = draw(st.one_of(PLAUSIBLE, PLAUSIBLE, SCALARS, JSON))
        try:
            document = _changed(document, path, value, how)
        except (KeyError, IndexError, TypeError):  # an earlier change took the place away
            continue
    return document


def _at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


LEAVES = [
    [path for path in paths if not isinstance(_at(document, path), dict | list | str | None)]
    for document, paths in zip(DOCUMENTS, PLACES, strict=True)
]
EXTREMES = st.sampled_from([0, 1, 2, 7, 999, 10**5, 16_777_215, 10**9, 0.0, 1e-9, 0.5, 1e6])


@st.composite
def extreme_configs(draw: st.DrawFn) -> Any:
    """Change numbers of a valid config to others that are often allowed too."""
    which = draw(WHICH)
    document: Any = DOCUMENTS[which]
    for path in draw(st.lists(st.sampled_from(LEAVES[which]), min_size=1, max_size=4)):
        old = _at(DOCUMENTS[which], path)
        new: Any = not old if isinstance(old, bool) else draw(EXTREMES)
        document = _changed(document, path, type(old)(new), "replace")
    return document


NUMBERS = st.one_of(
    st.integers(-5, 50),
    st.floats(-1e15, 1e15),
    st.sampled_from([0.0, -0.0, 1e-300, 1e15, 5e-324, 1e-7]),
    st.sampled_from(
        [
            "combat.time",
            "resource.focus",
            "resource.focus.deficit",
            "resource.focus.time_to.90",
            "cd.barbed_shot.charges_fractional",
            "cd.kill_command.remaining",
            "buff.frenzy.remaining",
            "dot.barbed_shot.ticks_remaining",
            "target.health_percent",
            "target.time_to_percent.35",
            "gcd.duration",
            "pet.count",
            "spell.kill_command.execute_time",
            "player.haste",
            "swing.remaining",
        ]
    ),
)
TRUTHS = st.one_of(
    st.booleans(),
    st.sampled_from(
        ["buff.frenzy.active", "cd.kill_shot.ready", "dot.barbed_shot.refreshable", "pet.active"]
    ),
)
_WRITERS = {
    "number": [name for name, one in OPERATORS.items() if one.gives == "number" and name != "pow"],
    "boolean": [name for name, one in OPERATORS.items() if one.gives == "boolean"],
}


@st.composite
def expressions(draw: st.DrawFn, kind: str = "boolean", depth: int = 4) -> Any:
    """Write any expression that is valid for Beast Mastery."""
    if depth == 0 or draw(st.integers(0, 4)) == 0:
        return draw(NUMBERS if kind == "number" else TRUTHS)
    if draw(st.integers(0, 5)) == 0:
        test = draw(expressions(kind="boolean", depth=depth - 1))
        cases = [draw(expressions(kind=kind, depth=depth - 1)) for _ in range(2)]
        return {"if": [test, *cases]}
    name = draw(st.sampled_from([*_WRITERS[kind], *(["pow"] if kind == "number" else [])]))
    if name == "pow":
        return {"pow": [draw(expressions(kind=kind, depth=depth - 1)), draw(st.integers(0, 64))]}
    operator = OPERATORS[name]
    kinds = operator.takes_kinds * (draw(st.integers(1, 3)) if operator.is_open else 1)
    return {name: [draw(expressions(kind=one, depth=depth - 1)) for one in kinds]}
