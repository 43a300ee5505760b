"""`login`."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import pytest

from node.commands.login import COMMAND
from node.config import load_settings
from node.errors import ConfigurationError
from tests.unit.node.terminal import NOW, POOL, Terminal

if TYPE_CHECKING:
    from tests.unit.node.terminal import Shell

SESSION = {
    "access_token": "a1",
    "refresh_token": "r1",
    "expires_at": NOW + 3600,
    "user": {"id": "u1", "email": "me@example.org"},
}
TOKEN, SIGN_UP = "/auth/v1/token", "/auth/v1/signup"


def given(**changes: Any) -> dict[str, Any]:
    """The options of a login."""
    return {"email": "me@example.org", "password": "pass", **changes}


def test_a_login_says_who_and_where(shell: Shell) -> None:
    """The answer names the pool and the user, and never a token."""
    shell.pool.on("POST", TOKEN, SESSION)
    outcome = shell.call(COMMAND, given())
    assert outcome.code == 0
    assert f"Signed in to {POOL} as me@example.org." in outcome.out
    assert "a1" not in outcome.out + outcome.err
    assert shell.settings.session_path.is_file()


def test_a_login_for_programs(shell: Shell) -> None:
    """--json gives the user, not the tokens."""
    shell.pool.on("POST", TOKEN, SESSION)
    assert shell.call(COMMAND, given(), as_json=True).json == {
        "url": POOL,
        "email": "me@example.org",
        "user_id": "u1",
        "expires_at": NOW + 3600,
    }


def test_sign_up_makes_the_account(shell: Shell) -> None:
    """--sign-up asks for a new account."""
    shell.pool.on("POST", SIGN_UP, SESSION)
    assert shell.call(COMMAND, given(sign_up=True)).code == 0
    assert shell.pool.bodies(SIGN_UP) == [{"email": "me@example.org", "password": "pass"}]


def test_the_password_may_come_from_standard_input(shell: Shell) -> None:
    """--password-stdin reads one line, and keeps the blanks in it."""
    shell.pool.on("POST", TOKEN, SESSION)
    values = given(password=None, password_stdin=True)
    shell.call(COMMAND, values, stdin=io.StringIO(" pass word \nmore\n"))
    assert shell.pool.bodies(TOKEN)[0]["password"] == " pass word "


def test_a_person_is_asked(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal what is missing is asked for, the password without showing it."""
    shell.pool.on("POST", TOKEN, SESSION)
    monkeypatch.setattr("builtins.input", lambda: "me@example.org")
    monkeypatch.setattr("getpass.getpass", lambda _: "typed")
    shell.call(COMMAND, given(email=None, password=None), stdin=Terminal())
    assert shell.pool.bodies(TOKEN) == [{"email": "me@example.org", "password": "typed"}]


@pytest.mark.parametrize("missing", ["email", "password"])
def test_a_program_is_not_asked(shell: Shell, missing: str) -> None:
    """Without a terminal what is missing is an error, not a question nobody answers."""
    with pytest.raises(ConfigurationError, match="are needed"):
        shell.call(COMMAND, given(**{missing: None}))
    assert not shell.pool.requests


def test_save_remembers_the_pool(shell: Shell) -> None:
    """With --save the next command needs no address."""
    shell.pool.on("POST", TOKEN, SESSION)
    shell.call(COMMAND, given(save=True))
    settings = load_settings({"config": str(shell.settings.config_path)}, {})
    assert settings.url == POOL
    assert settings.publishable_key == shell.settings.publishable_key
