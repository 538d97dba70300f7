"""A report of one fitted sequence: a single HTML file that needs nothing else."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

import numpy as np

from engine.core.files import replacing_file
from engine.evaluate.body_measurements import BODY_MEASUREMENTS
from engine.evaluate.definitions import CANONICAL_METRICS, METRICS, MetricDefinition
from engine.evaluate.metrics import FAILED_CHAMFER_L2, SequenceMetrics
from engine.methods.measured_body import MeasuredBody, measured_body
from engine.methods.run import Run
from engine.methods.run_summary import lost_rows, lost_text, side_text
from npm_studio.reports.body_table import body_rows
from npm_studio.reports.line_chart import line_chart

RESOURCES = Path(__file__).parents[1] / "resources"
_TEMPLATE = RESOURCES / "report.html"
STYLE = RESOURCES / "report.css"
"""Of all pages that this program writes."""
_TYPES = {".png": "image/png", ".mp4": "video/mp4"}


@dataclass(frozen=True)
class Figure:
    """A PNG picture or an MP4 video with its caption."""

    path: Path
    caption: str


@dataclass(frozen=True, eq=False)
class Report:
    """What a report says."""

    title: str
    summary: str
    figures: Sequence[Figure]
    run: Run
    metrics: SequenceMetrics
    timings: Mapping[str, float]
    """Seconds by step, in order."""
    machine: Mapping[str, str]
    files: Mapping[str, str]
    """What each file beside the report is, by name."""


def write_report(report: Report, path: Path) -> None:
    """Write ``report`` as HTML with its pictures and videos inside."""
    metrics = report.metrics
    names = metrics.frame_names
    tiles = {
        "IoU with the true bodies": f"{metrics.means['iou']:.3f}",
        "accuracy: mean distance to the truth": f"{metrics.means['accuracy_mm']:.1f} mm",
        "tracking error (EPE)": _or_dash(metrics.means["epe_mm"], "{:.1f} mm"),
        f"for {len(names)} frames, all steps": f"{sum(report.timings.values()):.0f} s",
    }
    chart = line_chart(
        {name: metrics.per_frame[f"{name}_mm"] for name in ("accuracy", "completeness")},
        f"mean distance [mm], frames {names[0]} to {names[-1]}",
    )
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        style=STYLE.read_text(encoding="utf-8"),
        title=escape(report.title),
        summary=escape(report.summary),
        tiles="".join(_tile(name, value) for name, value in tiles.items()),
        figures="\n".join(_figure(figure) for figure in report.figures),
        verdict=_verdict(report.run),
        fits=_fits(report.run),
        body=_body(measured_body(report.run)),
        metrics_note=escape(_note(metrics)),
        metrics="\n".join(_metric_row(metric, metrics) for metric in METRICS),
        chart=chart,
        timings=_rows({name: f"{seconds:.1f} s" for name, seconds in report.timings.items()}),
        machine=_rows(report.machine),
        files=_rows(report.files, code=True),
    )
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _verdict(run: Run) -> str:
    """What the run says of itself, without knowing the truth."""
    if run.verdict is None:
        return '<p class="quiet">The fit has no verdict of its own.</p>'
    word = f'Verdict of the fit: <b class="{run.verdict}">{run.verdict}</b>'
    parts = [f'<p class="verdict">{word} – {escape(run.reason or "")}.</p>']
    for text in (side_text(run), lost_text(run)):
        if text:
            parts.append(f'<p class="quiet">{escape(text[0].upper() + text[1:])}.</p>')
    return "\n".join(parts)


def _fits(run: Run) -> str:
    """Charts of what is known of each frame without the truth."""
    series = {
        "mean distance of what was seen to the fit [mm]": [frame.mean_distance_mm for frame in run.frames],
        "confidence of the method": [frame.confidence for frame in run.frames],
    }
    parts = []
    for title, values in series.items():
        if any(value is not None for value in values):
            numbers = np.array([math.nan if value is None else value for value in values])
            parts.append(line_chart({"": numbers}, title, lost_rows(run)))
    return "\n".join(parts)


def _body(body: MeasuredBody) -> str:
    """What the fitted body measures, or why nothing is said."""
    if not body.values:
        return f'<p class="quiet">No body measurements: {escape(body.note)}.</p>'
    definitions = {definition.title: definition.definition for definition in BODY_MEASUREMENTS}
    rows = "\n".join(
        f'<tr><th>{escape(title)}</th><td class="number">{escape(value)}</td><td>{escape(definitions[title])}</td></tr>'
        for title, value in body_rows(body)
    )
    note = f'<p class="quiet">{escape(body.note)}</p>' if body.note else ""
    return f'<div class="scroll"><table>{rows}</table></div>{note}'


def _tile(name: str, value: str) -> str:
    return f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>'


def _figure(figure: Figure) -> str:
    kind = _TYPES[figure.path.suffix.lower()]
    source = f"data:{kind};base64,{base64.b64encode(figure.path.read_bytes()).decode('ascii')}"
    text = escape(figure.caption)
    if kind.startswith("video"):
        media = f'<video src="{source}" controls autoplay muted loop playsinline></video>'
    else:
        media = f'<img src="{source}" alt="{text}">'
    return f"<figure>{media}<figcaption>{text}</figcaption></figure>"


def _note(metrics: SequenceMetrics) -> str:
    """How the metrics were made."""
    text = (
        f"{metrics.samples:,} surface samples and {metrics.iou_points:,} volume points per frame, seed {metrics.seed}. "
        "Distances are between samples, so their spacing adds to them; the colours of error maps are exact distances "
        "to the surface."
    )
    if metrics.similarity is None:
        return text
    return (
        f"{text} Canonical metrics, for comparison with published tables, have the similarity "
        f"{metrics.named_similarity}. {metrics.failed_frames:.0%} of the frames have failed (canonical Chamfer-l2 "
        f"above {FAILED_CHAMFER_L2:g}); the median frame has {_compact(metrics.median_frame_chamfer_l2)}."
    )


def _metric_row(metric: MetricDefinition, metrics: SequenceMetrics) -> str:
    unit = "" if metric.unit == "1" else f" {metric.unit}"
    value = _or_dash(metrics.means[metric.name], ("{:.1f}" if "mm" in unit else "{:.4f}") + unit)
    canonical = ""
    for derived in CANONICAL_METRICS:
        if derived.world == metric.name:
            number = metrics.means[derived.name]
            canonical = _compact(number) if derived.power == 2 else _or_dash(number, "{:.4f}")
    why = f" Not defined here: {metrics.undefined[metric.name]}." if metric.name in metrics.undefined else ""
    cells = (
        f"<th>{escape(metric.title)}</th>",
        f'<td class="number">{value}</td>',
        f'<td class="number">{canonical}</td>',
        f"<td>{metric.better}</td>",
        f"<td>{escape(metric.definition)} Unit: {escape(metric.unit)}.{escape(why)}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _rows(values: Mapping[str, str], code: bool = False) -> str:
    head = "<th><code>{}</code></th>" if code else "<th>{}</th>"
    return "\n".join(f"<tr>{head.format(escape(name))}<td>{escape(value)}</td></tr>" for name, value in values.items())


def _compact(value: float) -> str:
    """Chamfer-l2 is customarily given in thousandths."""
    return _or_dash(value * 1e3, "{:.4f}e-3")


def _or_dash(value: float, pattern: str) -> str:
    return "–" if math.isnan(value) else pattern.format(value)
