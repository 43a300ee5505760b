"""The version of this node, as it tells it to the pool."""

from __future__ import annotations

VERSION = "0.1.0"
