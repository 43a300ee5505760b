"""The application as a server runs it: `uvicorn --app-dir supabase/functions _shared.main:app`."""

from __future__ import annotations

import sys

from _shared import logs
from _shared.app import create_app
from _shared.errors import SettingsError
from _shared.settings import Settings


def _settings() -> Settings:
    try:
        return Settings.from_environment()
    except SettingsError as error:
        sys.exit(f"The handlers cannot start:\n{error}")


_SETTINGS = _settings()
logs.configure(_SETTINGS.log_level)
app = create_app(_SETTINGS)
