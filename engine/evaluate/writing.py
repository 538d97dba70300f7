"""Metrics on disk: ``metrics.json`` with all that is known of them, ``metrics.csv`` with a row for each frame."""

import csv
import math
from pathlib import Path

from engine.core.files import replacing_file, write_json
from engine.evaluate.definitions import CANONICAL_METRICS, METRICS
from engine.evaluate.metrics import SequenceMetrics

JSON, CSV = "metrics.json", "metrics.csv"


def write_metrics(metrics: SequenceMetrics, folder: Path) -> None:
    """Write both files into ``folder``."""
    write_json(folder / JSON, metrics.as_dict())
    columns = {metric.name: metrics.per_frame[metric.name] for metric in METRICS}
    columns |= {f"{metric.name}_canonical": metrics.per_frame[metric.name] for metric in CANONICAL_METRICS}
    with replacing_file(folder / CSV) as temporary, temporary.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["frame", "time_s", *columns])
        for index, (name, time_s) in enumerate(zip(metrics.frame_names, metrics.times_s, strict=True)):
            numbers = (time_s, *(values[index] for values in columns.values()))
            table.writerow([name, *("" if math.isnan(number) else repr(float(number)) for number in numbers)])
