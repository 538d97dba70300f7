"""A comparison in a folder: the page, the tables and the JSON, written as a whole or not at all."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.comparison.colour_scale import error_limit_mm
from engine.comparison.frame_errors import frame_errors
from engine.comparison.summary import summarise
from engine.core.errors import Cancelled, InputError, Setting, remedy
from engine.core.files import replacing_folder
from engine.core.progress import Progress
from npm_studio.reports.comparison.compared import Compared
from npm_studio.reports.comparison.page import Page, Picture, Video, write_page
from npm_studio.reports.comparison.pictures import (
    Photographer,
    comparison_video,
    typical_frame,
    worst_frames,
)
from npm_studio.reports.comparison.provenance import provenance
from npm_studio.reports.comparison.stage import stage_of
from npm_studio.reports.comparison.tables import FRAMES, JSON, SUMMARY, Numbers, write_tables
from npm_studio.reports.comparison.view_data import view_data

PAGE = "index.html"
_BEHIND = 180.0


def check_out(out: Path) -> None:
    """Refuse to replace what is no comparison, or a comparison beside which other things were put.

    Raises:
        InputError: ``out`` holds something else.
    """
    if not out.exists():
        return
    names = {path.name for path in out.iterdir()} if out.is_dir() else set()
    cure = remedy("choose another folder for {}", Setting.OUT)
    if not out.is_dir() or (names and JSON not in names):
        raise InputError(out, "exists and is no comparison", cure)
    if others := sorted(name for name in names - {PAGE, FRAMES, SUMMARY, JSON} if not name.startswith(".")):
        raise InputError(out, f"holds {others[0]}, too, which would be lost", cure)


def write_comparison(
    compared: Compared, out: Path, command: str = "", seed: int = 0, progress: Progress | None = None
) -> Numbers:
    """Measure ``compared`` and write the page and the tables into ``out``.

    Args:
        out: replaced when it holds a comparison already
        command: that does this again, for the page; empty where none was given
        seed: of the points that are measured, and of the intervals

    Raises:
        InputError: ``out`` holds something else, a file is damaged, nothing can be measured, or nothing can be drawn.
        Cancelled: ``progress`` asked to stop; nothing is written.
    """
    check_out(out)
    progress, comparison = progress or Progress(), compared.comparison
    with replacing_folder(out) as folder, tempfile.TemporaryDirectory() as work:
        errors = frame_errors(comparison, seed, progress)
        if not errors.metrics:
            raise InputError("comparison", "no frame of any side can be measured", "look at the runs")
        numbers = Numbers(comparison, errors, summarise(comparison, errors, seed), seed)
        facts = provenance(comparison.sides, compared.truth, command, progress)
        write_tables(numbers, compared.notes, facts, folder)
        stage, limit_mm = stage_of(comparison), error_limit_mm(comparison)
        view = view_data(comparison, compared.shown, stage, limit_mm, progress)
        video = Path(work) / "video.mp4"
        with Photographer(comparison, compared.shown, stage, limit_mm) as photographer:
            frames = comparison_video(comparison, photographer, video, progress)
            plans = ([] if limit_mm is None else _maps(numbers)), _worst(numbers)
            progress.stage("pictures", sum(map(len, plans)))
            maps = _pictures(plans[0], numbers, photographer, progress, 0)
            worst = _pictures(plans[1], numbers, photographer, progress, len(maps))
        page = Page(
            title=_title(numbers),
            summary=_summary(compared),
            numbers=numbers,
            notes=compared.notes,
            view=view,
            limit_mm=limit_mm,
            maps=maps,
            worst=worst,
            video=Video(video, frames, comparison.sides[0].meshes.frame_rate * len(frames) / len(comparison)),
            provenance=facts,
            shows_what_was_seen=any(view.manifest["points"]),
        )
        write_page(page, folder / PAGE)
    return numbers


def _title(numbers: Numbers) -> str:
    recordings = {side.run.inputs.sequence.name for side in numbers.comparison.sides if side.run is not None}
    count = len(numbers.sides)
    return f"{f'{count} results' if count > 1 else 'A result'} of {' and '.join(sorted(recordings)[:2])}"


def _summary(compared: Compared) -> str:
    comparison = compared.comparison
    frames, names = len(comparison), ", ".join(side.name for side in comparison.sides)
    against = (
        "what the camera saw: no truth is known" if comparison.reference is None else f"the truth in {compared.truth}"
    )
    return f"{names}, in {frames} {'frame' if frames == 1 else 'frames'}, compared with {against}."


@dataclass(frozen=True)
class _Shot:
    """A picture to be taken."""

    frame: int
    caption: str
    turned: float = 0.0
    leads_there: bool = True
    shrink: int = 1


def _pictures(
    shots: Sequence[_Shot], numbers: Numbers, photographer: Photographer, progress: Progress, done: int
) -> list[Picture]:
    pictures = []
    for shot in shots:
        if progress.cancelled():
            raise Cancelled
        row = photographer.row(shot.frame, shot.turned, _captions(numbers, shot.frame), shot.shrink)
        pictures.append(Picture(row, shot.caption, shot.frame if shot.leads_there else None))
        progress.advance(done + len(pictures))
    return pictures


def _maps(numbers: Numbers) -> list[_Shot]:
    """The typical frame from before and behind."""
    frame = typical_frame(numbers.errors, numbers.headline)
    name = numbers.comparison.frames.names[frame]
    text = f"Frame {name}, whose mean over the sides is the median one; the colours are those of the 3-D view."
    return [_Shot(frame, text), _Shot(frame, "The same frame from behind.", _BEHIND, leads_there=False)]


def _worst(numbers: Numbers) -> list[_Shot]:
    shots = []
    values, metric = numbers.errors.values[numbers.headline], numbers.errors.metrics[0]
    for each in worst_frames(numbers.errors, numbers.headline):
        name, side = numbers.comparison.frames.names[each.frame], numbers.sides[each.side].name
        value = f"{values[each.side, each.frame]:.1f} {metric.unit}"
        rank = "the worst" if each.is_worst else "one of the worst"
        shots.append(_Shot(each.frame, f"Frame {name}: {rank} of {side}, {value}.", shrink=2))
    return shots


def _captions(numbers: Numbers, frame: int) -> list[str]:
    values = numbers.errors.values[numbers.headline][:, frame]
    return [f"{value:.1f} mm" if value == value else "–" for value in values]
