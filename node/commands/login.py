"""`login`: sign in to the pool, and keep the session in a private file."""

from __future__ import annotations

import asyncio
import getpass
from typing import TYPE_CHECKING

from rich.markup import escape

from node.commands.command import Command, Context
from node.errors import ConfigurationError
from node.options import Option, switch, text
from node.session import Session, Sessions
from node.settings_file import save_settings

if TYPE_CHECKING:
    from pathlib import Path


def run(context: Context) -> int:
    """Sign in or up, and say as whom."""
    email, password = _credentials(context)
    sessions = Sessions(context.settings, context.transport, context.clock)
    enter = sessions.sign_up if context.values["sign_up"] else sessions.sign_in
    session = asyncio.run(enter(email, password))
    if context.values["save"]:
        remember_pool(context)
    _show(context, session, sessions.path)
    return 0


def remember_pool(context: Context) -> None:
    """Write the pool in force to the settings file, so that no flag is needed any more."""
    settings = context.settings
    values = {"pool": settings.url, "key": settings.publishable_key}
    if settings.handlers:
        values["handlers"] = settings.handlers
    save_settings(settings.config_path, values)
    context.say(f"The pool is remembered in {escape(str(settings.config_path))}.")


def _credentials(context: Context) -> tuple[str, str]:
    email, password = context.values["email"], context.values["password"]
    if context.values["password_stdin"]:
        password = context.stdin.readline().rstrip("\r\n")
    asks = context.stdin.isatty()
    if not email and asks:
        email = context.err.input("E-mail: ").strip()
    if not password and asks and email:
        password = getpass.getpass("Password: ")
    if not email or not password:
        raise ConfigurationError(
            "an e-mail address and a password are needed",
            advice="Give --email ADDRESS and --password-stdin, or run this in a terminal.",
        )
    return email, password


def _show(context: Context, session: Session, path: Path) -> None:
    if context.as_json:
        context.print_json(
            {
                "url": session.url,
                "email": session.email,
                "user_id": session.user_id,
                "expires_at": session.expires_at,
            }
        )
    else:
        context.out.print(f"Signed in to {session.url} as [bold]{escape(session.email)}[/].")
        context.say(f"[dim]The session is kept in {escape(str(path))}.[/]")


def save_option(group: str) -> Option:
    """The switch that keeps the pool in the settings file."""
    return Option(
        key="save",
        group=group,
        read=switch,
        wanted="yes or no",
        default=False,
        help="remember --pool, --key and --handlers in the settings file",
    )


COMMAND = Command(
    name="login",
    summary="sign in to the pool, or sign up",
    run=run,
    examples=(
        "login --email me@example.org",
        "login --sign-up --email me@example.org",
        "login --email me@example.org --password-stdin < password.txt",
    ),
    options=(
        Option(
            key="email",
            group="login",
            read=text,
            wanted="an e-mail address",
            help="your e-mail address (asked for when left out)",
            metavar="ADDRESS",
        ),
        Option(
            key="password",
            group="login",
            read=text,
            wanted="a password",
            help="your password; other users of this machine can see it, so rather let it ask",
            metavar="PASSWORD",
            secret=True,
        ),
        Option(
            key="password_stdin",
            group="login",
            read=switch,
            wanted="yes or no",
            default=False,
            help="read the password from the first line of standard input",
        ),
        Option(
            key="sign_up",
            group="login",
            read=switch,
            wanted="yes or no",
            default=False,
            help="make a new account",
        ),
        save_option("login"),
    ),
)
