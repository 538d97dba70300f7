"""Runs of the toy model, written without a fit."""

from pathlib import Path

import numpy as np

from engine.geometry.similarity import Similarity
from engine.methods.run import Run, RunInputs, frame_records, load_run, save_run
from engine.sequences.mesh_sequence import mesh_sequence, regular_times


def save_npm_run(
    folder: Path,
    vertices: np.ndarray,
    faces: np.ndarray,
    similarity: Similarity,
    inputs: tuple[Path, Path],
    codes: tuple[np.ndarray, np.ndarray],
    names: tuple[str, ...],
    interrupted: bool = False,
) -> Run:
    """A run of the method `npm` at ten frames per second.

    Args:
        vertices: (F, V, 3) canonical units
        inputs: depth sequence and model
        codes: shape (Cs,) and pose (F, Cp)
    """
    times_s = regular_times(len(names), 10.0)
    meshes = mesh_sequence(folder.name, similarity.to_world(vertices), faces, names, times_s)
    sequence, model = inputs
    run = Run(
        folder=folder,
        method="npm",
        inputs=RunInputs(sequence, model, similarity),
        meshes=meshes,
        frames=frame_records(meshes),
        timings={"total": 1.0},
        interrupted=interrupted,
    )
    shape, pose = codes
    save_run(run, {"codes": {"shape": shape[None, None], "pose": pose[:, None]}})
    return load_run(folder)
