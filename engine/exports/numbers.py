"""What is no surface: codes as arrays, and a table with a row for each frame."""

import csv
from functools import partial
from pathlib import Path

import numpy as np

from engine.core.errors import InputError
from engine.core.files import replacing_file
from engine.core.progress import Progress
from engine.exports.content import ExportContent
from engine.exports.export_format import ExportFormat


def write_codes(content: ExportContent, out: Path, progress: Progress) -> None:
    """Write the codes as npz.

    Raises:
        InputError: there are none.
    """
    if content.codes is None:
        raise InputError(content.meshes.title, "has no codes", "fit it with a method that leaves codes, as npm does")
    with replacing_file(out) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, **dict(content.codes))  # type: ignore[arg-type]


def write_table(content: ExportContent, out: Path, progress: Progress) -> None:
    """Write the table as CSV, UTF-8, with names of columns; what is not known is an empty cell.

    Raises:
        InputError: there is none.
    """
    if content.table is None:
        raise InputError(content.meshes.title, "has no table of frames", "export a run")
    columns = list(dict.fromkeys(name for row in content.table for name in row))
    with replacing_file(out) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, columns, restval="")
        table.writeheader()
        table.writerows(
            [{name: "" if value is None else value for name, value in row.items()} for row in content.table]
        )


_numbers = partial(
    ExportFormat, ups=("y",), why_up="is for meshes, and these are numbers", frames_of_reference=("world",)
)
NPZ = _numbers("npz", "codes", ".npz", write_codes)
CSV = _numbers("csv", "a table", ".csv", write_table)
