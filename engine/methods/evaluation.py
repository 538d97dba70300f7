"""A run as what is compared with the truth: its meshes, its canonical surface and the camera that saw it."""

from pathlib import Path

from engine.core.errors import InputError
from engine.evaluate.prediction import CameraPath, Prediction
from engine.methods.run import Run, canonical_surface
from engine.sequences.depth_sequence import is_native, load_depth_sequence


def prediction_of(run: Run, truth_folder: Path) -> Prediction:
    """``run``, with the camera of its recording, or else of the recording that ``truth_folder`` lies in.

    Raises:
        InputError: a part of the run is damaged.
    """
    camera = _camera(run, (run.inputs.sequence, truth_folder.resolve().parent))
    return Prediction(run.meshes, canonical_surface(run), camera, run.inputs.similarity)


def _camera(run: Run, folders: tuple[Path, ...]) -> CameraPath | None:
    for folder in folders:
        try:
            if not is_native(folder):
                continue
            sequence = load_depth_sequence(folder)
        except InputError:  # gone, or not as it was: then the other one, or none
            continue
        if run.cameras_to_world is not None:
            return CameraPath(sequence.camera, run.cameras_to_world)
        if sequence.cameras_to_world is not None and set(run.frame_names) <= set(sequence.frame_names):
            places = [sequence.frame_names.index(name) for name in run.frame_names]
            return CameraPath(sequence.camera, sequence.cameras_to_world[places])
    return None
