"""How long tests wait for what has to come."""

from typing import Final

#: seconds; far longer than any machine needs, however busy it is: only a failure waits this long
PATIENCE: Final = 60.0
