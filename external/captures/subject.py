"""From a recording to what a model is fitted to: opened, the subject isolated, the camera placed."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import NoneType
from typing import Any

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.isolation import Isolation, isolate
from engine.sequences.placement import Standpoint, place, states_pose
from engine.sequences.recording import CaptureOptions
from external.captures.open_capture import open_capture


def open_subject(
    path: Path,
    options: CaptureOptions,
    isolation: Isolation,
    model: NeuralParametricModel | None,
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of the recording ``path``, placed where ``model`` expects it unless its camera states a pose.

    Without a model the camera stays where the recording says, or at the origin.

    Raises:
        InputError: the recording cannot be opened, or nothing is left of it.
        Cancelled: ``progress`` asked to stop.
    """
    return subject_of(open_capture(path, options, progress), isolation, model, progress)


def subject_of(
    scene: DepthSequence,
    isolation: Isolation,
    model: NeuralParametricModel | None,
    progress: Progress | None = None,
) -> DepthSequence:
    """The subject of an open recording, isolated and placed; see `open_subject`."""
    subject = isolate(scene, isolation, progress)
    if model is None or states_pose(subject):
        return subject
    return place(subject, Standpoint.of_model(model), scene)


def scene_and_subject_of_run(run: Run, progress: Progress | None = None) -> tuple[DepthSequence, DepthSequence]:
    """The recording that ``run`` was fitted to, whole and isolated, with the camera where the fit had it.

    Raises:
        InputError: it is gone, or cannot be opened any more.
        Cancelled: ``progress`` asked to stop.
    """
    options, isolation = from_record(run.capture)
    scene = open_capture(run.sequence, options, progress)
    subject = isolate(scene, isolation, progress)
    pose = run.camera_to_world
    return scene, subject if pose is None else replace(subject, camera_to_world=pose)


def as_record(options: CaptureOptions, isolation: Isolation) -> dict[str, Any]:
    """What was stated, as JSON, so that `from_record` opens the recording in the same way from any directory."""
    values = {
        "depth_scale": options.depth_scale,
        "intrinsics": None if options.intrinsics is None else _anywhere(options.intrinsics),
        "near_m": isolation.near_m,
        "far_m": isolation.far_m,
        "masks": None if isolation.masks is None else _anywhere(isolation.masks),
        "remove_planes": isolation.remove_planes or None,
        "largest_component": isolation.largest_component or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def from_record(record: Mapping[str, Any]) -> tuple[CaptureOptions, Isolation]:
    """The inverse of `as_record`.

    Raises:
        InputError: it is none; records are read from files that others may have written.
    """
    number = int | float
    kinds = {"depth_scale": number, "near_m": number, "far_m": number, "intrinsics": str, "masks": str}
    for key, kind in kinds.items():
        if not isinstance(record.get(key), kind | NoneType):
            raise InputError(f"{key} of a recording", f"cannot be {record[key]!r}", "open the recording again")
    isolation = Isolation(
        near_m=record.get("near_m"),
        far_m=record.get("far_m"),
        masks=Path(record["masks"]) if record.get("masks") else None,
        remove_planes=bool(record.get("remove_planes")),
        largest_component=bool(record.get("largest_component")),
    )
    return CaptureOptions(record.get("depth_scale"), record.get("intrinsics")), isolation


def _anywhere(stated: str | Path) -> str:
    """The absolute path of a file or folder; four numbers as they are."""
    path = Path(stated)
    return str(path.resolve()) if path.exists() else str(stated)
