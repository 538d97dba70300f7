"""The tidy table of a suite: one line for each case, contender and metric, and for each difference to `npm`."""

import csv
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.comparison.intervals import Interval, bootstrap_mean, paired_difference
from engine.core.errors import InputError
from engine.core.files import read_json, replacing_file, write_json
from engine.methods.imported.method import METHOD as MADE_ELSEWHERE
from npm_studio.suites.figures import BY_NAME, FIGURES, SECONDS
from npm_studio.suites.running import Cell

CSV, JSON = "table.csv", "table.json"
ALL = "all"
"""In place of a case: over all of the part."""
USUAL = "npm"
"""The contender that others are compared with."""
Part = str
"""``subset`` or ``whole``: of the recordings."""


@dataclass(frozen=True)
class Row:
    """One line of a table."""

    part: Part
    case: str
    setting: str
    contender: str
    metric: str
    value: float | None
    """None where it is not known, which ``reason`` explains."""
    unit: str
    low: float | None = None
    """Of the interval of 95 %."""
    high: float | None = None
    less: str = ""
    """The contender whose values are taken off, in frames that both have; empty for the values themselves."""
    cases: int = 1
    frames: int = 0
    """In which it is known."""
    samples: int | None = None
    iou_points: int | None = None
    seed: int | None = None
    precision: str = ""
    device: str = ""
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Table:
    """A table and what it was made with."""

    suite: str
    title: str
    about: str
    provenance: Mapping[str, Any]
    upper_bounds: tuple[str, ...]
    rows: tuple[Row, ...]

    def find(self, part: Part, case: str, setting: str, contender: str, metric: str, less: str = "") -> Row | None:
        key = (part, case, setting, contender, metric, less)
        return next((row for row in self.rows if _key(row) == key), None)

    def contenders(self, part: Part) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.contender for row in self.rows if row.part == part))

    def settings(self, part: Part) -> tuple[str, ...]:
        return tuple(dict.fromkeys(row.setting for row in self.rows if row.part == part))


def rows_of(cells: Sequence[Cell]) -> tuple[Row, ...]:
    """Lines of all ``cells``: of each, over the cases of each contender, and the differences to `USUAL` of both."""
    rows: list[Row] = []
    groups: dict[tuple[Part, str, str], list[Cell]] = {}
    for cell in cells:
        groups.setdefault((_part(cell), cell.setting, cell.contender), []).append(cell)
    for (part, setting, contender), own in groups.items():
        usual = {cell.case.name: cell for cell in groups.get((part, setting, USUAL), ())}
        for cell in own:
            rows += _values([cell], cell.case.name) if cell.measures else [_failure(cell)]
        known = [cell for cell in own if cell.measures is not None]
        lacking = len(own) - len(known)
        rows += _values(known, ALL, f"without {lacking} of {len(own)} cases" if lacking else "")
        if contender != USUAL:
            pairs = [(cell, usual[cell.case.name]) for cell in known if _comparable(cell, usual.get(cell.case.name))]
            for pair in pairs:
                rows += _differences([pair], pair[0].case.name)
            rows += _differences(pairs, ALL)
    return tuple(rows)


def write_table(table: Table, folder: Path) -> None:
    """Write ``table.csv`` and ``table.json`` into ``folder``."""
    content = {"format": "npm-studio benchmark", "version": 1, **asdict(table)}
    content["definitions"] = {figure.name: asdict(figure) for figure in FIGURES}
    write_json(folder / JSON, content)
    columns = [field.name for field in fields(Row)]
    with replacing_file(folder / CSV) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["suite", *columns])
        for row in table.rows:
            values = (getattr(row, column) for column in columns)
            writer.writerow([table.suite, *("" if value is None else value for value in values)])


def load_table(folder: Path) -> Table:
    """The table that `write_table` left in ``folder``.

    Raises:
        InputError: there is none, or somebody has damaged it.
    """
    path, fix = folder / JSON, "run `npm-studio benchmark` with this folder as --out"
    content = read_json(path, fix)
    try:
        rows = tuple(Row(**row) for row in content["rows"])
        suite, title, about = (str(content[name]) for name in ("suite", "title", "about"))
        return Table(suite, title, about, dict(content["provenance"]), tuple(content["upper_bounds"]), rows)
    except (KeyError, TypeError, ValueError):
        raise InputError(path, "is not the table of a benchmark", fix) from None


def _part(cell: Cell) -> Part:
    return "subset" if cell.case.is_subset else "whole"


def _key(row: Row) -> tuple[str, ...]:
    return (row.part, row.case, row.setting, row.contender, row.metric, row.less)


def _comparable(cell: Cell, usual: Cell | None) -> bool:
    """Whether both are there, and were given the same."""
    if usual is None or cell.measures is None or usual.measures is None:
        return False
    same: bool = cell.measures["facts"]["given"] == usual.measures["facts"]["given"]
    return same


def _groups(cell: Cell, metric: str) -> list[NDArray[np.float64]]:
    """Values of each subject of a cell by frame, NaN where they are not known; of the time a single one."""
    assert cell.measures is not None
    if metric == SECONDS:
        facts = cell.measures["facts"]
        if cell.contender.partition(":")[0] == MADE_ELSEWHERE.id:  # whose meshes were only read
            return [np.array([math.nan])]
        return [np.array([facts["seconds"] / facts["frames"]])]
    listed = (
        subject["per_frame"].get(metric, [None] * len(subject["frames"])) for subject in cell.measures["subjects"]
    )
    return [np.array([math.nan if value is None else value for value in values], np.float64) for values in listed]


def _values(cells: Sequence[Cell], case: str, reason: str = "") -> Iterator[Row]:
    for metric in BY_NAME if cells else ():
        groups = [values for cell in cells for values in _groups(cell, metric)]
        known = [values[~np.isnan(values)] for values in groups]
        known = [values for values in known if len(values)]
        if known:
            yield _row(cells, case, metric, bootstrap_mean(known), sum(map(len, known)), reason)


def _differences(pairs: Sequence[tuple[Cell, Cell]], case: str) -> Iterator[Row]:
    for metric in BY_NAME if pairs else ():
        both = [
            (one, other)
            for cell, usual in pairs
            for one, other in zip(_groups(cell, metric), _groups(usual, metric), strict=True)
            if (~np.isnan(one) & ~np.isnan(other)).any()
        ]
        if both:
            found = paired_difference([one for one, _ in both], [other for _, other in both])
            frames = sum(int((~np.isnan(one) & ~np.isnan(other)).sum()) for one, other in both)
            yield _row([cell for cell, _ in pairs], case, metric, found, frames, less=USUAL)


def _row(
    cells: Sequence[Cell], case: str, metric: str, found: Interval, frames: int, reason: str = "", less: str = ""
) -> Row:
    first, measures = cells[0], [cell.measures for cell in cells if cell.measures is not None]
    precision, device = (
        ", ".join(sorted({str(each["facts"][name]) for each in measures})) for name in ("precision", "device")
    )
    return Row(
        part=_part(first),
        case=case,
        setting=first.setting,
        contender=first.contender,
        metric=metric,
        value=found.mean,
        unit=BY_NAME[metric].unit,
        low=None if math.isnan(found.low) else found.low,
        high=None if math.isnan(found.high) else found.high,
        less=less,
        cases=len(cells),
        frames=frames,
        samples=measures[0]["samples"],
        iou_points=measures[0]["iou_points"],
        seed=measures[0]["seed"],
        precision=precision,
        device=device,
        reason=reason,
    )


def _failure(cell: Cell) -> Row:
    return Row(_part(cell), cell.case.name, cell.setting, cell.contender, "", None, "", cases=0, reason=cell.reason)
