"""The page of a comparison: one HTML file that asks for nothing else."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from engine.core.files import replacing_file
from npm_studio.reports.comparison.number_table import all_numbers, definitions, lead, main_table, side_name
from npm_studio.reports.comparison.tables import Numbers
from npm_studio.reports.comparison.view_data import ViewData
from npm_studio.reports.line_chart import compared_chart
from npm_studio.reports.pictures.colours import ERROR_STOPS
from npm_studio.reports.report import RESOURCES, STYLE

_SCRIPTS = ("comparison_meshes.js", "comparison_view.js", "comparison_page.js")
_CHARTED = ("surface_mm", "correspondence_mm", "seen_mm")
_NUMBERS_NOTE = (
    "Under a mean: by how much it is above the best one, and the interval that holds this difference with 95 % "
    "confidence. Frames are paired, and drawn in blocks because neighbours are alike. Where the interval holds zero, "
    "marked ≈, the difference may be chance."
)
_MOST_COLUMNS = 6
"""Of views beside each other."""


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture with its caption; ``frame`` is where its button leads."""

    pixels: NDArray[np.uint8]
    """(H, W, 3)"""
    caption: str
    frame: int | None = None


@dataclass(frozen=True, eq=False)
class Video:
    """An MP4, the frames that it shows, and how many of them in a second."""

    path: Path
    frames: Sequence[int]
    rate: float


@dataclass(frozen=True, eq=False)
class Page:
    """What the page shows."""

    title: str
    summary: str
    numbers: Numbers
    notes: tuple[str, ...]
    view: ViewData
    limit_mm: float | None
    maps: Sequence[Picture]
    worst: Sequence[Picture]
    video: Video
    provenance: Mapping[str, Any]
    shows_what_was_seen: bool


def write_page(page: Page, path: Path) -> None:
    """Write ``page`` as HTML, with its pictures, video, meshes and scripts inside."""
    numbers = page.numbers
    frames = numbers.comparison.frames
    style = Template((RESOURCES / "comparison.css").read_text(encoding="utf-8"))
    count = len(page.view.manifest["sides"])
    columns = count if count <= _MOST_COLUMNS else -(-count // 2)
    text = Template((RESOURCES / "comparison.html").read_text(encoding="utf-8")).substitute(
        title=escape(page.title),
        style=STYLE.read_text(encoding="utf-8") + style.substitute(ramp=", ".join(ERROR_STOPS)),
        summary=escape(page.summary),
        lead=lead(numbers),
        notes=_notes(page.notes),
        numbers=main_table(numbers),
        numbers_note=escape(_NUMBERS_NOTE) if len(numbers.sides) > 1 else "",
        view_note=escape(page.view.note),
        columns=str(columns),
        cells="\n".join(_cell(side, index) for index, side in enumerate(page.view.manifest["sides"])),
        last=str(len(frames) - 1),
        switches=_switches(page),
        keys=_keys(page),
        legend=_legend(page),
        series="".join(f"<span>{side_name(numbers, side)}</span>" for side in range(len(numbers.sides))),
        ring='<span class="quiet">a ring marks a lost frame</span>' if numbers.errors.lost.any() else "",
        charts="\n".join(_charts(numbers)),
        maps="\n".join(_figure(picture) for picture in page.maps) or _none("No errors of single vertices are known."),
        worst_note=escape(_worst_note(page)),
        worst="\n".join(_figure(picture) for picture in page.worst),
        video=_video(page.video, len(frames)),
        definitions=definitions(numbers),
        all_numbers=all_numbers(numbers),
        provenance=_provenance(page.provenance),
        page=_script_json(_page_json(page)),
        meshes=page.view.meshes,
        scripts="\n".join((RESOURCES / name).read_text(encoding="utf-8") for name in _SCRIPTS),
    )
    with replacing_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _page_json(page: Page) -> dict[str, Any]:
    numbers = page.numbers
    frames, errors = numbers.comparison.frames, numbers.errors
    values = errors.values[numbers.headline]
    rate = numbers.comparison.sides[0].meshes.frame_rate
    return {
        "frames": list(frames.names),
        "times": [float(time) if np.isfinite(time) else None for time in frames.times_s],
        "rate": rate,
        "limit_mm": page.limit_mm,
        "stops": list(ERROR_STOPS),
        "cell": 0.5 if page.view.manifest["size"] > 0.6 else 0.1 if page.view.manifest["size"] > 0.12 else 0.02,
        "sides": [
            {
                "name": side.name,
                "values": [round(float(value), 3) if np.isfinite(value) else None for value in values[index]],
                "lost": errors.lost[index].tolist() if errors.lost_known[index] else None,
            }
            for index, side in enumerate(numbers.sides)
        ],
        "view": page.view.manifest,
        "video": {"frames": list(page.video.frames), "rate": page.video.rate},
    }


def _cell(side: Mapping[str, Any], index: int) -> str:
    if side["reference"]:
        return f'<div class="cell"><b>{escape(side["name"])}</b></div>'
    name = f'<b style="--chip: var(--side-{index})"><i class="chip"></i>{escape(side["name"])}</b>'
    return f'<div class="cell">{name}<span class="value" data-side="{index}"></span></div>'


def _switches(page: Page) -> str:
    parts = []
    if page.limit_mm is not None:
        parts.append('<button id="errors" class="button switch" aria-pressed="true">Errors</button>')
    if page.shows_what_was_seen:
        parts.append('<button id="seen" class="button switch" aria-pressed="false">What was seen</button>')
    return "\n".join(parts)


def _keys(page: Page) -> str:
    keys = (("E", "errors", page.limit_mm is not None), ("S", "what was seen", page.shows_what_was_seen))
    return "".join(f", <kbd>{key}</kbd> {what}" for key, what, there in keys if there)


def _legend(page: Page) -> str:
    if page.limit_mm is None:
        return '<span id="legend"></span>'
    what = "the true surface" if page.numbers.comparison.reference is not None else "what was seen"
    ends = f"<span>0</span><i></i><span>{page.limit_mm:g} mm and more</span>"
    return f'<span id="legend" class="legend">Distance to {what}: {ends}</span>'


def _charts(numbers: Numbers) -> list[str]:
    colours = [f"var(--side-{index})" for index in range(len(numbers.sides))]
    charts = []
    for metric in numbers.errors.metrics:
        if metric.name in _CHARTED:
            title = f"{metric.title} [{metric.unit}]"
            values, lost = list(numbers.errors.values[metric.name]), list(numbers.errors.lost)
            charts.append(compared_chart(values, title, colours, lost, numbers.comparison.frames.names))
    return charts


def _figure(picture: Picture) -> str:
    caption = escape(picture.caption)
    if picture.frame is not None:
        caption += f' <button class="frame" data-frame="{picture.frame}">Show in 3-D</button>'
    alt = escape(picture.caption)
    source = f"data:image/webp;base64,{_webp(picture.pixels)}"
    return f'<figure><img class="sheet" src="{source}" alt="{alt}"><figcaption>{caption}</figcaption></figure>'


def _webp(pixels: NDArray[np.uint8]) -> str:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", quality=82, method=4)
    return base64.b64encode(buffer.getvalue()).decode("ascii")


def _video(video: Video, frames: int) -> str:
    source = base64.b64encode(video.path.read_bytes()).decode("ascii")
    what = "All frames" if len(video.frames) == frames else f"{len(video.frames)} of {frames} frames"
    caption = f"{what}, all sides at the same time. While it stands still it follows the timeline above."
    tag = f'<video id="video" src="data:video/mp4;base64,{source}" controls muted loop playsinline></video>'
    return f"<figure>{tag}<figcaption>{caption}</figcaption></figure>"


def _provenance(facts: Mapping[str, Any]) -> str:
    parts = []
    hashes = facts["sha256"]
    for name, run in facts["runs"].items():
        verdict = "none" if run["verdict"] is None else f"{run['verdict']}: {run['reason']}"
        rows = {
            "Run": run["folder"],
            "Command": run["command"],
            "Seed, device": f"{run['seed']}, {run['device']}",
            "Versions": ", ".join(f"{package} {version}" for package, version in run["versions"].items()),
            "Model": _with_hash(run["model"], hashes),
            "Recording": _with_hash(run["recording"], hashes),
            "Its own verdict": verdict,
        }
        parts.append(f"<details><summary>{escape(name)}</summary>{_rows(rows)}</details>")
    rows = {
        "Command": facts["command"] or "none: by a script or the application",
        "Truth": _with_hash(facts["truth"], hashes),
        "Versions": ", ".join(f"{package} {version}" for package, version in facts["versions"].items()),
        "Machine": facts["processor"],
    }
    return "\n".join([_rows(rows), *parts])


def _with_hash(path: str | None, hashes: Mapping[str, str | None]) -> str:
    if path is None:
        return "none"
    return f"{path}, SHA-256 {hashes.get(path) or 'not known: it is gone'}"


def _rows(rows: Mapping[str, str]) -> str:
    return (
        "<table>"
        + "".join(
            f"<tr><th>{escape(name)}</th><td><code>{escape(value)}</code></td></tr>" for name, value in rows.items()
        )
        + "</table>"
    )


def _notes(notes: Sequence[str]) -> str:
    if not notes:
        return ""
    return f'<div class="notes">{"".join(f"<p>{escape(note)}</p>" for note in notes)}</div>'


def _none(text: str) -> str:
    return f'<p class="quiet">{escape(text)}</p>'


def _worst_note(page: Page) -> str:
    metric = page.numbers.errors.metrics[0].title.lower()
    if len(page.numbers.sides) == 1:
        return f"The worst by {metric}; neighbours are passed over."
    return f"The worst of each side by {metric}, then those in which any of them is worst; neighbours are passed over."


def _script_json(value: Any) -> str:
    """JSON that cannot end the script element that it stands in."""
    return json.dumps(value, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
