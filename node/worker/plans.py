"""Plans by config hash: the first worker that needs one compiles it, the others wait for it."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from node.engine import Plan

KEPT: Final = 32


class Plans:
    """The plans used last. A failed preparation is not kept: each caller sees its error."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._futures: OrderedDict[str, Future[Plan]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, config_hash: str, prepare: Callable[[], Plan]) -> Plan:
        """The plan of a config, prepared on this thread unless another is at it."""
        future, is_mine = self._claim(config_hash)
        if is_mine:
            self._fulfil(config_hash, future, prepare)
        return future.result()

    def _claim(self, config_hash: str) -> tuple[Future[Plan], bool]:
        with self._lock:
            if (future := self._futures.get(config_hash)) is not None:
                self._futures.move_to_end(config_hash)
                return future, False
            future = self._futures[config_hash] = Future()
            while len(self._futures) > self._kept:
                self._futures.popitem(last=False)
            return future, True

    def _fulfil(self, config_hash: str, future: Future[Plan], prepare: Callable[[], Plan]) -> None:
        try:
            future.set_result(prepare())
        except BaseException as error:  # noqa: BLE001  # goes to whoever asked
            with self._lock:
                if self._futures.get(config_hash) is future:
                    del self._futures[config_hash]
            future.set_exception(error)
