"""Rows of a manifest as they stand in its file: YAML with a list of them, or CSV with a line of names above."""

import csv
import io
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from engine.core.config import EXPONENT, value_of
from engine.core.errors import InputError
from engine.core.text_file import read_text

ENDINGS = (".yaml", ".yml", ".csv")
_REMEDY = "see docs/cluster.md for an example"
_MAX_BYTES = 50_000_000
_MOST_VALUES = 100_000
"""In a row: a few lines of lists of aliases stand for more than any memory holds."""


@dataclass(frozen=True, eq=False)
class FileRow:
    """What one row states."""

    line: int
    """Of its beginning, from 1."""
    values: dict[str, Any]
    problem: str = ""
    """Why it is none; then there are no values."""


def read_rows(path: Path) -> list[FileRow]:
    """All rows of the manifest at ``path``; text of CSV is read as YAML has it, but for options and views.

    Raises:
        InputError: it cannot be read, or has no rows.
    """
    if path.suffix.lower() not in ENDINGS:
        raise InputError(path, f"is no manifest: its name does not end in {', '.join(ENDINGS)}", _REMEDY)
    text = read_text(path, _REMEDY, _MAX_BYTES)
    rows = list(_of_csv(text, path) if path.suffix.lower() == ".csv" else _of_yaml(text, path))
    if not rows:
        raise InputError(path, "has no rows", _REMEDY)
    return rows


def _of_yaml(text: str, path: Path) -> Iterator[FileRow]:
    loader = yaml.SafeLoader(text)
    try:
        root = loader.get_single_node()
        if root is not None and not isinstance(root, yaml.SequenceNode):
            raise InputError(path, "is no list of rows", _REMEDY)
        for node in [] if root is None else root.value:
            yield _yaml_row(loader, node)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" (line {mark.line + 1}: {getattr(error, 'problem', '')})"
        raise InputError(path, f"is not readable YAML{where}", _REMEDY) from None
    except RecursionError:
        raise InputError(path, "is nested too deeply", _REMEDY) from None
    finally:
        loader.dispose()


def _yaml_row(loader: yaml.SafeLoader, node: yaml.Node) -> FileRow:
    line = node.start_mark.line + 1
    if not isinstance(node, yaml.MappingNode):
        return FileRow(line, {}, "is no row: it has no names before its values")
    if _unfolds_beyond(node, _MOST_VALUES):
        return FileRow(line, {}, f"has more than {_MOST_VALUES} values, with what its aliases stand for")
    names = [key.value for key, _ in node.value]
    if twice := next((name for name in names if names.count(name) > 1), None):
        return FileRow(line, {}, f"states {twice!r} twice")
    try:
        values = {str(name): value for name, value in loader.construct_mapping(node, deep=True).items()}
    except ValueError as error:  # a date that is none, a number without end
        return FileRow(line, {}, f"states something that is not a value ({error})")
    if isinstance(options := values.get("options"), dict):
        values["options"] = {
            str(name): float(value) if isinstance(value, str) and EXPONENT.fullmatch(value) else value
            for name, value in options.items()
        }
    return FileRow(line, values)


def _unfolds_beyond(node: yaml.Node, most: int) -> bool:
    """Whether ``node`` has more than ``most`` nodes in it, an alias counted as what it stands for."""
    left = [node]
    for _ in range(most):
        if not left:
            return False
        value = left.pop().value
        if isinstance(value, list):
            left += [part for item in value for part in (item if isinstance(item, tuple) else (item,))]
    return bool(left)


def _of_csv(text: str, path: Path) -> Iterator[FileRow]:
    head = text.split("\n", 1)[0]
    table = csv.reader(io.StringIO(text, newline=""), delimiter=";" if head.count(";") > head.count(",") else ",")
    try:
        names = [name.strip() for name in next(table, [])]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise InputError(path, f"has two columns called {twice!r}", _REMEDY)
        before = table.line_num
        for cells in table:
            line, before = before + 1, table.line_num
            if any(cell.strip() for cell in cells):
                yield _csv_row(line, names, [cell.strip() for cell in cells])
    except csv.Error as error:
        raise InputError(path, f"is not readable CSV (line {table.line_num}: {error})", _REMEDY) from None


def _csv_row(line: int, names: list[str], cells: list[str]) -> FileRow:
    if len(cells) > len(names) and any(cells[len(names) :]):
        return FileRow(line, {}, f"has {len(cells)} cells under {len(names)} names")
    values: dict[str, Any] = {}
    try:
        for name, text in zip(names, cells, strict=False):
            if text and name == "options":
                values[name] = dict(_option(word) for word in _words(text))
            elif text and name == "views":
                values[name] = _words(text)
            elif text:
                values[name] = text
    except ValueError as error:
        return FileRow(line, {}, str(error))
    return FileRow(line, values)


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ValueError(f"has a quotation without an end: {text}") from None


def _option(word: str) -> tuple[str, Any]:
    name, equals, text = word.partition("=")
    if not (name and equals):
        raise ValueError(f"has an option {word!r}, which is not of the form name=value")
    try:
        return name, value_of(text)
    except ValueError as error:
        raise ValueError(f"has an option {name!r}, where {error}") from None
