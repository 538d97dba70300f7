"""A run as what is compared with the truth: its meshes, its canonical surface and the camera that saw it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.evaluate.prediction import CameraPath, Prediction
from engine.geometry.camera import transform_points
from engine.methods.run import Run, canonical_surface, motion_between_worlds
from engine.sequences.depth_sequence import DepthSequence, is_native, load_depth_sequence


def prediction_of(run: Run, truth_folder: Path) -> Prediction:
    """``run`` in the world of the truth, with the camera of its recording or of that which ``truth_folder`` lies in.

    A fit that had to guess where the camera stands has a world of its own: it is moved so that the camera comes to
    where the recording of the truth has it, and `Prediction.note` says so.

    Raises:
        InputError: a part of the run is damaged.
    """
    beside = _native(truth_folder.resolve().parent)
    recorded = _own(run.inputs.sequence) or _own(truth_folder.resolve().parent)
    path = None if recorded is None else _camera_path(run, recorded)
    placed = beside is not None and beside.cameras_to_world is not None
    motion = motion_between_worlds(run, beside) if beside is not None and placed else None
    if motion is None:
        return Prediction(run.meshes, canonical_surface(run), path, run.inputs.similarity)
    meshes = run.meshes.map(lambda _, vertices: transform_points(motion, vertices))
    if path is not None:
        path = CameraPath(path.camera, motion @ path.camera_to_world)
    return Prediction(meshes, canonical_surface(run), path, run.inputs.similarity, _in_words(motion), motion)


def _in_words(motion: NDArray[np.float64]) -> str:
    angle = np.degrees(np.arccos(np.clip((np.trace(motion[:3, :3]) - 1) / 2, -1, 1)))
    return (
        "the fit had the camera elsewhere than the recording that the truth belongs to; its meshes were moved with the "
        f"camera, by {angle:.1f} degrees and {np.linalg.norm(motion[:3, 3]):.3f} m"
    )


def _native(folder: Path) -> DepthSequence | None:
    """The project's own recording in ``folder`` that says where its camera is; None where it is gone or changed."""
    try:
        return load_depth_sequence(folder) if is_native(folder) else None
    except InputError:
        return None


def _own(folder: Path) -> DepthSequence | None:
    """The project's own recording in ``folder``, whether it says where its camera is or not."""
    try:
        return load_depth_sequence(folder) if (folder / "intrinsics.json").is_file() else None
    except InputError:
        return None


def _camera_path(run: Run, sequence: DepthSequence) -> CameraPath | None:
    if run.cameras_to_world is not None:
        return CameraPath(sequence.camera, run.cameras_to_world)
    if sequence.cameras_to_world is not None and set(run.frame_names) <= set(sequence.frame_names):
        places = [sequence.frame_names.index(name) for name in run.frame_names]
        return CameraPath(sequence.camera, sequence.cameras_to_world[places])
    return None
