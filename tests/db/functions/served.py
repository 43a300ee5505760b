"""The handlers on a real socket, in a thread of the test."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import uvicorn

from _shared.app import create_app
from tests.unit.functions.support import make_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import TestDatabase


@contextmanager
def served(database: TestDatabase) -> Iterator[str]:
    """Serve the handlers of a database on a free port; returns their origin."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(make_settings(database_url=database.dsn, public_origin=origin))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="none"))
        thread = threading.Thread(target=server.run, args=([listener],), name="handlers")
        thread.start()
        try:
            yield origin
        finally:
            server.should_exit = True
            thread.join()
