"""What the state machine says: instructions in order, and the story of how it got here."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

from node.instructions import Tell
from node.model import Event

if TYPE_CHECKING:
    from node.instructions import Instruction
    from node.model import Level

STORY_LENGTH: Final = 100


class Journal:
    """Collects the instructions of one step, and remembers the last steps."""

    def __init__(self) -> None:
        self.story: deque[str] = deque(maxlen=STORY_LENGTH)
        self._instructions: list[Instruction] = []

    def do(self, instruction: Instruction) -> None:
        """Order something."""
        self._instructions.append(instruction)

    def tell(self, action: str, message: str, level: Level = "info", **context: Any) -> None:
        """Order that people learn something; what is None is left out."""
        known = {name: value for name, value in context.items() if value is not None}
        self.do(Tell(Event(action, message, level, known)))

    def warn(self, action: str, message: str, **context: Any) -> None:
        """Order that people learn of some trouble."""
        self.tell(action, message, "warning", **context)

    def note(self, at: float, what: str) -> None:
        """Add to the story."""
        self.story.append(f"{at:.3f} {what}")

    def take(self) -> list[Instruction]:
        """The instructions since the last time, which are no longer kept here."""
        instructions, self._instructions = self._instructions, []
        return instructions
