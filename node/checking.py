"""Checks the documents people write: a config, a spec, or a rotation for one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from node.engine import Problem, get_engine
from node.engine.configs import default_config, spec_names
from node.engine.documents import read_json
from node.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["config", "spec", "rotation"]
_ROTATION = ".rotation.json"  #: how the file of a rotation ends that lies beside its spec
_WHERE: Mapping[Kind, Mapping[str, str]] = {
    "config": {},
    "spec": {"/spec": "", "/player": "/default_player", "/target": "/default_target"},
    "rotation": {"/rotation": ""},
}  #: where parts of a config stand in the document


@dataclass(frozen=True, slots=True)
class Checked:
    """What a document is, and what is wrong with it."""

    kind: Kind
    problems: tuple[Problem, ...]
    against: str = ""  #: the built-in config whose spec a rotation was checked with

    @property
    def errors(self) -> list[Problem]:
        """The problems that refuse the document."""
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Problem]:
        """What is probably not meant."""
        return [problem for problem in self.problems if problem.severity == "warning"]


def check_document(source: str, against: str) -> Checked:
    """Check a file or a built-in config.

    A rotation is checked with the spec beside it (`fire.json` beside `fire.rotation.json`), a spec
    with the profile and the rotation beside it; what is not there is taken from the built-in config
    `against`.
    """
    path = Path(source).expanduser()
    if not path.is_file() and source in spec_names():
        return Checked("config", tuple(_problems(default_config(source))))
    document, problems = _read(path)
    if not isinstance(document, dict):
        if document is not None or not problems:  # what is not JSON is no other thing either
            problems.append(Problem("", "a document is an object"))
        return Checked("config", tuple(problems))
    kind = kind_of(document)
    config = {"config": _config, "spec": _of_spec, "rotation": _of_rotation}[kind](
        document, path, against
    )
    found = [_placed(problem, kind) for problem in _problems(config)]
    is_alone = kind == "rotation" and _spec_beside(path) is None
    return Checked(kind, (*problems, *found), against if is_alone else "")


def kind_of(document: Mapping[str, Any]) -> Kind:
    """Tell what a document is by what stands in it."""
    if "spec" in document or "engine" in document:
        return "config"
    return "rotation" if "actions" in document and "abilities" not in document else "spec"


def _read(path: Path) -> tuple[Any, list[Problem]]:
    try:
        return read_json(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"there is no file {str(path)!r} that can be read: {error.strerror}",
            advice=f"Built-in configs are: {', '.join(spec_names())}",
        ) from error
    except ValueError as error:
        return None, [Problem("", f"the file is not JSON: {error}")]


def _problems(config: Mapping[str, Any]) -> list[Problem]:
    engine = get_engine("combat")
    return engine.validate(config) or engine.warnings(config)


def _placed(problem: Problem, kind: Kind) -> Problem:
    """Let a problem point into the document that was given."""
    for there, here in _WHERE[kind].items():
        if problem.pointer == there or problem.pointer.startswith(f"{there}/"):
            return replace(problem, pointer=here + problem.pointer.removeprefix(there))
    return problem


def _config(document: dict[str, Any], _path: Path, _against: str) -> dict[str, Any]:
    return document


def _of_rotation(document: dict[str, Any], path: Path, against: str) -> dict[str, Any]:
    config = default_config(against)
    if (beside := _spec_beside(path)) is not None:
        spec, _ = _read(beside)
        if isinstance(spec, dict):
            config = _of_spec(spec, beside, against)
    return {**config, "rotation": document}


def _spec_beside(path: Path) -> Path | None:
    """Give the file of the spec that a rotation lies beside."""
    if not path.name.endswith(_ROTATION):
        return None
    beside = path.with_name(f"{path.name.removesuffix(_ROTATION)}.json")
    return beside if beside.is_file() else None


def _of_spec(document: dict[str, Any], path: Path, against: str) -> dict[str, Any]:
    config = default_config(against)
    spec = dict(document)
    abilities = spec.get("abilities")
    idle = next(iter(abilities), "") if isinstance(abilities, dict) else ""
    rotation = _beside(path.with_name(f"{path.stem}.rotation.json"))
    return {
        **config,
        "profile": _beside(path.with_name("profile.json")) or config["profile"],
        "player": spec.pop("default_player", config["player"]),
        "target": spec.pop("default_target", config["target"]),
        "spec": spec,
        "rotation": rotation or {"name": "none", "actions": [{"cast": idle}]},
    }


def _beside(path: Path) -> Any:
    return _read(path)[0] if path.is_file() else None
