"""The event loop that is compiled for one document finds what the one of all documents finds."""

from __future__ import annotations

import dataclasses
import random
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from llvmlite import binding as llvm

from node.engine import SimulationError, cache, get_engine, results
from node.engine.combat import build, special
from node.engine.combat.build import Build, BuildError, Job
from node.engine.combat.fights import CombatPlan
from node.engine.combat.kernels import layout as at
from node.engine.combat.loop import OPEN_KERNELS
from node.engine.combat.lowering import Open
from node.engine.configs import default_config, spec_names
from tests.unit.engine.fights import config, never, strike
from tests.unit.engine.generated import fight

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.compiled, pytest.mark.timeout(900)]
EVENTS = [
    {"adds": {"count": 2, "seconds": 12}, "at": 5, "every": 25},
    {"move": {"seconds": 4}, "at": 21, "every": 30},
]


def prepared(document: dict[str, Any]) -> CombatPlan:
    """Prepare a fight."""
    plan = get_engine("combat").prepare(document)
    assert isinstance(plan, CombatPlan)
    return plan


def digest(plan: CombatPlan, iterations: int = 40) -> str:
    """Simulate, and name what comes of it."""
    result = get_engine("combat").run(plan, 11, 0, iterations, never)
    assert result is not None
    return results.digest(result)


def of_all(plan: CombatPlan) -> CombatPlan:
    """Give a plan that keeps to the event loop of all documents."""
    return dataclasses.replace(plan, special=None)


def built(plan: CombatPlan) -> special.Special:
    """Wait until the event loop of a plan's document is there."""
    assert plan.special is not None
    assert plan.special.wait() is not None
    return plan.special


@pytest.fixture
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try a loop in few fights, so that much happens later that did not happen there."""
    monkeypatch.setattr(special, "ENOUGH_FIGHTS", 1)
    monkeypatch.setattr(special, "MOST_FIGHTS", 1)


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", spec_names())
def test_documents_that_ship_have_the_same_results(name: str) -> None:
    """Three targets, enemies that come, and a player who has to run: to the last bit the same."""
    document = default_config(name, duration=120, targets=3)
    plan = prepared({**document, "duration_variation": 0.2, "events": EVENTS})

    built(plan)

    assert digest(plan) == digest(of_all(plan))


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Note how many fights were left in each slice, and keep the loop whatever it does."""
    left: list[int] = []
    monkeypatch.setattr(special.Special, "judge", lambda _self, _fights, count: left.append(count))
    return left


@pytest.mark.usefixtures("hasty")
def test_a_fight_in_which_something_new_happens_is_left(judged: list[int]) -> None:
    """What was counted of it is forgotten, and the loop of all documents has it from the start."""
    document = default_config("mists/affliction", duration=60, targets=3)
    plan = prepared({**document, "duration_variation": 0.2})

    built(plan)

    assert digest(plan, 400) == digest(of_all(plan), 400)
    assert 3 < sum(judged) < 350


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("seed", range(3))
def test_random_fights_have_the_same_results(seed: int) -> None:
    """So it is with fights that nobody thought of."""
    plan = prepared(fight(random.Random(seed)))  # noqa: S311 - test data

    built(plan)

    assert digest(plan) == digest(of_all(plan))


@pytest.fixture(scope="module")
def plan() -> CombatPlan:
    """Prepare a small fight, whose event loop is there."""
    bolt = {"cast_ms": 2000, "effects": [strike(variance=0.2)]}
    plan = prepared(config(60_000, abilities={"bolt": bolt}, rotation=[{"cast": "bolt"}]))
    built(plan)
    return plan


def test_facts_are_those_of_the_document(plan: CombatPlan) -> None:
    """With one wrong fact something else comes out: what is compared is really compiled in."""
    ints = plan.ints.copy()
    bolt = next(place for place, name in plan.names.items() if name.text == "bolt")
    assert ints[bolt + at.CAST_MS] == 2000
    ints[bolt + at.CAST_MS] = 3000
    assert plan.special is not None
    wrong = special.Special(ints, plan.reals, plan.special._expressions, plan.special._entities)
    assert wrong.wait() is not None

    assert digest(plan) == digest(of_all(plan))
    assert digest(dataclasses.replace(plan, special=wrong)) != digest(plan)


@pytest.mark.usefixtures("hasty")
def test_a_fight_that_fails_says_which_and_why() -> None:
    """Such a fight is left as well, and fails in the loop of all documents."""
    bolt = {"cast_ms": 2000, "effects": [strike(1e-6)]}
    doom = {"on": {"bolt": ["hit"]}, "chance": 0.0005, "effects": [strike(1e6, name="doom")]}
    document = config(
        60_000,
        abilities={"bolt": bolt},
        triggers={"doom": doom},
        stats={"attack_power": 1e9},
        rotation=[{"cast": "bolt"}],
    )
    plan = prepared(document)
    built(plan)
    said = []
    for one in (plan, of_all(plan)):
        with pytest.raises(SimulationError, match="more damage") as raised:
            digest(one, 1000)
        said.append(str(raised.value))

    assert said[0] == said[1]
    assert "iteration 0 " not in said[0]


def test_whoever_calls_a_kernel_gives_its_failure_on(plan: CombatPlan) -> None:
    """So a fight is left from wherever it is; none goes on as if nothing had happened."""
    assert plan.special is not None
    job = Job.read(plan.special._job(Open.read(cache.kept(OPEN_KERNELS) or b"")))
    module = llvm.parse_bitcode(job.kernels)
    module.link_in(llvm.parse_assembly(job.completion))

    kernels = re.findall(r"^define [^@]*\bi32 @.*\n((?:.+\n|\n)*?)}", str(module), re.MULTILINE)
    # with what follows in its block
    calls = re.findall(r"^  (%\S+) = call i32 @.*\n((?:  .*\n)+)", "\n".join(kernels), re.MULTILINE)

    assert len(calls) > 500
    for name, following in calls:
        used = (f"switch i32 {name},", f"icmp eq i32 {name}, 0", f"ret i32 {name}")
        assert any(use in following for use in used), following


def test_a_loop_that_leaves_many_fights_is_given_up(
    plan: CombatPlan, caplog: pytest.LogCaptureFixture
) -> None:
    """It costs more than it saves; some of a thousand do not matter."""
    assert plan.special is not None
    again = special.Special(
        plan.ints, plan.reals, plan.special._expressions, plan.special._entities
    )
    assert again.loop() is not None

    again.judge(10_000, special.FEW_LEFT + 100)
    assert again.loop() is not None
    again.judge(1_000, 500)

    assert again.loop() is None
    assert again.wait() is None
    assert "its own leaves 620 of 11000 fights" in caplog.text


def test_a_log_is_kept_by_the_loop_of_all_documents(plan: CombatPlan) -> None:
    """What `replay` tells does not depend on what is compiled."""
    engine = get_engine("combat")

    lines = engine.replay(plan, 11, 3).lines

    assert lines
    assert lines == engine.replay(of_all(plan), 11, 3).lines


def test_what_was_built_is_kept(plan: CombatPlan, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another plan of the same document, now or later, does not build anything."""
    monkeypatch.setattr(special, "Build", None)
    assert plan.special is not None
    again = special.Special(
        plan.ints, plan.reals, plan.special._expressions, plan.special._entities
    )

    assert again.loop() is not None


class Pretended:
    """A build whose end is told."""

    begun = 0
    over = False
    error: BuildError | None = None
    content = b""

    @classmethod
    def begin(cls, _job: Any) -> Pretended:
        """Count."""
        cls.begun += 1
        return cls()

    def is_over(self) -> bool:
        """Tell what the test says."""
        return self.over

    def result(self) -> bytes:
        """Give or raise what the test says."""
        if self.error is not None:
            raise self.error
        return self.content


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> type[Pretended]:
    """Build nothing."""
    kind = type("Pretended", (Pretended,), {})
    monkeypatch.setattr(special, "Build", kind)
    return kind


@pytest.fixture
def fresh(plan: CombatPlan) -> CombatPlan:
    """Prepare the fight of a document whose event loop nobody has built."""
    assert plan.special is not None
    entities = {**plan.special._entities, "line": ()}
    unknown = special.Special(plan.ints, plan.reals, plan.special._expressions, entities)
    return dataclasses.replace(plan, special=unknown)


def test_a_short_run_builds_nothing(fresh: CombatPlan, pretended: type[Pretended]) -> None:
    """To compile is worth it only when there is much to simulate."""
    assert fresh.special is not None
    digest(fresh)
    fresh.special.expect(5.0, special.WORTH_SECONDS - 10.0)

    assert pretended.begun == 0


def test_a_slow_start_builds_nothing(fresh: CombatPlan, pretended: type[Pretended]) -> None:
    """What is to come is not judged by the first moments, in which much has to be fetched."""
    assert fresh.special is not None
    fresh.special.expect(special.SURE_SECONDS / 2, 100 * special.WORTH_SECONDS)

    assert pretended.begun == 0


def test_long_runs_build_once(fresh: CombatPlan, pretended: type[Pretended]) -> None:
    """What was simulated and what is to come count; one build is enough."""
    assert fresh.special is not None
    fresh.special.expect(special.WORTH_SECONDS / 2, 0.0)
    fresh.special.expect(1.0, special.WORTH_SECONDS / 2)
    fresh.special.expect(1.0, special.WORTH_SECONDS / 2)

    assert pretended.begun == 1
    assert fresh.special.loop() is None


def test_it_takes_over_when_it_is_there(
    plan: CombatPlan, fresh: CombatPlan, pretended: type[Pretended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was built is used from the next slice on, and kept."""
    kept: dict[str, bytes] = {}
    monkeypatch.setattr(special, "keep", kept.__setitem__)
    assert plan.special is not None
    assert fresh.special is not None
    pretended.content = cache.kept(plan.special._name()) or b""
    fresh.special.expect(special.SURE_SECONDS, special.WORTH_SECONDS)
    pretended.over = True

    assert digest(fresh) == digest(of_all(fresh))
    assert fresh.special.loop() is not None
    assert list(kept.values()) == [pretended.content]


def test_a_build_that_fails_stops_nothing(
    fresh: CombatPlan, pretended: type[Pretended], caplog: pytest.LogCaptureFixture
) -> None:
    """The event loop of all documents goes on; it is said why, and not tried again."""
    pretended.over, pretended.error = True, BuildError("no room")
    assert fresh.special is not None
    for _ in range(3):
        fresh.special.expect(special.SURE_SECONDS, special.WORTH_SECONDS)

    assert digest(fresh) == digest(of_all(fresh))
    assert pretended.begun == 1
    assert caplog.text.count("no room") == 1


def test_a_huge_document_is_not_compiled_alone(
    plan: CombatPlan, pretended: type[Pretended]
) -> None:
    """It would take longer than most runs last."""
    entities = {"line": range(special.MOST_ENTITIES + 1)}
    huge = special.Special(plan.ints, plan.reals, "", entities)
    huge.expect(special.SURE_SECONDS, special.WORTH_SECONDS)

    assert huge.wait() is None
    assert pretended.begun == 0


@pytest.fixture
def nonsense() -> Iterator[Build]:
    """Begin to compile what is none."""
    job = Job(b"nonsense", "", np.zeros(1, np.int64), np.zeros(1), 1, 1)
    begun = Build.begin(job.content)
    assert begun is not None
    yield begun
    begun._end()


def test_a_process_that_fails_says_why(nonsense: Build) -> None:
    """Its last words are those of the error, and the next build may begin."""
    nonsense._process.wait()

    assert nonsense.is_over()
    with pytest.raises(BuildError, match=r"(?s)exit status 1.*bitcode parsing error"):
        nonsense.result()
    assert build._one_at_a_time.acquire(blocking=False)
    build._one_at_a_time.release()


def test_one_thing_is_compiled_at_a_time(nonsense: Build) -> None:
    """Another one has to wait, and ends with what wanted it."""
    assert Build.begin(lambda: b"more") is None
    process = nonsense._process

    nonsense._end()

    assert process.returncode is not None
    assert not build._one_at_a_time.locked()


def test_what_takes_too_long_is_ended(nonsense: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is compiled for minutes."""
    monkeypatch.setattr(nonsense, "_deadline", 0.0)
    monkeypatch.setattr(nonsense._process, "poll", lambda: None)

    assert nonsense.is_over()
    with pytest.raises(BuildError, match="took longer than 300 s"):
        nonsense.result()


def test_what_cannot_begin_leaves_room_for_others() -> None:
    """A job that cannot be written does not keep the next one from it."""

    def job() -> bytes:
        raise OSError("no room")

    with pytest.raises(OSError, match="no room"):
        Build.begin(job)
    assert not build._one_at_a_time.locked()


def test_without_a_cache_nothing_is_built(
    fresh: CombatPlan, pretended: type[Pretended], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A process that keeps nothing on disk has no kernels to complete."""
    monkeypatch.setattr("node.engine.cache._used", [tmp_path])
    assert fresh.special is not None

    assert fresh.special.wait() is None
    assert pretended.begun == 0
