"""Sides beside each other, frame by frame: which frames they share, and how far each vertex is off."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engine.comparison.common_frames import CommonFrames, common_frames
from engine.comparison.side import Side
from engine.core.errors import InputError
from engine.geometry.mesh import Mesh, vertex_normals
from engine.geometry.mesh_distance import MeshDistance
from engine.geometry.visibility import visible_points
from engine.sequences.depth_sequence import DepthSequence

FARTHEST_M = 100.0
"""Metres; no distance is said to be larger."""
_OBLIQUE = 0.25
"""Cosine between a normal and the direction to the camera, below which pixels are too few to tell."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """S sides in the F frames that all of them have, against a reference, what was seen, or both."""

    sides: tuple[Side, ...]
    frames: CommonFrames
    """Of the sides in their order, and of the reference after them."""
    reference: Side | None = None
    """What sides are compared with, such as the truth."""
    observation: DepthSequence | None = None
    """The subject alone, as it was seen, in the world of the sides."""
    _to_reference: MeshDistance = field(default_factory=MeshDistance, repr=False)

    def __len__(self) -> int:
        return len(self.frames)

    def mesh(self, side: int, frame: int) -> Mesh:
        """Of the side of that index.

        Raises:
            InputError: its file is damaged.
        """
        return self.sides[side].meshes.read(int(self.frames.rows[side, frame]))

    def true_mesh(self, frame: int) -> Mesh:
        """Of the reference."""
        assert self.reference is not None
        return self.reference.meshes.read(int(self.frames.rows[-1, frame]))

    def observed_index(self, frame: int) -> int | None:
        """Which frame of the observation it is; None where that lacks it."""
        if self.observation is None or self.frames.names[frame] not in self.observation.frame_names:
            return None
        return self.observation.frame_names.index(self.frames.names[frame])

    def vertex_errors_mm(self, side: int, frame: int) -> NDArray[np.float32]:
        """Distance (V,) of each vertex of a side to the reference, mm.

        Without a reference: to the surface that the camera saw, of those vertices that it can have seen, not too
        obliquely; NaN else.

        Raises:
            InputError: a file is damaged.
        """
        mesh = self.mesh(side, frame)
        if self.reference is not None:
            return distances_mm(self._to_reference, mesh.vertices, self.true_mesh(frame))
        errors = np.full(len(mesh.vertices), np.nan, np.float32)
        index = self.observed_index(frame)
        if self.observation is None or index is None or not is_surface(mesh):
            return errors
        pose = self.observation.camera_at(index)
        visible = visible_points(mesh.vertices, mesh.vertices, mesh.faces, self.observation.camera, pose)
        visible &= _cosines(mesh, pose[:3, 3]) > _OBLIQUE
        errors[visible] = _to_observation_mm(mesh.vertices[visible], self.observation, index)
        return errors


def compare(
    sides: Sequence[Side], reference: Side | None = None, observation: DepthSequence | None = None
) -> Comparison:
    """Put ``sides`` of one world beside each other; nothing is measured yet, see `engine.comparison.frame_errors`.

    Raises:
        InputError: two have one name, they have no frame in common, or there is nothing to compare them with.
    """
    names = [side.name for side in sides]
    if not sides:
        raise InputError("comparison", "has no sides", "name some runs")
    for name in names:
        if names.count(name) > 1:
            raise InputError(name, "is the name of two sides", "give each a name of its own")
    all_meshes = [side.meshes for side in (*sides, *(() if reference is None else (reference,)))]
    frames = common_frames(all_meshes)
    if observation is not None and not set(frames.names) & set(observation.frame_names):
        raise InputError(
            observation.root, "shows none of the frames that are compared", "compare runs of one recording"
        )
    return Comparison(tuple(sides), frames, reference, observation)


def distances_mm(distance: MeshDistance, points: NDArray[np.floating], mesh: Mesh) -> NDArray[np.float32]:
    """Distance (N,) of ``points`` (N, 3) to the surface of ``mesh``, both in metres, in mm; NaN without a surface."""
    if not (is_surface(mesh) and len(points) and np.isfinite(points).all()):
        return np.full(len(points), np.nan, np.float32)
    return (1000 * distance(points, mesh, FARTHEST_M)).astype(np.float32)


def _to_observation_mm(points: NDArray[np.float32], observation: DepthSequence, index: int) -> NDArray[np.float32]:
    """Distance (N,) of ``points`` (N, 3) to what was seen, mm; NaN where nothing was.

    That is a surface, and pixels where it is seen so obliquely that neighbours are far apart.
    """
    from scipy.spatial import cKDTree

    pixels = observation.points_world(index)
    if not len(pixels):
        return np.full(len(points), np.nan, np.float32)
    to_pixels = (1000 * cKDTree(pixels).query(points)[0]).astype(np.float32)
    return np.fmin(to_pixels, distances_mm(MeshDistance(), points, observation.mesh_world(index)))


def _cosines(mesh: Mesh, eye: NDArray[np.float64]) -> NDArray[np.float64]:
    """(V,) between the normals of the vertices and the directions to ``eye`` (3,)."""
    towards = eye - mesh.vertices
    towards /= np.maximum(np.linalg.norm(towards, axis=1, keepdims=True), 1e-12)
    cosines: NDArray[np.float64] = (vertex_normals(mesh.vertices, mesh.faces) * towards).sum(axis=1)
    return cosines


def is_surface(mesh: Mesh) -> bool:
    """Whether it has triangles, and vertices that are numbers."""
    return not mesh.is_empty and bool(np.isfinite(mesh.vertices).all())
