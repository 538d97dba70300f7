"""Runs of a recording of the walking ball, on disk beside it, and its truth: what is compared."""

from pathlib import Path

import numpy as np

from engine.geometry.camera import transform_points
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.depth_sequence import save_depth_sequence
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.truth import Truth, save_metric_truth
from tests.support.walking_ball import CAMERA, RATE, ball_depths, ball_meshes

POSE = np.array([[1.0, 0, 0, 0.3], [0, -1, 0, 1.2], [0, 0, -1, 3.0], [0, 0, 0, 1]])
"""Of the camera, upright and level, in the world of the recording."""


def true_meshes(count: int) -> MeshSequence:
    """The ball in that world."""
    return ball_meshes(count).map(lambda _, vertices: transform_points(POSE, vertices))


def recording_of_ball(folder: Path, count: int = 4, with_truth: bool = True) -> Path:
    """The depth sequence, with ``truth`` in it."""
    save_depth_sequence(folder, ball_depths(count), CAMERA, POSE, RATE)
    if with_truth:
        save_metric_truth(folder / "truth", Truth(true_meshes(count), None))
    return folder


def run_of_ball(
    folder: Path,
    recording: Path,
    count: int = 4,
    by: tuple[float, float, float] = (0.0, 0.0, 0.0),
    method: str = "npm",
    rows: tuple[int, ...] = (),
    world: np.ndarray | None = None,
) -> Run:
    """A run that is ``by`` (3,) metres off, in some ``rows`` of the recording or all of them.

    Args:
        world: motion (4, 4) of all that the run says, as of a fit that had the camera elsewhere
    """
    meshes, motion = true_meshes(count), np.eye(4) if world is None else world
    offset = np.array(by, np.float32)
    meshes = meshes.map(lambda _, vertices: transform_points(motion, vertices + offset)).select(rows or range(count))
    folder.mkdir(parents=True)
    poses = np.repeat((motion @ POSE)[None], len(meshes), axis=0)
    frames = frame_records(meshes, poses)
    save_run(Run(folder, method, RunInputs(recording, None), meshes, frames, {"total": 2.0 * len(meshes)}))
    return load_run(folder)
