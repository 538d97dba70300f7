"""The measurements behind the metrics, on one pair of meshes or one tracked sequence."""

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from engine.geometry.signed_distance import face_normals, is_inside, sample_surface

KEYFRAME_INTERVAL = 50
_POINTS_AT_ONCE = 250_000


class MovingVertices(Protocol):
    """Vertices (V, 3) by frame; an array (F, V, 3) is one."""

    def __len__(self) -> int: ...

    def __getitem__(self, frame: int, /) -> NDArray[np.floating]: ...


MovingSurface = tuple[MovingVertices, NDArray[np.integer]]
"""Vertices by frame, and the faces (T, 3) of all frames."""


def draw_samples(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], count: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``count`` area-uniform points (N, 3) of a mesh and the normals (N, 3) of their faces.

    Args:
        vertices: (V, 3)
        faces: (T, 3)
    """
    samples = sample_surface(vertices, faces, count, generator)
    return points_at(vertices, faces, samples), face_normals(vertices, faces)[samples[0]]


def compare_samples(
    predicted_points: NDArray[np.float64],
    predicted_normals: NDArray[np.float64],
    truth_points: NDArray[np.float64],
    truth_normals: NDArray[np.float64],
    visible: NDArray[np.bool_] | None = None,
) -> dict[str, float]:
    """Accuracy, completeness, Chamfer-l2 and normal consistency of two sets of surface samples.

    Args:
        predicted_points: (N, 3) with unit normals (N, 3)
        truth_points: (M, 3) with unit normals (M, 3)
        visible: (M,) which of the true points a camera sees; adds the accuracy and completeness of those that it sees
            and of those that it does not, NaN where there are none
    """
    from scipy.spatial import cKDTree

    to_truth, nearest_truth = cKDTree(truth_points).query(predicted_points, workers=-1)
    to_predicted, nearest_predicted = cKDTree(predicted_points).query(truth_points, workers=-1)
    cosines = (
        np.abs((predicted_normals * truth_normals[nearest_truth]).sum(axis=1)).mean(),
        np.abs((truth_normals * predicted_normals[nearest_predicted]).sum(axis=1)).mean(),
    )
    measured = {
        "accuracy": float(to_truth.mean()),
        "completeness": float(to_predicted.mean()),
        "chamfer_l2": float(0.5 * (np.square(to_truth).mean() + np.square(to_predicted).mean())),
        "normal_consistency": float(0.5 * sum(cosines)),
    }
    if visible is not None:
        for which, seen in (("visible", visible), ("hidden", ~visible)):
            measured[f"accuracy_{which}"] = _mean(to_truth[seen[nearest_truth]])
            measured[f"completeness_{which}"] = _mean(to_predicted[seen])
    return measured


def volume_iou(
    vertices_a: NDArray[np.floating],
    faces_a: NDArray[np.integer],
    vertices_b: NDArray[np.floating],
    faces_b: NDArray[np.integer],
    count: int,
    generator: np.random.Generator,
) -> float:
    """Intersection over union of two closed meshes by ``count`` uniform points; NaN when no point is inside either.

    The points are drawn from the joint bounding box of both meshes rather than from the whole canonical cube. Both are
    empty outside it, so the ratio has the same expectation, and more of the points tell something.

    Args:
        vertices_a: (V, 3), ``faces_a`` (T, 3)
        vertices_b: (W, 3), ``faces_b`` (U, 3)
    """
    low = np.minimum(vertices_a.min(axis=0), vertices_b.min(axis=0)).astype(np.float64)
    high = np.maximum(vertices_a.max(axis=0), vertices_b.max(axis=0)).astype(np.float64)
    intersection = union = 0
    for start in range(0, count, _POINTS_AT_ONCE):
        points = generator.uniform(low, high, (min(_POINTS_AT_ONCE, count - start), 3))
        in_a, in_b = is_inside(points, vertices_a, faces_a), is_inside(points, vertices_b, faces_b)
        intersection += int((in_a & in_b).sum())
        union += int((in_a | in_b).sum())
    return intersection / union if union else math.nan


def keyframes_of(frames: int) -> tuple[int, ...]:
    """Frames that tracking starts from: one for every `KEYFRAME_INTERVAL` frames, evenly spread, the first included."""
    count = max(frames // KEYFRAME_INTERVAL, 1)
    return tuple(index * (frames // count) for index in range(count))


def tracking_errors(
    predicted: MovingSurface,
    true: MovingSurface,
    times_s: NDArray[np.float64],
    keyframes: tuple[int, ...],
    samples: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """How far tracked points are from the true ones, and how differently they move.

    Points are drawn once on the first keyframe, as a triangle and barycentric coordinates, and move with their meshes.
    In a keyframe every true point takes the nearest predicted point as its partner, however far that is.

    Args:
        predicted: F frames of vertices (V, 3), and faces (T, 3)
        true: F frames of (W, 3), and faces (U, 3)
        times_s: (F,)
        keyframes: K frames

    Returns:
        Mean distance (K, F) in each frame when followed from each keyframe, NaN for a keyframe itself; and the mean
        difference of the accelerations (F,) of partners of the first keyframe, in the unit of the vertices per second
        squared, NaN where a frame lacks a neighbour or times do not increase.
    """
    from scipy.spatial import cKDTree

    (predicted_vertices, predicted_faces), (true_vertices, true_faces) = predicted, true
    followed = sample_surface(predicted_vertices[keyframes[0]], predicted_faces, samples, generator)
    targets = sample_surface(true_vertices[keyframes[0]], true_faces, samples, generator)
    partners = [
        cKDTree(points_at(predicted_vertices[key], predicted_faces, followed)).query(
            points_at(true_vertices[key], true_faces, targets), workers=-1
        )[1]
        for key in keyframes
    ]
    errors = np.full((len(keyframes), len(true_vertices)), np.nan)
    accelerations = np.full(len(true_vertices), np.nan)
    recent: list[NDArray[np.float64]] = []  # offsets (S, 3) of the last three frames
    for frame in range(len(true_vertices)):
        predicted_points = points_at(predicted_vertices[frame], predicted_faces, followed)
        truth_points = points_at(true_vertices[frame], true_faces, targets)
        offsets = [truth_points - predicted_points[partner] for partner in partners]
        for row, key in enumerate(keyframes):
            if frame != key:
                errors[row, frame] = np.linalg.norm(offsets[row], axis=1).mean()
        recent = [*recent[-2:], offsets[0]]
        if len(recent) == 3:
            accelerations[frame - 1] = _mean_acceleration(recent, times_s[frame - 2 : frame + 1])
    return errors, accelerations


def _mean_acceleration(positions: list[NDArray[np.float64]], times_s: NDArray[np.float64]) -> float:
    """Mean length of the second divided difference of three ``positions`` (S, 3) at ``times_s`` (3,)."""
    before, after = np.diff(times_s)
    if not (before > 0 and after > 0):  # NaN included
        return math.nan
    change = (positions[2] - positions[1]) / after - (positions[1] - positions[0]) / before
    return float(np.linalg.norm(2 * change / (before + after), axis=1).mean())


def _mean(values: NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else math.nan


def points_at(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    samples: tuple[NDArray[np.int64], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Positions (N, 3) of samples given as triangles (N,) and barycentric coordinates (N, 3)."""
    triangles, barycentric = samples
    points: NDArray[np.float64] = np.einsum(
        "nkc,nk->nc", np.asarray(vertices, np.float64)[faces[triangles]], barycentric
    )
    return points
