"""From what a method gives to what a run says: frames measured, lost ones marked and perhaps filled, a verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.core.errors import Notice, Setting, remedy
from engine.core.progress import Progress
from engine.methods.distances import FrameMeasure, Measures, measure
from engine.methods.filling import fill_lost
from engine.methods.method import FitResult
from engine.methods.request import FitRequest
from engine.methods.result_frames import check_result, frames_of, with_meshes_only
from engine.methods.run import SCAN, SKIPPED, RunFrame
from engine.methods.scan_distances import measure_scan
from engine.methods.support import support_of
from engine.methods.verdict import Evidence, Verdict, verdict_of
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.scan import Scan


@dataclass(frozen=True, eq=False)
class Outcome:
    """A result that has been looked at."""

    result: FitResult
    frames: tuple[RunFrame, ...]
    verdict: Verdict


def outcome_of(request: FitRequest, result: FitResult, progress: Progress) -> Outcome:
    """Measure ``result``, judge it, and fill its lost frames where ``request`` wants that.

    A frame in which nothing of the subject is seen is lost, whatever the method says. The verdict is about what the
    method found: filling does not make it better.

    Raises:
        InputError: the result is not of the form that `FitResult` promises, or a frame cannot be read.
    """
    sequence, method = request.sequence, request.method.id
    check_result(sequence, result, method)
    subject = result.subject or sequence
    result = with_meshes_only(result, method, progress)
    frames = frames_of(sequence, result)
    result, measures = _measured(sequence.scan, subject, result, progress)
    lost = tuple(True if each.pixels == 0 else frame.lost for frame, each in zip(frames, measures.frames, strict=True))
    frames = tuple(replace(frame, lost=is_lost) for frame, is_lost in zip(frames, lost, strict=True))
    frames = _with_distances(frames, range(len(frames)), measures.frames)
    model = None if request.model is None else request.model.model.info
    support = None
    if result.undeformed is not None and sequence.scan is None:
        support = support_of(result.meshes, result.undeformed, subject, progress)
    skipped = result.details.get(SKIPPED, 0)
    verdict = verdict_of(Evidence(measures, lost, result.doubt, model, support, sequence.scan is not None, skipped))
    if request.fill_lost:
        result, frames = fill_lost(result, frames)
        filled = [row for row, frame in enumerate(frames) if frame.filled]
        frames = _with_distances(frames, filled, measure(result.meshes, subject, filled).frames)
    _tell(request, frames, progress)
    return Outcome(result, frames, verdict)


def _measured(
    scan: Scan | None, subject: DepthSequence, result: FitResult, progress: Progress
) -> tuple[FitResult, Measures]:
    """How far ``result`` lies from what was seen; of a scan it then says what was done and found."""
    if scan is None:
        return result, measure(result.meshes, subject, progress=progress)
    progress.stage("measure", 1)
    measures, found = measure_scan(result.meshes.read(0), scan)
    progress.advance(1)
    told = {"unit": scan.unit, "points": scan.is_cloud, "file_to_world": scan.file_to_world.tolist()}
    details = {**result.details, SCAN: told | ({} if found is None else found.as_dict())}
    return replace(result, details=details), measures


def _with_distances(
    frames: tuple[RunFrame, ...], rows: Sequence[int], measures: Sequence[FrameMeasure]
) -> tuple[RunFrame, ...]:
    changed = list(frames)
    for row, measured in zip(rows, measures, strict=True):
        mean_mm = None if measured.mean_m is None else round(1000 * measured.mean_m, 3)
        changed[row] = replace(frames[row], mean_distance_mm=mean_mm)
    return tuple(changed)


def _tell(request: FitRequest, frames: tuple[RunFrame, ...], progress: Progress) -> None:
    """What the user may want to do about lost frames."""
    lost, filled = sum(bool(frame.lost) for frame in frames), sum(frame.filled for frame in frames)
    if lost and not request.fill_lost:
        text = f"{lost} of {len(frames)} frames are lost; their meshes are not to be trusted"
        progress.notice(Notice(text, remedy("to interpolate them, use {}", Setting.FILL_LOST)))
    elif lost > filled:
        why = "all are lost" if lost == len(frames) else "frames of this method differ in their triangles"
        progress.notice(Notice(f"the lost frames were not filled: {why}"))
