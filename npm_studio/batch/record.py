"""What is kept of a finished task, by which a later start knows that it need not be done again.

``.tasks/<name>.json`` in the folder of a batch: function, arguments, fingerprints of the inputs, and what came of it.
It is taken away before a task is done again, and written when its result has its name.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.core.errors import InputError
from engine.core.files import read_json, write_json
from npm_studio.batch.fingerprint import fingerprint, has_changed
from npm_studio.batch.task import BatchTask

FOLDER = ".tasks"


@dataclass(frozen=True, eq=False)
class Record:
    """A finished task."""

    result: Mapping[str, Any]
    seconds: float
    version: str
    """Of this program, which did it."""


def find_record(task: BatchTask, folder: Path) -> tuple[Record | None, str]:
    """What is kept in ``folder`` of exactly this task; or None and why it is done again, empty where it never was.

    Raises:
        InputError: an input is not there.
    """
    path = _path(task, folder)
    if not path.is_file():
        return None, ""
    try:
        kept = read_json(path)
        record = Record(dict(kept["result"]), float(kept["seconds"]), str(kept["version"]))
        why = _what_differs(task, kept)
    except InputError as error:
        if path.is_file() and error.subject != str(path):  # it is about an input
            raise
        return None, "its record is damaged"
    except (KeyError, TypeError, ValueError):
        return None, "its record is damaged"
    return (None, why) if why else (record, "")


def drop_record(task: BatchTask, folder: Path) -> None:
    """Forget that a task was done, before its result is replaced."""
    _path(task, folder).unlink(missing_ok=True)


def stated(task: BatchTask) -> dict[str, Any]:
    """What decides the result of a task, to be finished by `keep_record` when it is there; inputs as they are now.

    Raises:
        InputError: an input is not there.
    """
    prints = {name: fingerprint(path).as_dict() for name, path in task.inputs.items()}
    return {"function": _name(task), "arguments": dict(task.arguments), "inputs": prints}


def keep_record(task: BatchTask, folder: Path, of: Mapping[str, Any], record: Record) -> Record:
    """Remember that the result is there; ``of`` is what `stated` said before it was made."""
    write_json(_path(task, folder), {"name": task.name, **of, **asdict(record)})
    return record


def _what_differs(task: BatchTask, kept: Mapping[str, Any]) -> str:
    if not task.out.exists():
        return "its result is gone"
    if kept["function"] != _name(task):
        return "what is done has changed"
    now, before = json.loads(json.dumps(dict(task.arguments))), dict(kept["arguments"])
    if changed := sorted(key for key in now.keys() | before.keys() if now.get(key) != before.get(key)):
        return f"changed: {', '.join(changed)}"
    prints = dict(kept["inputs"])
    if changed := sorted(task.inputs.keys() ^ prints.keys()):
        return f"changed: {', '.join(changed)}"
    if changed := [name for name, path in task.inputs.items() if has_changed(path, prints[name])]:
        return f"changed: {', '.join(changed)}"
    return ""


def _name(task: BatchTask) -> str:
    return f"{task.function.__module__}.{task.function.__qualname__}"


def _path(task: BatchTask, folder: Path) -> Path:
    return folder / FOLDER / f"{task.name}.json"
