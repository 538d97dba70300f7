"""What a result says of its frames; methods of others are not trusted to keep their promises."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError, Notice
from engine.core.progress import Progress
from engine.methods.method import FitResult
from engine.methods.run import RunFrame, frame_records
from engine.sequences.camera_path import are_rigid
from engine.sequences.depth_sequence import DepthSequence

_FIX = "tell its author"


def frames_of(sequence: DepthSequence, result: FitResult) -> tuple[RunFrame, ...]:
    """What is known of each frame of ``result``, with the time stamp and the camera of ``sequence``.

    A frame is lost where its confidence is below `FitResult.lost_below`.
    """
    meshes, names, poses = result.meshes, sequence.frame_names, sequence.cameras_to_world
    chosen = [names.index(name) for name in meshes.frame_names]
    frames = frame_records(meshes, None if poses is None else poses[chosen], not sequence.times_assumed)
    subjects = result.subject_to_world
    return tuple(
        replace(
            frame,
            subject_to_world=None if subjects is None else subjects[index],
            confidence=None if result.confidence is None else float(result.confidence[index]),
            lost=_is_lost(result.confidence, index, result.lost_below),
        )
        for index, frame in enumerate(frames)
    )


def with_meshes_only(result: FitResult, method_id: str, progress: Progress) -> FitResult:
    """``result`` without frames whose mesh has no triangles or is not finite: nobody could show or compare it.

    Raises:
        InputError: no frame is left.
    """
    meshes = result.meshes
    if meshes.one_topology:
        return result
    kept = [row for row, mesh in enumerate(meshes) if not mesh.is_empty and np.isfinite(mesh.vertices).all()]
    if len(kept) == len(meshes):
        return result
    if not kept:
        raise InputError(
            f"method {method_id!r}", "found no surface in any frame", "look at what is seen, or use another"
        )
    first = next(row for row in range(len(meshes)) if row not in kept)
    text = f"{len(meshes) - len(kept)} of {len(meshes)} frames have no mesh and are left out of the run"
    progress.notice(Notice(f"{text}: the first is {meshes.frame_names[first]}"))
    chosen = replace(
        meshes,
        frame_names=tuple(meshes.frame_names[row] for row in kept),
        times_s=meshes.times_s[kept],
        read=lambda row: meshes.read(kept[row]),
        exact=None,
    )
    confidence, subjects = result.confidence, result.subject_to_world
    return replace(
        result,
        meshes=chosen,
        confidence=None if confidence is None else confidence[kept],
        subject_to_world=None if subjects is None else subjects[kept],
    )


def check_result(sequence: DepthSequence, result: FitResult, method_id: str) -> None:
    """Refuse a result that is not of the form that `FitResult` promises.

    Raises:
        InputError: it is not.
    """
    meshes, method = result.meshes, f"method {method_id!r}"
    unknown = set(meshes.frame_names) - set(sequence.frame_names)
    if unknown or len(set(meshes.frame_names)) < len(meshes) or meshes.frame != "world":
        raise InputError(method, "gave meshes that are not those of the frames in the world", _FIX)
    count, confidence, subjects = len(meshes), result.confidence, result.subject_to_world
    if confidence is not None and (confidence.shape != (count,) or not ((confidence >= 0) & (confidence <= 1)).all()):
        raise InputError(method, "gave confidences that are not a number from 0 to 1 per frame", _FIX)
    if result.lost_below is not None and (confidence is None or not 0 <= result.lost_below <= 1):
        raise InputError(method, "gave a threshold that is not one of its confidences", _FIX)
    if subjects is not None and (subjects.shape != (count, 4, 4) or not are_rigid(subjects).all()):
        raise InputError(method, "gave poses of the subject that are not a rigid transform per frame", _FIX)


def _is_lost(confidence: NDArray[np.float64] | None, index: int, below: float | None) -> bool | None:
    return None if confidence is None or below is None else bool(confidence[index] < below)
