"""The commands of `python -m local`."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from typing import TYPE_CHECKING, Any, Final, TextIO

from local import record
from local.config import Settings, parse_value, variable_of
from local.errors import DataDirectoryInUseError, LocalError, SettingsError
from local.keys import SIGNING_KEYS_FILE, Keyring
from local.postgres import remove_cluster

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping, Sequence

    from local.stack import Stack

DESCRIPTION: Final = """\
A stand-in for `supabase start` that needs no Docker: a real Postgres and one HTTP origin with
/rest/v1, /auth/v1, /realtime/v1 and /functions/v1. For development only."""
NOT_RUNNING: Final = 3
INTERRUPTED: Final = 130
WARNING: Final = "For development only: its keys and passwords are known."


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Runs one command; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(_settings(options, environ), options))
    except LocalError as error:
        _say(f"error: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def up(settings: Settings, options: argparse.Namespace) -> int:
    """Starts the stand-in and keeps it running until a signal comes."""
    _log(options.verbose)
    _refuse_running(settings)
    asyncio.run(_serve(settings, as_json=options.json))
    return 0


def show_status(settings: Settings, options: argparse.Namespace) -> int:
    """Says whether a stand-in runs on the data directory."""
    running = record.read(settings.data_dir)
    if options.json:
        _say(json.dumps({"running": running is not None, **(running or {})}))
    elif running is None:
        _say(f"no stand-in runs on {settings.data_dir}; `python -m local up` starts one")
    else:
        _say(_table(running))
    return 0 if running is not None else NOT_RUNNING


def show_keys(settings: Settings, options: argparse.Namespace) -> int:
    """Prints the keys, made when there are none yet."""
    keyring = Keyring.load(settings.data_dir)
    keys = {
        "publishable_key": keyring.publishable_key,
        "secret_key": keyring.secret_key,
        "jwt_secret": keyring.jwt_secret,
        "anon_key": keyring.anon_key,
        "service_role_key": keyring.service_role_key,
        "signing_keys_path": str(settings.data_dir / SIGNING_KEYS_FILE),
    }
    if options.json:
        _say(json.dumps({**keys, "jwks": keyring.jwks()}))
    else:
        _say(_table({name.replace("_", " "): value for name, value in keys.items()}))
    return 0


def reset(settings: Settings, options: argparse.Namespace) -> int:
    """Removes the database of the data directory; the keys stay."""
    _refuse_running(settings)
    if not options.yes and not _confirmed(f"Remove the database in {settings.data_dir}?"):
        _say("nothing was removed", sys.stderr)
        return 1
    removed = remove_cluster(settings.data_dir)
    if options.json:
        _say(json.dumps({"removed": removed, "data_dir": str(settings.data_dir)}))
    else:
        what = "the database is gone; keys stay" if removed else "there was no database"
        _say(f"{what}. `python -m local up` starts with an empty one.")
    return 0


def run_demo(_settings: Settings, _options: argparse.Namespace) -> int:
    """Shows the whole pool once, on directories and ports of its own."""
    from local import demo  # noqa: PLC0415 - brings in the node's libraries

    return demo.main()


async def _serve(settings: Settings, *, as_json: bool) -> None:
    from local.stack import Stack  # noqa: PLC0415 - the other commands start without it

    stop = asyncio.Event()
    _stop_on_signals(stop)
    async with Stack(settings) as stack:
        with record.kept(settings.data_dir, stack.url, stack.db_url):
            _announce(stack, as_json=as_json)
            await _first(stop.wait(), stack.wait_until_broken())


def _refuse_running(settings: Settings) -> None:
    running = record.read(settings.data_dir)
    if running is not None:
        raise DataDirectoryInUseError(
            f"a stand-in (process {running['pid']}, {running['url']}) runs on "
            f"{settings.data_dir}: stop it first, or choose another directory with --data-dir"
        )


def _stop_on_signals(stop: asyncio.Event) -> None:
    """The first signal stops cleanly, the second at once; Postgres ends either way."""
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        stop.set()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)


async def _first(*waits: Coroutine[Any, Any, Any]) -> None:
    """Waits until one of them ends; the others are cancelled."""
    tasks = [asyncio.create_task(wait, name="wait for the end") for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            await task
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


def _announce(stack: Stack, *, as_json: bool) -> None:
    facts = {
        "url": stack.url,
        "db_url": stack.db_url,
        "publishable_key": stack.publishable_key,
        "secret_key": stack.secret_key,
        "data_dir": str(stack.settings.data_dir),
    }
    if stack.cluster is not None:
        facts["database_dir"] = str(stack.cluster.directory)
    if as_json:
        _say(json.dumps({**facts, "pid": os.getpid()}))
        return
    _say(f"The local stand-in for Supabase runs. {WARNING}\n")
    _say(_table(facts))
    _say("\nCtrl-C stops it. `python -m local reset` removes its database.")


def _say(text: str, stream: TextIO | None = None) -> None:
    stream = stream or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def _table(facts: Mapping[str, Any]) -> str:
    names = {name: name.replace("_", " ") for name in facts}
    width = max(map(len, names.values()))
    return "\n".join(f"  {names[name]:<{width}}  {value}" for name, value in facts.items())


def _confirmed(question: str) -> bool:
    if not sys.stdin.isatty():
        raise SettingsError("nobody can be asked here: say --yes to go on without a question")
    return input(f"{question} [y/N] ").strip().lower() in {"y", "yes"}


def _log(verbosity: int) -> None:
    level = logging.DEBUG if verbosity else logging.INFO
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for name in ("uvicorn", "httpx", "psycopg.pool"):
        logging.getLogger(name).setLevel(logging.DEBUG if verbosity else logging.WARNING)


def _settings(options: argparse.Namespace, environ: Mapping[str, str]) -> Settings:
    """Flags before environment before defaults."""
    given = {name: value for name, value in vars(options).items() if name in FLAGS}
    if options.run is up and variable_of("reload") not in environ:
        given["reload"] = given["reload"] is not False
    return Settings.from_environment(environ, given)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description=DESCRIPTION)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, (run, fields) in COMMANDS.items():
        text = (run.__doc__ or "").strip()
        command = commands.add_parser(name, help=text, description=text, epilog=EPILOG)
        command.set_defaults(run=run)
        for field in fields:
            _add_flag(command, field)
        _add_plain_flags(command, name)
    return parser


def _add_flag(command: argparse.ArgumentParser, field: str) -> None:
    text, keywords = FLAGS[field]
    flag = "--i-know-this-is-for-development" if field == "exposed" else _flag(field)
    command.add_argument(
        flag,
        dest=field,
        default=None,
        help=f"{text} [{variable_of(field)}]",
        **(keywords or {"type": _type(field)}),
    )


def _add_plain_flags(command: argparse.ArgumentParser, name: str) -> None:
    if name != "demo":
        command.add_argument("--json", action="store_true", help="answer with one line of JSON")
    if name == "up":
        command.add_argument("-v", "--verbose", action="count", default=0, help="log more")
    if name == "reset":
        command.add_argument("--yes", action="store_true", help="do not ask")


def _flag(field: str) -> str:
    return "--" + field.replace("_", "-")


def _type(field: str) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        try:
            return parse_value(field, text)
        except SettingsError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return parse


#: each field of the settings that is a flag: its help, and how argparse reads it if not as text
FLAGS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "data_dir": ("where database, keys and log are kept; default .local in the repository", {}),
    "host": ("address of the API; default 127.0.0.1", {}),
    "exposed": ("allow a --host that other machines can reach", {"action": "store_true"}),
    "public_url": ("how clients reach the API, where that is not the host and port", {}),
    "api_port": ("port of the API, 0 for any free one; default 54321", {}),
    "db_port": ("port of Postgres, 0 for any free one; default 54322", {}),
    "database": ("embedded, system (Postgres of the system) or a superuser's DSN", {}),
    "migrations_dir": ("default supabase/migrations", {}),
    "functions_dir": ("default supabase/functions", {}),
    "reload": (
        "load the handlers again when their files change; on by default here",
        {"action": argparse.BooleanOptionalAction},
    ),
    "jwt_expiry": ("seconds that an access token of a user lives; default 3600", {}),
    "drop_messages": ("probability that Realtime loses a message, for tests", {}),
    "drop_connections": ("probability that a message cuts its connection, for tests", {}),
    "seed": ("makes the losses repeatable", {}),
}
COMMANDS: Final[dict[str, tuple[Callable[[Settings, argparse.Namespace], int], Sequence[str]]]] = {
    "up": (up, tuple(FLAGS)),
    "demo": (run_demo, ()),
    "status": (show_status, ("data_dir",)),
    "keys": (show_keys, ("data_dir",)),
    "reset": (reset, ("data_dir",)),
}
EPILOG: Final = "Each flag can be set by the environment variable in brackets as well."
