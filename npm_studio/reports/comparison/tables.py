"""Numbers of a comparison for other programs: ``frames.csv``, ``summary.csv`` and ``comparison.json``."""

import csv
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from engine.comparison.comparison import Comparison
from engine.comparison.frame_errors import LOST_CORRESPONDENCE_MM, LOST_SURFACE_MM, FrameErrors
from engine.comparison.intervals import CONFIDENCE
from engine.comparison.summary import SideSummary
from engine.core.files import write_json

JSON, FRAMES, SUMMARY = "comparison.json", "frames.csv", "summary.csv"
VERSION = 1


@dataclass(frozen=True, eq=False)
class Numbers:
    """A comparison that was measured."""

    comparison: Comparison
    errors: FrameErrors
    sides: tuple[SideSummary, ...]
    seed: int

    @property
    def headline(self) -> str:
        """Name of the metric by which sides are judged first."""
        return self.errors.metrics[0].name


def write_tables(numbers: Numbers, notes: tuple[str, ...], provenance: dict[str, Any], folder: Path) -> None:
    """Write the three files into ``folder``."""
    _write_frames(numbers, folder / FRAMES)
    _write_summary(numbers, folder / SUMMARY)
    write_json(folder / JSON, as_dict(numbers, notes) | {"provenance": provenance})


def as_dict(numbers: Numbers, notes: tuple[str, ...]) -> dict[str, Any]:
    """Everything but where it comes from, ready for JSON; what is not known is null."""
    comparison, errors, frames = numbers.comparison, numbers.errors, numbers.comparison.frames
    everybody = [*comparison.sides, *(() if comparison.reference is None else (comparison.reference,))]
    return {
        "format": "npm-studio comparison",
        "format_version": VERSION,
        "against": "truth" if comparison.reference is not None else "observation",
        "headline": numbers.headline,
        "frames": list(frames.names),
        "timestamps_s": [_number(time) for time in frames.times_s],
        "left_out": {side.name: list(names) for side, names in zip(everybody, frames.left_out, strict=True)},
        "joined_by": {side.name: by for side, by in zip(everybody, frames.by, strict=True)},
        "sides": [_of_side(side, frames.names) for side in numbers.sides],
        "per_frame": {
            name: {side.name: [_number(v) for v in row] for side, row in zip(comparison.sides, values, strict=True)}
            for name, values in errors.values.items()
        },
        "lost": {
            side.name: row.tolist() if known else None
            for side, row, known in zip(comparison.sides, errors.lost, errors.lost_known, strict=True)
        },
        "lost_beyond_mm": {"surface": LOST_SURFACE_MM, "correspondence": LOST_CORRESPONDENCE_MM},
        "undefined": {
            name: {side.name: why for side, why in zip(comparison.sides, reasons, strict=True) if why}
            for name, reasons in errors.undefined.items()
        },
        "definitions": {metric.name: asdict(metric) for metric in errors.metrics},
        "intervals": f"{CONFIDENCE:.0%} of paired differences to the best side, by a bootstrap of blocks of frames",
        "seed": numbers.seed,
        "notes": list(notes),
    }


def _of_side(side: SideSummary, frame_names: tuple[str, ...]) -> dict[str, Any]:
    metrics = {
        name: {
            "mean": _number(each.mean),
            "median": _number(each.median),
            "worst": _number(each.worst),
            "worst_frame": None if each.worst_frame is None else frame_names[each.worst_frame],
            "frames": each.frames,
            "to_best": {part: _number(value) for part, value in asdict(each.to_best).items()},
        }
        for name, each in side.metrics.items()
    }
    return {"name": side.name, "lost": side.lost, "seconds_per_frame": side.seconds_per_frame, "metrics": metrics}


def _write_frames(numbers: Numbers, path: Path) -> None:
    """A row for each frame and side."""
    comparison, errors = numbers.comparison, numbers.errors
    names = [metric.name for metric in errors.metrics]
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "time_s", "side", *names, "lost"])
        for frame, (name, time_s) in enumerate(zip(comparison.frames.names, comparison.frames.times_s, strict=True)):
            for index, side in enumerate(comparison.sides):
                values = [_text(errors.values[metric][index, frame]) for metric in names]
                lost = str(int(errors.lost[index, frame])) if errors.lost_known[index] else ""
                table.writerow([name, _text(time_s), side.name, *values, lost])


def _write_summary(numbers: Numbers, path: Path) -> None:
    """A row for each side and metric; lost frames and seconds per frame have a mean alone."""
    frames = numbers.comparison.frames
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["side", "metric", "unit", "mean", "median", "worst", "worst_frame", "frames", "to_best", "low", "high"]
        )
        for side in numbers.sides:
            for metric in numbers.errors.metrics:
                each = side.metrics[metric.name]
                worst = "" if each.worst_frame is None else frames.names[each.worst_frame]
                apart = (each.to_best.mean, each.to_best.low, each.to_best.high)
                values = [_text(value) for value in (each.mean, each.median, each.worst)]
                table.writerow([side.name, metric.name, metric.unit, *values, worst, each.frames, *map(_text, apart)])
            for name, unit, value in (
                ("lost_frames", "1", None if side.lost is None else side.lost / len(frames)),
                ("seconds_per_frame", "s", side.seconds_per_frame),
            ):
                table.writerow([side.name, name, unit, "" if value is None else repr(value), *[""] * 7])


def _text(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else ""


def _number(value: float) -> float | None:
    """JSON has no NaN."""
    return float(value) if math.isfinite(value) else None
