"""The event loop of one document, built beside its runs once they are long enough to be worth it.

It does what the one of all documents does, bit for bit, and takes over between two slices of a run.
It is made for what happens in a trial; a fight in which anything else happens, about one of a
thousand, it leaves to the loop of all documents.  What was built is kept on disk by the digest of
all that it was made of.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from typing import TYPE_CHECKING

from node.engine.cache import keep, kept
from node.engine.combat import machine
from node.engine.combat.build import Build, BuildError, Job
from node.engine.combat.completion import completion
from node.engine.combat.loop import OPEN_KERNELS, Loop
from node.engine.combat.lowering import Open

if TYPE_CHECKING:
    from node.engine.combat.completion import Entities
    from node.engine.combat.image import IntArray, RealArray

WORTH_SECONDS = 20.0  #: of simulating one document; to build its loop takes most of that
SURE_SECONDS = 1.0  #: of simulating, after which it is known how fast that is
ENOUGH_FIGHTS = 256  #: after which what never happened is so rare that a loop need not know it
MOST_FIGHTS = 8192  #: in which it is tried
FEW_LEFT, SELDOM = 20, 0.02  #: a loop that leaves more fights than those is not worth its name
MOST_ENTITIES = 600  #: more would take longer to compile than most runs last
_A_MOMENT = 0.01  #: seconds
logger = logging.getLogger(__name__)


class Special:
    """The event loop of a document, when there is one."""

    def __init__(
        self, ints: IntArray, reals: RealArray, expressions: str, entities: Entities
    ) -> None:
        self._facts = ints, reals
        self._expressions, self._entities = expressions, entities
        self._lock = threading.Lock()
        self._has_looked = False
        self._loop: Loop | None = None
        self._build: Build | None = None
        self._is_hopeless = sum(map(len, entities.values())) > MOST_ENTITIES
        self._spent = 0.0
        self._fights = self._left = 0

    def loop(self) -> Loop | None:
        """Give the loop, None as long as there is none."""
        if self._loop is None and not self._is_hopeless:
            with self._lock:
                self._find()
        return self._loop

    def expect(self, spent: float, left: float) -> None:
        """Hear how many seconds were simulated, and how many are to come: they may be worth it."""
        self._spent += spent
        is_worth_it = self._spent >= SURE_SECONDS and self._spent + left >= WORTH_SECONDS
        if is_worth_it and self.loop() is None and not self._is_hopeless:
            with self._lock:
                self._begin()

    def judge(self, fights: int, left: int) -> None:
        """Hear how many fights were simulated, and how many of them the loop left to another."""
        with self._lock:
            self._fights += fights
            self._left += left
            if self._loop and self._left > FEW_LEFT + SELDOM * self._fights:
                self._give_up(f"its own leaves {self._left} of {self._fights} fights")

    def wait(self) -> Loop | None:
        """Build the loop, worth it or not, and give it, None where that is not possible."""
        while self.loop() is None and not self._is_hopeless:
            with self._lock:
                self._begin()
            time.sleep(_A_MOMENT)
        return self._loop

    def _find(self) -> None:
        """Take the loop that was kept, or the one that has been built meanwhile."""
        if not self._has_looked:
            self._has_looked = True
            self._load(kept(self._name()))
        if self._build is not None and self._build.is_over():
            build, self._build = self._build, None
            try:
                content = build.result()
            except BuildError as error:
                self._give_up(error)
                return
            self._load(content)
            keep(self._name(), content)

    def _load(self, content: bytes | None) -> None:
        if content is not None:
            self._loop = Loop(machine.Code(content))

    def _begin(self) -> None:
        """Begin to build, if nobody else does."""
        if self._loop is not None or self._build is not None:
            return
        if (kernels := kept(OPEN_KERNELS)) is None:  # nothing is kept in this process
            self._is_hopeless = True
            return
        try:
            self._build = Build.begin(lambda: self._job(Open.read(kernels)))
        except OSError as error:
            self._give_up(error)

    def _job(self, kernels: Open) -> bytes:
        completing = completion(kernels, *self._facts, self._expressions, self._entities)
        return Job(kernels.code, completing, *self._facts, ENOUGH_FIGHTS, MOST_FIGHTS).content()

    def _give_up(self, reason: object) -> None:
        self._is_hopeless, self._loop = True, None
        logger.warning("A document keeps to the event loop of all documents: %s", reason)

    def _name(self) -> str:
        ints, reals = self._facts
        about = self._expressions, sorted(self._entities.items()), machine.machine_digest()
        digest = hashlib.sha256(ints.tobytes() + reals.tobytes() + repr(about).encode())
        return f"special-{digest.hexdigest()}.o"
