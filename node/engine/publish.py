"""Writes what is published of the documents: their JSON Schema and the reference page.

`python -m node.engine.publish` writes the files anew; tests hold them to the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from node.engine.combat.json_schema import config_schema, rotation_schema
from node.engine.combat.reference import reference

HERE = Path(__file__).parent


def published() -> dict[str, str]:
    """Give the text of each file by its name beside this one."""
    schemas = {"config": config_schema(), "rotation": rotation_schema()}
    written = {
        f"schemas/{name}.schema.json": json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }
    return {**written, "REFERENCE.md": reference() + "\n"}


def main() -> None:
    """Write the files."""
    for name, text in published().items():
        path = HERE / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
