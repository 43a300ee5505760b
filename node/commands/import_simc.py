"""`import-simc`: make a config of a SimulationCraft character."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from node.commands.command import Argument, Command, Context
from node.errors import ConfigurationError
from node.imports import make_config
from node.options import Option, path, switch, text
from node.simc import read_export
from node.simulation import load_engine

if TYPE_CHECKING:
    from node.imports import Imported

ENGINE = "combat"
LARGEST_FILE = 4_000_000  #: bytes; profiles with all bags are a hundredth of it


def run(context: Context) -> int:
    """Write the config, and tell what it holds of the profile and what it does not."""
    values = context.values
    export = read_export(_read(Path(values["file"]).expanduser()))
    engine = load_engine(context.settings, {"engine": ENGINE})
    imported = make_config(export, engine, values["spec"])
    target = values["output"] or Path.cwd() / f"{_file_name(export.name)}.json"
    _write(target, imported, overwrite=values["overwrite"])
    if context.as_json:
        context.print_json(_document(target, imported))
        return 0
    context.out.print(_mapped(imported))
    context.out.print(_unmapped(imported))
    context.out.print(
        f"[bold green]{escape(str(target))}[/] is a config for {imported.spec}. "
        f"Simulate it with: python -m node sim {escape(str(target))}",
        soft_wrap=True,
    )
    return 0


def _read(source: Path) -> str:
    try:
        if source.stat().st_size > LARGEST_FILE:
            raise ConfigurationError(f"{source} is larger than any profile")
        return source.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{source} cannot be read: {error}") from error


def _file_name(name: str) -> str:
    return re.sub(r"[^\w-]+", "_", name.lower()).strip("_") or "character"


def _write(target: Path, imported: Imported, *, overwrite: bool) -> None:
    content = json.dumps(imported.config, indent=2, ensure_ascii=False) + "\n"
    try:
        with target.open("w" if overwrite else "x", encoding="utf-8") as file:
            file.write(content)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{target} is there already", advice="Name another with --output, or --overwrite it."
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{target} cannot be written: {error}") from error


def _document(target: Path, imported: Imported) -> dict[str, object]:
    return {
        "config": str(target),
        "spec": imported.spec,
        "player": imported.config["player"],
        "mapped": [
            {"place": place, "line": setting.line, "text": setting.text}
            for place, setting in imported.mapped.items()
        ],
        "unmapped": [one.document() for one in imported.unmapped],
    }


def _mapped(imported: Imported) -> Table:
    table = Table(title="in the config")
    table.add_column("line", justify="right")
    table.add_column("profile", overflow="fold")
    table.add_column("place", overflow="fold")
    for place, setting in imported.mapped.items():
        table.add_row(str(setting.line), escape(setting.text), escape(place))
    return table


def _unmapped(imported: Imported) -> Table:
    table = Table(title="not in the config")
    table.add_column("line", justify="right")
    table.add_column("profile", overflow="fold")
    table.add_column("why", overflow="fold")
    for one in imported.unmapped:
        table.add_row(str(one.line or ""), escape(one.text), escape(one.reason))
    return table


COMMAND = Command(
    name="import-simc",
    summary="make a config of a SimulationCraft character",
    run=run,
    examples=(
        "import-simc aria.simc",
        "import-simc aria.simc --spec modern/beast_mastery --output aria.json",
    ),
    arguments=(
        Argument(key="file", metavar="FILE", help="what the addon exports, or a saved profile"),
    ),
    options=(
        Option(
            key="output",
            group="import-simc",
            read=path,
            wanted="a file",
            help="where to write the config (default: the character's name, in this directory)",
            metavar="FILE",
        ),
        Option(
            key="spec",
            group="import-simc",
            read=text,
            wanted="the name of a built-in spec",
            help="the built-in spec to play (default: that of the profile)",
            metavar="GAME/NAME",
        ),
        Option(
            key="overwrite",
            group="import-simc",
            read=switch,
            wanted="yes or no",
            default=False,
            help="write also where there is a file already",
        ),
    ),
)
