"""What a fit is given: the subject of a recording, what several cameras saw of it, or a scan of all its sides."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from engine.core.progress import Progress
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.opening import open_subject
from engine.sequences.reader import registered_readers
from engine.sequences.scan_views import open_scan
from engine.sequences.several_views import listed_views, open_views
from external.scans import scan_of

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel


def recordings_of(path: Path, views: Sequence[Path] = ()) -> tuple[Path, ...]:
    """``path``, or what its list of several cameras names, and the recordings of further ones, ``views``.

    Raises:
        InputError: the list is damaged.
    """
    return (*(listed_views(path) or (path,)), *views)


def open_to_fit(
    path: Path,
    model: "NeuralParametricModel | None",
    capture: CaptureOptions = AS_RECORDED,
    views: Sequence[Path] = (),
    progress: Progress | None = None,
) -> DepthSequence:
    """One subject of what is at ``path``, placed where ``model`` expects it.

    Args:
        views: recordings of the same scene by other cameras

    Raises:
        InputError: it cannot be opened, or nothing is left of it.
        Cancelled: ``progress`` asked to stop.
    """
    recordings = recordings_of(path, views)
    if len(recordings) > 1:
        return open_views(recordings, registered_readers(), capture, model, progress)
    scan = None if model is None else scan_of(recordings[0])
    if model is not None and scan is not None:
        if not replace(capture, subject=None):
            return open_scan(scan, model, progress)
        if progress is not None:
            progress.message(
                f"{path}: is read as what one camera saw, because it is stated how a recording is read; with nothing "
                "stated it is fitted as a scan of all sides"
            )
    return open_subject(recordings[0], registered_readers(), capture, model, progress)
