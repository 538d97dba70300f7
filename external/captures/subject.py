"""From a recording to what a model is fitted to: opened, the subject isolated, the camera placed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from engine.dataset.depth_sequence import DepthSequence
from engine.dataset.isolation import Isolation, isolate
from engine.dataset.placement import place
from engine.geometry.similarity import Similarity
from engine.progress import Progress
from external.captures.open_capture import open_capture
from external.captures.recording import CaptureOptions

_FRONT = 0.04
"""Canonical units between the axis of a subject and its visible surface: 0.1 m of a body at 0.4 per metre."""


def open_subject(
    path: Path,
    options: CaptureOptions,
    isolation: Isolation,
    similarity: Similarity | None,
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of the recording ``path``, placed for a model of ``similarity`` unless its camera states a pose.

    Without ``similarity`` the camera stays where the recording says, or at the origin.

    Raises:
        InputError: the recording cannot be opened, or nothing is left of it.
        Cancelled: ``progress`` asked to stop.
    """
    scene = open_capture(path, options, progress)
    subject = isolate(scene, isolation, progress)
    if similarity is None:
        return subject
    return place(subject, similarity.centre, scene, _FRONT / similarity.scale, 1 / similarity.scale)


def as_record(options: CaptureOptions, isolation: Isolation) -> dict[str, Any]:
    """What was stated, as JSON, so that `from_record` opens the recording in the same way."""
    values = {
        "depth_scale": options.depth_scale,
        "intrinsics": None if options.intrinsics is None else str(options.intrinsics),
        "near_m": isolation.near_m,
        "far_m": isolation.far_m,
        "masks": None if isolation.masks is None else str(isolation.masks),
        "remove_planes": isolation.remove_planes or None,
        "largest_component": isolation.largest_component or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def from_record(record: Mapping[str, Any]) -> tuple[CaptureOptions, Isolation]:
    """The inverse of `as_record`."""
    isolation = Isolation(
        near_m=record.get("near_m"),
        far_m=record.get("far_m"),
        masks=Path(record["masks"]) if record.get("masks") else None,
        remove_planes=bool(record.get("remove_planes")),
        largest_component=bool(record.get("largest_component")),
    )
    return CaptureOptions(record.get("depth_scale"), record.get("intrinsics")), isolation
