"""Metrics of a benchmark, as it wrote them to JSON, as Markdown tables."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

_LONGEST = 24  # rows of a table; longer lists are shown by their length
_WIDEST = 8  # columns
_VERDICTS = ("passed", "pass", "met", "ok")


def metric_tables(metrics: Mapping[str, Any], level: int = 3) -> list[str]:
    """Lines of Markdown: a table of the plain values, and a section of ``level`` for each group of them.

    Groups of plain values under one heading, such as a value with its bar and whether that is met, become the rows of
    one table.
    """
    plain = {name: value for name, value in metrics.items() if _is_plain(value) and value != []}
    rows = {name: value for name, value in metrics.items() if _is_row(value)}
    narrow = len({key for row in rows.values() for key in row}) <= _WIDEST
    alike = narrow and (len(rows) > 1 or any(key in row for row in rows.values() for key in ("value", *_VERDICTS)))
    lines: list[str] = []
    if plain:
        lines += table([{"": words(name), "value": show(value, name)} for name, value in plain.items()])
    if rows and alike:
        lines += table([{"": words(name), **_row(row, name)} for name, row in rows.items()])
    for name, value in metrics.items():
        if value and name not in plain and not (alike and name in rows):
            lines += _section(name, value, level)
    return lines


def _section(name: str, value: Mapping[str, Any] | Sequence[Any], level: int) -> list[str]:
    """A heading and what is below it."""
    text = words(name)
    title = ["#" * min(level, 5) + " " + text[:1].upper() + text[1:], ""]
    if isinstance(value, Mapping) and len(value) <= _LONGEST:
        return title + metric_tables(value, level + 1)
    if isinstance(value, Sequence) and all(_is_row(row) for row in value) and len(value) <= _LONGEST:
        return title + table([_row(row, *(part for part in row.values() if isinstance(part, str))) for row in value])
    return [*title, f"{len(value)} entries, see the benchmark's JSON.", ""]


def table(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """Lines of a Markdown table; columns are the keys in the order of their first use."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    body = [[row.get(column, "") for column in columns] for row in rows]
    lines = [columns, ["---"] * len(columns), *body]
    return ["| " + " | ".join(cell(text) for text in line) + " |" for line in lines] + [""]


def cell(text: str) -> str:
    """``text`` as it can stand in a table."""
    return " ".join(text.split()).replace("|", "\\|")


def words(name: str) -> str:
    """A name of JSON as words: ``canonical_iou`` is canonical iou; abbreviations as they are written."""
    spelt = " ".join(str(name).replace("_", " ").split())
    for short, written in (("iou", "IoU"), ("epe", "EPE"), ("chamfer l2", "Chamfer-l2"), ("p99", "99th percentile")):
        spelt = " ".join(f" {spelt} ".replace(f" {short} ", f" {written} ").split())
    return spelt


def show(value: Any, *names: str) -> str:
    """A plain ``value`` as text; ``names`` say what it is, such as ``chamfer_l2``, customarily in thousandths."""
    if isinstance(value, bool):
        good, bad = ("pass", "**fail**") if set(names) & set(_VERDICTS) else ("yes", "no")
        return good if value else bad
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if isinstance(value, float) and value < 0.1 and any("chamfer_l2" in name for name in names):
        return f"{1e3 * value:.4f}e-3"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}" if value >= 10_000 and "seed" not in names else str(value)
    if isinstance(value, list | tuple):
        return ", ".join(show(part) for part in value)
    return words(value) if "bar" in names else str(value)


def _row(values: Mapping[str, Any], *about: str) -> dict[str, str]:
    """Cells by column; ``about`` says what the numbers are."""
    return {words(key): show(value, key, *about) for key, value in values.items()}


def _is_plain(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= _LONGEST and all(part is None or isinstance(part, str | int | float) for part in value)
    return not isinstance(value, Mapping)


def _is_row(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) > 0 and all(_is_plain(part) for part in value.values())
