"""What stands beside each other in a comparison: moving surfaces in one world."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.core.errors import InputError
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.methods.evaluation import prediction_of
from engine.methods.run import Run, canonical_surface
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.placement import place_at
from engine.sequences.truth import Truth

_SAME_M = 1e-6
"""Metres, or radians: a motion that is less is none."""


@dataclass(frozen=True, eq=False)
class Side:
    """A moving surface that is compared with others, in their world."""

    name: str
    meshes: MeshSequence
    """Metres, world."""
    canonical: Mesh | None = None
    """The surface in the canonical pose, metres, with the faces of ``meshes``; None where nobody said."""
    run: Run | None = None
    """What it comes from, in a world of its own; None where it is no run."""
    cameras_to_world: Sequence[NDArray[np.float64] | None] = ()
    """Pose (4, 4) of the camera in each frame of ``meshes``, None where it is not known; nothing where none is."""
    notes: tuple[str, ...] = ()
    """What was done to the meshes, in a sentence each."""

    def __post_init__(self) -> None:
        assert self.meshes.frame == "world", self.meshes.frame
        assert len(self.cameras_to_world) in (0, len(self.meshes))


def sides_of_runs(runs: Mapping[str, Run], truth_folder: Path | None = None) -> tuple[Side, ...]:
    """``runs`` by name in one world: that of the truth, or else of the first of them.

    A fit that had to guess where the camera stands has a world of its own. It is moved so that its camera comes to
    where the first one has it, in a frame that both have, and its notes say so.

    Args:
        truth_folder: that they are compared with, see `engine.methods.evaluation.prediction_of`

    Raises:
        InputError: a part of a run is damaged.
    """
    sides = [_side_of_run(name, run, truth_folder) for name, run in runs.items()]
    return tuple(_beside(side, sides[0]) for side in sides)


def side_of_truth(truth: Truth, beside: Side, name: str = "truth") -> Side:
    """``truth`` as a side in the world of ``beside``.

    Raises:
        InputError: it is in the axes of a camera, and ``beside`` does not know where that was.
    """
    meshes = truth.meshes
    if meshes.frame == "camera":
        meshes = _from_camera(meshes, beside)
    canonical = None
    if truth.canonical is not None and meshes.one_topology:
        canonical = Mesh(truth.canonical.astype(np.float32), meshes.read(0).faces)
    return Side(name, meshes, canonical)


def observation_beside(sequence: DepthSequence, side: Side) -> DepthSequence:
    """``sequence`` moved as a whole to where ``side`` has its camera; as it is where that is not known."""
    known = ((name, pose) for name, pose in _known_poses(side).items() if name in sequence.frame_names)
    found = next(known, None)
    return sequence if found is None else place_at(sequence, *found)


def _side_of_run(name: str, run: Run, truth_folder: Path | None) -> Side:
    poses = tuple(frame.camera_to_world for frame in run.frames)
    if truth_folder is None:
        return Side(name, run.meshes, canonical_surface(run), run, poses)
    prediction = prediction_of(run, truth_folder)
    if prediction.moved is not None:
        poses = tuple(None if pose is None else prediction.moved @ pose for pose in poses)
    notes = (prediction.note,) if prediction.note else ()
    return Side(name, prediction.meshes, prediction.canonical, run, poses, notes)


def _beside(side: Side, first: Side) -> Side:
    """``side`` in the world of ``first``, by where the two have the camera in a frame."""
    there = _known_poses(first)
    motions = (there[name] @ np.linalg.inv(pose) for name, pose in _known_poses(side).items() if name in there)
    motion = next(motions, np.eye(4))
    if np.allclose(motion, np.eye(4), atol=_SAME_M):
        return side
    note = f"it had the camera elsewhere than {first.name}; its meshes were moved with the camera"
    return replace(
        side,
        meshes=side.meshes.map(lambda _, vertices: transform_points(motion, vertices)),
        cameras_to_world=tuple(None if pose is None else motion @ pose for pose in side.cameras_to_world),
        notes=(*side.notes, note),
    )


def _from_camera(meshes: MeshSequence, beside: Side) -> MeshSequence:
    """``meshes`` of the camera in the world, in those frames where ``beside`` knows its pose."""
    poses = _known_poses(beside)
    rows = [row for row, name in enumerate(meshes.frame_names) if name in poses]
    if not rows:
        problem = f"is in camera axes, and {beside.name} does not say where the camera was"
        raise InputError(meshes.title, problem, "give truth in world axes")
    kept = meshes.select(rows)

    def change(index: int, vertices: NDArray[np.float32]) -> NDArray[np.float32]:
        return transform_points(poses[kept.frame_names[index]], vertices)

    return replace(kept.map(change), frame="world")


def _known_poses(side: Side) -> dict[str, NDArray[np.float64]]:
    """Pose (4, 4) of the camera by frame, where it is known."""
    named = zip(side.meshes.frame_names, side.cameras_to_world, strict=False)
    return {name: pose for name, pose in named if pose is not None}
