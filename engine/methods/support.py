"""What of a deformed mesh is known: methods that know nothing of a class have only what was seen, and smoothness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.progress import Progress
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.topology import triangle_areas
from engine.geometry.visibility import visible_points
from engine.methods.distances import size_of
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence

_NEAR = 0.03
"""Of the size of the subject: depth as near as this shows the surface. Five centimetres of a person."""
_STRETCH = 1.5
"""Factor by which an edge is longer or shorter than before it was deformed where that is no motion of the subject."""

_MOST_FRAMES = 0.9
"""A mesh that is torn in a few frames is not good."""


@dataclass(frozen=True)
class Support:
    """What speaks for the surface of a deformed mesh, and against it."""

    guessed: float
    """Mean fraction of the surface that no camera has seen in its frame."""
    stretched: float
    """Fraction of the surface whose triangles have an edge that is stretched or shrunk beyond measure; a tenth of the
    frames have more."""
    volume: float
    """Median volume, of that before it was deformed."""


def support_of(meshes: MeshSequence, undeformed: Mesh, subject: DepthSequence, progress: Progress) -> Support:
    """Compare ``meshes``, which have the triangles of ``undeformed``, with what ``subject`` shows in their frames.

    Frames in which nothing was seen have no say in what is guessed.

    Raises:
        InputError: a frame or a mesh cannot be read.
    """
    faces, near_m = undeformed.faces, _NEAR * size_of(meshes)
    areas = triangle_areas(undeformed.vertices, faces)
    shares = areas / areas.sum()
    lengths = _edge_lengths(undeformed.vertices, faces)
    guessed, stretched, volumes = [], [], []
    for row, name in enumerate(meshes.frame_names):
        progress.is_hurried()
        vertices = meshes.read(row).vertices
        seen = [_shown(vertices, faces, view, view.frame_names.index(name), near_m) for view in subject.views]
        if any(each.any() for each in seen):
            guessed.append(1 - float(shares @ np.logical_or.reduce(seen)[faces].mean(axis=1)))
        ratios = _edge_lengths(vertices, faces) / lengths
        stretched.append(float(shares[((ratios > _STRETCH) | (ratios < 1 / _STRETCH)).any(axis=1)].sum()))
        volumes.append(_volume(vertices, faces))
    volume = float(np.median(volumes)) / _volume(undeformed.vertices, faces)
    return Support(float(np.mean(guessed or [1.0])), float(np.quantile(stretched, _MOST_FRAMES)), volume)


def _shown(
    vertices: NDArray[np.float32], faces: NDArray[np.int32], view: DepthSequence, frame: int, near_m: float
) -> NDArray[np.bool_]:
    """Which ``vertices`` (V, 3) the camera sees in ``frame``, and sees there (V,)."""
    depth, pose = view.depth_m(frame), view.camera_at(frame)
    if not depth.any():
        return np.zeros(len(vertices), np.bool_)
    shown = visible_points(vertices, vertices, faces, view.camera, pose)
    local = transform_points(np.linalg.inv(pose), vertices[shown])
    column, row = np.floor(view.camera.project(local)).astype(int).T
    last_row, last_column = depth.shape[0] - 1, depth.shape[1] - 1
    there = depth[np.clip(row, 0, last_row), np.clip(column, 0, last_column)]
    shown[shown] = (there > 0) & (np.abs(there - local[:, 2]) < near_m)
    return shown


def _edge_lengths(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> NDArray[np.float64]:
    """(T, 3)"""
    corners = vertices[faces].astype(np.float64)
    lengths: NDArray[np.float64] = np.linalg.norm(corners - np.roll(corners, 1, axis=1), axis=2)
    return np.maximum(lengths, 1e-9)


def _volume(vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> float:
    """Signed, about the middle of the mesh, where it is open."""
    a, b, c = (vertices - vertices.mean(axis=0)).astype(np.float64)[faces].swapaxes(0, 1)
    return float(np.einsum("td,td->t", a, np.cross(b, c)).sum() / 6)
