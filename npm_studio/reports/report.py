"""A report of one fitted sequence: a single HTML file that needs nothing else."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template

import numpy as np
from numpy.typing import NDArray

from engine.core.files import replacing_file
from engine.evaluate.metrics import FAILED_CHAMFER_L2, METRICS, MetricDefinition, SequenceMetrics
from engine.geometry.similarity import Similarity

_TEMPLATE = Path(__file__).parents[1] / "resources" / "report.html"
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
    metrics: SequenceMetrics
    frame_names: tuple[str, ...]
    similarity: Similarity
    """Between metres and the canonical units of the metrics."""
    timings: Mapping[str, float]
    """Seconds by step, in order."""
    machine: Mapping[str, str]
    files: Mapping[str, str]
    """What each file beside the report is, by name."""


def write_report(report: Report, path: Path) -> None:
    """Write ``report`` as HTML with its pictures and videos inside."""
    metrics, millimetres = report.metrics, 1000 / report.similarity.scale
    tiles = {
        "IoU with the true bodies": f"{metrics.iou:.3f}",
        "accuracy: mean distance to the truth": f"{metrics.accuracy * millimetres:.1f} mm",
        "tracking error (EPE)": _or_dash(metrics.epe * millimetres, "{:.1f} mm"),
        f"for {len(report.frame_names)} frames, all steps": f"{sum(report.timings.values()):.0f} s",
    }
    note = (
        f"{metrics.samples:,} surface samples and {metrics.iou_points:,} volume points per frame, seed {metrics.seed}. "
        f"{metrics.failed_frames:.0%} of the frames have failed (Chamfer-l2 above {FAILED_CHAMFER_L2:g}); the median "
        f"frame has a Chamfer-l2 of {_compact(metrics.median_frame_chamfer_l2)}. Distances are between samples, so "
        "their spacing adds to them; the colours of error maps are exact distances to the surface."
    )
    chart = line_chart(
        {name: metrics.per_frame[name] * millimetres for name in ("accuracy", "completeness")},
        f"mean distance [mm], frames {report.frame_names[0]} to {report.frame_names[-1]}",
    )
    text = Template(_TEMPLATE.read_text(encoding="utf-8")).substitute(
        title=escape(report.title),
        summary=escape(report.summary),
        tiles="".join(_tile(name, value) for name, value in tiles.items()),
        figures="\n".join(_figure(figure) for figure in report.figures),
        metrics_note=escape(note),
        metrics="\n".join(_metric_row(metric, getattr(metrics, metric.name), report.similarity) for metric in METRICS),
        chart=chart,
        timings=_rows({name: f"{seconds:.1f} s" for name, seconds in report.timings.items()}),
        machine=_rows(report.machine),
        files=_rows(report.files, code=True),
    )
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def line_chart(series: Mapping[str, NDArray[np.float64]], title: str) -> str:
    """An SVG of one or two ``series`` (F,) over the frames, from zero up."""
    width, height, left, bottom, top = 1000, 240, 48, 24, 34
    count = max(len(values) for values in series.values())
    peak = max(float(np.nanmax(values)) for values in series.values()) or 1.0
    step = 10 ** math.floor(math.log10(peak))
    step = next(step * part for part in (0.2, 0.5, 1, 2, 5) if step * part * 5 >= peak)
    ceiling = step * math.ceil(peak / step)

    def y(value: float) -> float:
        return height - bottom - value / ceiling * (height - bottom - top)

    parts = [f'<svg viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>']
    parts.append(f'<text x="{left}" y="16">{escape(title)}</text>')
    for tick in np.arange(0, ceiling + step / 2, step):
        parts.append(f'<line class="rule" x1="{left}" x2="{width}" y1="{y(tick):.1f}" y2="{y(tick):.1f}"/>')
        parts.append(f'<text x="{left - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    for index, (name, values) in enumerate(series.items()):
        colour = ("var(--first)", "var(--second)")[index]
        x = left + 12 + (width - left - 24) * np.arange(len(values)) / max(count - 1, 1)
        points = " ".join(f"{a:.1f},{y(b):.1f}" for a, b in zip(x, values, strict=True))
        parts.append(f'<polyline class="line" style="stroke:{colour}" points="{points}"/>')
        parts.append(
            f'<text x="{width - 130 * (len(series) - index)}" y="16" style="fill:{colour}">{escape(name)}</text>'
        )
    return "".join([*parts, "</svg>"])


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


def _metric_row(metric: MetricDefinition, value: float, similarity: Similarity) -> str:
    number, world = _or_dash(value, "{:.4f}"), ""
    if metric.unit == "canonical units":
        world = _or_dash(value / similarity.scale * 1e3, "{:.1f} mm")
    elif metric.unit == "canonical units squared":
        number, world = _compact(value), f"{value / similarity.scale**2 * 1e6:.1f} mm²"
    cells = (
        f"<th>{escape(metric.title)}</th>",
        f'<td class="number">{number}</td>',
        f'<td class="number">{world}</td>',
        f"<td>{metric.better}</td>",
        f"<td>{escape(metric.definition)} Unit: {escape(metric.unit)}.</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _rows(values: Mapping[str, str], code: bool = False) -> str:
    head = "<th><code>{}</code></th>" if code else "<th>{}</th>"
    return "\n".join(f"<tr>{head.format(escape(name))}<td>{escape(value)}</td></tr>" for name, value in values.items())


def _compact(value: float) -> str:
    """Chamfer-l2 is customarily given in thousandths."""
    return f"{value * 1e3:.4f}e-3"


def _or_dash(value: float, pattern: str) -> str:
    return "–" if math.isnan(value) else pattern.format(value)
