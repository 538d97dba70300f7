"""A run as what is compared with the truth: its meshes, its canonical surface and the camera that saw it."""

from pathlib import Path

import numpy as np

from engine.core.errors import InputError
from engine.core.files import read_json
from engine.evaluate.prediction import CameraPath, Prediction
from engine.methods.run import Run, canonical_surface
from engine.sequences.depth_sequence import camera_of, camera_to_world_of, is_native


def prediction_of(run: Run, truth_folder: Path) -> Prediction:
    """``run``, with the camera of its recording, or else of the recording that ``truth_folder`` lies in.

    Raises:
        InputError: a part of the run is damaged.
    """
    camera = _camera(run, (run.inputs.sequence, truth_folder.resolve().parent))
    return Prediction(run.meshes, canonical_surface(run), camera, run.inputs.similarity)


def _camera(run: Run, folders: tuple[Path, ...]) -> CameraPath | None:
    for folder in folders:
        source = folder / "intrinsics.json"
        try:
            if not is_native(folder):
                continue
            description = read_json(source)
            camera, pose = camera_of(description, source), camera_to_world_of(description, source)
        except InputError:  # gone, or not as it was: then the other one, or none
            continue
        poses = run.cameras_to_world
        return CameraPath(camera, np.tile(pose, (len(run.frames), 1, 1)) if poses is None else poses)
    return None
