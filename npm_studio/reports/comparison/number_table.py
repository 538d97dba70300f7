"""The numbers of a comparison as HTML: who is best in what, and whether by more than chance."""

import math
from html import escape

from engine.comparison.frame_errors import LOST_CORRESPONDENCE_MM, LOST_SURFACE_MM
from engine.comparison.intervals import Interval
from engine.comparison.summary import MetricSummary, best_side
from engine.evaluate.definitions import MetricDefinition
from npm_studio.reports.comparison.tables import Numbers

_IN_MAIN = ("surface_mm", "correspondence_mm", "seen_mm", "unseen")


def lead(numbers: Numbers) -> str:
    """The result in a sentence or two."""
    metric = numbers.errors.metrics[0]
    best = best_side(numbers.errors.values[metric.name])
    if best is None:
        return "No frame is known of all sides."
    means = [side.metrics[metric.name].mean for side in numbers.sides]
    against = "the truth" if numbers.comparison.reference is not None else "what was seen"
    name, value = f"<b>{escape(numbers.sides[best].name)}</b>", _value(means[best], metric)
    if len(numbers.sides) == 1:
        return f"{name} is {value} from {against} on average."
    text = f"{name} is nearest to {against}: {value} on average"
    others = [index for index, mean in enumerate(means) if index != best and math.isfinite(mean)]
    if others:
        next_best = min(others, key=lambda index: means[index])
        apart = numbers.sides[next_best].metrics[metric.name].to_best
        sure = "" if apart.is_beyond_chance or math.isnan(apart.low) else ", which may be chance"
        text += f", {_value(apart.mean, metric)} less than {escape(numbers.sides[next_best].name)}{sure}"
    elsewhere = _winners_elsewhere(numbers, best)
    return f"{text}.{f' {elsewhere}' if elsewhere else ''}"


def main_table(numbers: Numbers) -> str:
    """Sides in columns; mean, median and worst frame of the headline, means of what else matters, lost frames, time."""
    sides = range(len(numbers.sides))
    head = "".join(f"<th>{side_name(numbers, side)}</th>" for side in sides)
    rows = []
    for metric in numbers.errors.metrics:
        if metric.name in _IN_MAIN:
            rows += _metric_rows(numbers, metric, metric.name == numbers.headline)
    lost = [side.lost for side in numbers.sides]
    if any(count is not None for count in lost):
        rows.append(_row("Lost frames", lost, [_lost_text(numbers, side) for side in sides], _why_lost(numbers)))
    seconds = [side.seconds_per_frame for side in numbers.sides]
    rows.append(
        _row("Seconds per frame", seconds, ["–" if s is None else f"{s:.3g} s" for s in seconds], _device(numbers))
    )
    return f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def all_numbers(numbers: Numbers) -> str:
    """Mean, median and worst frame of every metric."""
    head = "".join(f"<th>{side_name(numbers, side)}</th>" for side in range(len(numbers.sides)))
    rows = [row for metric in numbers.errors.metrics for row in _metric_rows(numbers, metric, True)]
    table = f"<table><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
    unknown = [
        f"<p class='quiet'>No {escape(name.removesuffix('_mm'))} of {escape(side.name)}: {escape(why)}.</p>"
        for name, reasons in numbers.errors.undefined.items()
        for side, why in zip(numbers.sides, reasons, strict=True)
        if why
    ]
    return (
        f'<details><summary>Every metric of every side</summary><div class="scroll numbers">{table}</div></details>'
        + ("".join(unknown))
    )


def definitions(numbers: Numbers) -> str:
    """Rows of a table."""
    return "".join(
        f"<tr><th>{escape(metric.title)}</th><td>{escape(metric.definition)} Unit: {escape(metric.unit)}.</td></tr>"
        for metric in numbers.errors.metrics
    )


def side_name(numbers: Numbers, side: int) -> str:
    """With the colour of its curve."""
    return f'<span style="--chip: var(--side-{side})"><i class="chip"></i>{escape(numbers.sides[side].name)}</span>'


def _metric_rows(numbers: Numbers, metric: MetricDefinition, is_whole: bool) -> list[str]:
    """The mean, and with ``is_whole`` the median and the worst frame."""
    each = [side.metrics[metric.name] for side in numbers.sides]
    best = best_side(numbers.errors.values[metric.name])
    as_good = {index for index, summary in enumerate(each) if best is not None and summary.mean == each[best].mean}
    means = [_mean(summary, metric, index in as_good) for index, summary in enumerate(each)]
    others = sum(math.isfinite(summary.mean) for summary in each) > 1
    rows = [_cells(metric.title, "mean over frames", means, as_good if others else set())]
    if is_whole:
        medians = [summary.median for summary in each]
        rows.append(_row("median", medians, [_value(m, metric) for m in medians], is_part=True))
        worst = [summary.worst for summary in each]
        texts = [_worst(numbers, summary, metric) for summary in each]
        rows.append(_row("worst frame", worst, texts, is_part=True))
    return rows


def _row(
    title: str,
    values: "list[float] | list[int | None] | list[float | None]",
    texts: list[str],
    note: str = "",
    is_part: bool = False,
) -> str:
    """A row whose least value is best, where there is another to be better than."""
    known = [value for value in values if value is not None and math.isfinite(value)]
    best = {index for index, value in enumerate(values) if len(known) > 1 and value == min(known)}
    return _cells(title, note, texts, best, is_part)


def _cells(title: str, note: str, texts: list[str], best: set[int], is_part: bool = False) -> str:
    """A row with the ``best`` cells marked, unless all are as good."""
    small = f"<small>{escape(note)}</small>" if note else ""
    is_won = 0 < len(best) < len(texts)
    cells = "".join(
        f'<td class="best">{text}</td>' if is_won and index in best else f"<td>{text}</td>"
        for index, text in enumerate(texts)
    )
    return f'<tr class="{"part" if is_part else "whole"}"><th>{escape(title)}{small}</th>{cells}</tr>'


def _mean(summary: MetricSummary, metric: MetricDefinition, is_best: bool) -> str:
    text = _value(summary.mean, metric)
    if is_best or math.isnan(summary.to_best.mean):
        return text
    return f"{text}<small>{_interval(summary.to_best, metric)}</small>"


def _interval(apart: Interval, metric: MetricDefinition) -> str:
    scale, digits = (100, 1) if metric.unit == "1" else (1, 1 if abs(apart.mean) >= 1 else 2)
    mean, low, high = (scale * value for value in (apart.mean, apart.low, apart.high))
    if math.isnan(low):  # of a single frame
        return f"{mean:+.{digits}f}".replace("-", "−")
    chance = "" if apart.is_beyond_chance else " ≈"
    return f"{mean:+.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]{chance}".replace("-", "−")


def _worst(numbers: Numbers, summary: MetricSummary, metric: MetricDefinition) -> str:
    if summary.worst_frame is None:
        return "–"
    name = escape(numbers.comparison.frames.names[summary.worst_frame])
    return f'{_value(summary.worst, metric)} <button class="frame" data-frame="{summary.worst_frame}">{name}</button>'


def _value(value: float, metric: MetricDefinition) -> str:
    if not math.isfinite(value):
        return "–"
    if metric.unit == "1":
        return f"{100 * value:.1f} %"
    return f"{value:.{1 if abs(value) >= 1 else 2}f} {metric.unit}"


def _lost_text(numbers: Numbers, side: int) -> str:
    lost, count = numbers.sides[side].lost, len(numbers.comparison)
    return "–" if lost is None else f"{lost} of {count}"


def _why_lost(numbers: Numbers) -> str:
    if numbers.comparison.reference is None:
        return "as the methods say"
    return f"surface over {LOST_SURFACE_MM:g} or correspondence over {LOST_CORRESPONDENCE_MM:g} mm"


def _device(numbers: Numbers) -> str:
    """Where the runs that have a time were made, if in one place."""
    pairs = zip(numbers.comparison.sides, numbers.sides, strict=True)
    timed = (side.run for side, each in pairs if each.seconds_per_frame is not None)
    devices = {run.inputs.device for run in timed if run is not None}
    return f"of the whole fit, on {devices.pop()}" if len(devices) == 1 else "of the whole fit, on different devices"


def _winners_elsewhere(numbers: Numbers, best: int) -> str:
    """Who is best in what the best side is not, beyond chance."""
    found = []
    for metric in numbers.errors.metrics[1:]:
        other = best_side(numbers.errors.values[metric.name])
        if metric.name in _IN_MAIN and other is not None and other != best:
            apart = numbers.sides[best].metrics[metric.name].to_best
            if apart.is_beyond_chance:
                found.append(f"<b>{escape(numbers.sides[other].name)}</b> in {metric.title.lower()}")
    known = [(side.seconds_per_frame, index) for index, side in enumerate(numbers.sides) if side.seconds_per_frame]
    if len(known) > 1 and numbers.sides[best].seconds_per_frame and min(known)[1] != best:
        found.append(f"<b>{escape(numbers.sides[min(known)[1]].name)}</b> in time")
    return f"Elsewhere another is better: {', '.join(found)}." if found else ""
