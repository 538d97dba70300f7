"""How far what was seen lies from the meshes of a result, and what of them nobody saw: for every method and frame.

The method is not asked. Distances are measured on `POINTS` pixels of each frame that are drawn here, so that they are
not those that a method has been fitted to.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, transform_points
from engine.geometry.mesh import Mesh
from engine.geometry.mesh_distance import MeshDistance
from engine.geometry.signed_distance import face_normals, sample_surface
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.reading_ahead import reading_ahead

POINTS = 1000
"""Pixels per frame, and samples of its mesh."""
REACH = 0.1
"""Of the size of the subject: what is farther apart has nothing to do with each other."""
_SIZED_FRAMES = 9
_TO_DEVIATION = 1.48
"""Standard deviation of normally distributed numbers, in medians of their magnitudes."""
_OF_EXTENT = 0.005, 0.995
"""Quantiles between which most of what was seen lies; single pixels lie anywhere."""


@dataclass(frozen=True)
class FrameMeasure:
    """What one frame says of the mesh that was found for it."""

    pixels: int
    """In which the subject was seen."""
    seen_m: float | None = None
    """Longest side, metres, of the box in world axes around what was seen; None where nothing was."""
    mean_m: float | None = None
    """Mean distance, metres, of what was seen to the mesh, see `measure`; None where either is missing."""
    beyond: float | None = None
    """Fraction of what was seen that is out of reach of the mesh."""
    unseen: float | None = None
    """Fraction of the mesh that should have been seen but was not; None where none of it should."""
    noise_m: float | None = None
    """Standard deviation, metres, of the depth of single pixels, by how far they are off the line between their
    neighbours in the row; None where no three in a row show the subject."""
    away_m: float | None = None
    """Median distance, metres, from the camera to what was seen, along its axis; None where nothing was."""
    below_m: float | None = None
    """How far, metres, the mesh reaches below the floor, and below what was seen; None where no floor is known."""
    open_m: float | None = None
    """Longest side, metres, of the box in world axes around the surface of the mesh that faces the camera and has
    nothing nearer before it, in the picture or not; None where there is no such surface."""


@dataclass(frozen=True, eq=False)
class Measures:
    """Of the frames of a result, or some of them."""

    size_m: float
    """Of its meshes, see `size_of`, unless another was stated."""
    frames: tuple[FrameMeasure, ...]

    @property
    def reach_m(self) -> float:
        """Distance, metres, beyond which it does not matter how far apart things are."""
        return REACH * self.size_m


def measure(
    meshes: MeshSequence,
    sequence: DepthSequence,
    rows: Sequence[int] | None = None,
    progress: Progress | None = None,
    size_m: float | None = None,
) -> Measures:
    """Compare ``meshes`` with what ``sequence``, which shows the subject alone, has in the frames of the same names.

    The mean distance is one of distances that are cut off at the reach, a tenth of the size of the subject: an error
    counts in full as long as it can be one of the fit, while a pixel of the background in a hundred adds a thousandth
    of that size at most. A trimmed mean would not do: an arm that is lost is a twentieth of what is seen of a body.
    How much was cut off is said beside it (`FrameMeasure.beyond`).

    Distances to the mesh are small too where a mesh covers more than what is there, as a body beside a hand does.
    So the other direction is looked at: of the surface that faces the camera, is in the picture and has nothing nearer
    before it, `FrameMeasure.unseen` is the fraction without anything that was seen within reach.

    Of several cameras each is compared by itself; a frame then has the means over those that show the subject.

    Args:
        rows: the meshes that are measured; all when absent
        size_m: of the subject, metres; that of ``meshes`` when absent

    Raises:
        InputError: a frame or a mesh cannot be read.
    """
    progress, rows = progress or Progress(), range(len(meshes)) if rows is None else rows
    views = sequence.views
    size_m = size_of(meshes) if size_m is None else size_m
    progress.stage("measure", len(rows) * len(views))
    measured: list[list[FrameMeasure]] = []
    index_of = {name: index for index, name in enumerate(sequence.frame_names)}
    frames = [index_of[meshes.frame_names[row]] for row in rows]
    for number, of_camera in enumerate(views):
        meter, own = _Meter(of_camera.camera, REACH * size_m, sequence.floor_m), []
        for row, view in zip(rows, _views(of_camera, frames), strict=True):
            own.append(meter(view, meshes.read(row)))
            progress.advance(number * len(rows) + len(own))
        measured.append(own)
    return Measures(size_m, tuple(_together(each) for each in zip(*measured, strict=True)))


@dataclass(frozen=True, eq=False)
class _View:
    """What one frame shows."""

    depth_m: NDArray[np.float32]
    """(H, W) of the subject alone"""
    scene_m: NDArray[np.float32]
    """(H, W) of all that was seen"""
    pose: NDArray[np.float64]
    """(4, 4) camera axes to world"""
    pixels: int
    """In which the subject was seen"""
    points: NDArray[np.floating]
    """(P, 3) of some of these, world, metres"""
    noise_m: float | None
    """See `FrameMeasure`"""


def _views(sequence: DepthSequence, frames: Sequence[int]) -> Iterator[_View]:
    return reading_ahead(lambda position: _view(sequence, frames[position]), len(frames))


def _together(views: Sequence[FrameMeasure]) -> FrameMeasure:
    """One frame by all cameras: all pixels, the largest extent, and means of what each camera knows."""
    if len(views) == 1:
        return views[0]
    pixels = sum(view.pixels for view in views)
    seen_m = max((view.seen_m for view in views if view.seen_m is not None), default=None)
    means = {
        name: _mean(getattr(view, name) for view in views)
        for name in ("mean_m", "beyond", "unseen", "noise_m", "away_m", "below_m")
    }
    open_m = max((view.open_m for view in views if view.open_m is not None), default=None)
    return FrameMeasure(pixels, seen_m, **means, open_m=open_m)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def _view(sequence: DepthSequence, index: int) -> _View:
    depth_m, pose, scene = sequence.depth_m(index), sequence.camera_at(index), sequence.scene
    scene_m = depth_m if scene is None else scene.depth_m(index)
    pixels = np.flatnonzero(depth_m)
    count = min(POINTS, len(pixels))
    chosen = np.random.default_rng(index).choice(pixels, count, replace=False) if count else pixels
    points = transform_points(pose, _points(sequence.camera, depth_m, chosen))
    return _View(depth_m, scene_m, pose, len(pixels), points, noise_of(depth_m))


def noise_of(depth_m: NDArray[np.float32]) -> float | None:
    """Standard deviation of the pixels of ``depth_m`` (H, W), 0 invalid; see `FrameMeasure.noise_m`.

    That of the second differences is the square root of 6 times as large. The median does not heed edges.
    """
    rows = depth_m[depth_m.any(axis=1)]
    left, middle, right = rows[:, :-2], rows[:, 1:-1], rows[:, 2:]
    known = (left > 0) & (middle > 0) & (right > 0)
    if not known.any():
        return None
    apart = np.abs(left[known] - 2 * middle[known] + right[known])
    return float(_TO_DEVIATION * np.median(apart) / np.sqrt(6))


class _Meter:
    """Compares frames of a sequence with meshes; what depends on the triangles alone is kept for the next frame."""

    def __init__(self, camera: PinholeCamera, reach_m: float, floor_m: float | None) -> None:
        self._camera, self._reach_m, self._floor_m = camera, reach_m, floor_m
        self._distance_to = MeshDistance()
        self._faces: NDArray[np.int32] | None = None

    def __call__(self, view: _View, mesh: Mesh) -> FrameMeasure:
        if view.pixels == 0:
            return FrameMeasure(0)
        seen_m = _extent(view.points)
        away_m = float(np.median((view.points - view.pose[:3, 3]) @ view.pose[:3, 2]))
        if mesh.is_empty or self._reach_m <= 0 or not np.isfinite(mesh.vertices).all():
            return FrameMeasure(view.pixels, seen_m, noise_m=view.noise_m, away_m=away_m)
        distances = self._distance_to(view.points, mesh, self._reach_m)
        mean_m, beyond = float(distances.mean(dtype=np.float64)), float((distances >= self._reach_m).mean())
        (unseen, open_m), below_m = self._unseen_and_open(view, mesh), self._below(view, mesh)
        return FrameMeasure(view.pixels, seen_m, mean_m, beyond, unseen, view.noise_m, away_m, below_m, open_m)

    def _below(self, view: _View, mesh: Mesh) -> float | None:
        """`FrameMeasure.below_m` of one frame."""
        if self._floor_m is None:
            return None
        lowest_seen = float(np.quantile(view.points[:, 1], _OF_EXTENT[0]))
        return max(0.0, min(self._floor_m, lowest_seen) - float(mesh.vertices[:, 1].min()))

    def _unseen_and_open(self, view: _View, mesh: Mesh) -> tuple[float | None, float | None]:
        """`FrameMeasure.unseen` and `FrameMeasure.open_m` of one frame."""
        from scipy.spatial import cKDTree

        pose, depth_m, scene_m = view.pose, view.depth_m, view.scene_m
        surface = self._facing(mesh, pose[:3, 3])
        local = (surface - pose[:3, 3]) @ pose[:3, :3]
        ahead = local[:, 2] > self._reach_m
        surface, local = surface[ahead], local[ahead]
        column, row = np.floor(self._camera.project(local)).T
        inside = (column >= 0) & (column < depth_m.shape[1]) & (row >= 0) & (row < depth_m.shape[0])
        pixel = row[inside].astype(int), column[inside].astype(int)
        z, there, anything = local[inside, 2], depth_m[pixel], scene_m[pixel]
        expected = (anything == 0) | (z - anything <= self._reach_m)  # nothing else before it
        free = ~inside
        free[inside] = expected
        open_m = _extent(surface[free]) if free.any() else None
        if not expected.any():
            return None, open_m
        missed = expected & ((there == 0) | (z - there < -self._reach_m))  # in this pixel; perhaps it is beside it
        distances = cKDTree(view.points).query(surface[inside][missed], distance_upper_bound=self._reach_m)[0]
        return float(np.isinf(distances).sum() / expected.sum()), open_m

    def _facing(self, mesh: Mesh, eye: NDArray[np.float64]) -> NDArray[np.float64]:
        """Samples (N, 3) of the surface, spread evenly, that face ``eye`` (3,)."""
        if self._faces is not mesh.faces:
            self._samples = sample_surface(mesh.vertices, mesh.faces, POINTS, np.random.default_rng(0))
            self._faces = mesh.faces
        picks, barycentric = self._samples
        corners = mesh.faces[picks]
        surface = (mesh.vertices[corners] * barycentric[:, :, None]).sum(axis=1)
        towards = ((eye - surface) * face_normals(mesh.vertices, corners)).sum(axis=1) > 0
        facing: NDArray[np.float64] = surface[towards]
        return facing


def _extent(points: NDArray[np.floating]) -> float:
    """Longest side of the box in world axes around most of ``points`` (N, 3)."""
    return float(np.ptp(np.quantile(points, _OF_EXTENT, axis=0), axis=0).max())


def _points(camera: PinholeCamera, depth_m: NDArray[np.float32], pixels: NDArray[np.intp]) -> NDArray[np.float64]:
    """Camera points (N, 3) of the flat indices ``pixels`` (N,)."""
    z = depth_m.reshape(-1)[pixels].astype(np.float64)
    row, column = np.divmod(pixels, camera.width)
    x, y = (column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy
    return np.stack((x * z, y * z, z), axis=1)


def size_of(meshes: MeshSequence) -> float:
    """The median of the longest side, metres, of the boxes in world axes of some frames; 0 if all are empty."""
    rows = np.linspace(0, len(meshes) - 1, min(_SIZED_FRAMES, len(meshes))).round().astype(int)
    read = (meshes.read(int(row)) for row in rows)
    sizes = [
        float(np.ptp(mesh.vertices.astype(np.float64), axis=0).max())
        for mesh in read
        if not mesh.is_empty and np.isfinite(mesh.vertices).all()
    ]
    return float(np.median(sizes)) if sizes else 0.0
