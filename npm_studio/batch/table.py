"""What came of a batch of fits: ``batch.csv``, and lines for those who read along."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from engine.core.files import replacing_file
from npm_studio.batch.task import TaskOutcome
from npm_studio.batch.words import manifest_words

FILE = "batch.csv"
_METRICS = ("iou", "accuracy_mm", "completeness_mm", "epe_mm")
_LONGEST_NAME = 40
"""Letters that the names of a printed table are padded to, at most."""


def row_of(outcome: TaskOutcome) -> dict[str, Any]:
    """What there is to say of a fit; null for what there is not."""
    found = outcome.result
    reason = found.get("reason") if outcome.error is None else outcome.error.line(manifest_words)
    metrics = found.get("metrics") or {}
    return {
        "name": outcome.task.name,
        "state": "done" if outcome.state == "kept" else outcome.state,
        "verdict": found.get("verdict"),
        "mean_distance_mm": found.get("mean_distance_mm"),
        "frames": found.get("frames"),
        "lost_frames": found.get("lost_frames"),
        **{name: metrics.get(name) for name in _METRICS},
        "seconds": outcome.seconds,
        "reason": reason,
        "notes": "; ".join(found.get("notes") or ()) or None,
        "run": str(outcome.task.out),
    }


def write_table(rows: Sequence[dict[str, Any]], folder: Path) -> Path:
    """Write `row_of` of all fits into ``folder``, a line each, empty for what is not known."""
    path = folder / FILE
    with replacing_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)
    return path


def summary_lines(rows: Sequence[dict[str, Any]]) -> list[str]:
    """How many are done; those that have failed, and those whose verdict is that, each with its reason."""
    states = [row["state"] for row in rows]
    counted = (
        (states.count("done"), "done"),
        (states.count("failed"), "failed"),
        (states.count("open"), "not begun or ended"),
    )
    lines = [", ".join(f"{count} {what}" for count, what in counted if count or what == "done")]
    lines += _table("not done:", (row for row in rows if row["state"] == "failed"))
    lines += _table("done, but the fit has failed:", (row for row in rows if row["verdict"] == "failed"))
    return lines


def _table(title: str, rows: Iterable[dict[str, Any]]) -> list[str]:
    listed = [(str(row["name"]), str(row["reason"])) for row in rows]
    width = min(max((len(name) for name, _ in listed), default=0), _LONGEST_NAME)
    return [title, *(f"  {name:{width}}  {reason}" for name, reason in listed)] if listed else []
