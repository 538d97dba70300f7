"""The measurements behind the metrics, on one pair of meshes or one tracked sequence."""

import math

import numpy as np
from numpy.typing import NDArray

from engine.geometry.signed_distance import face_normals, is_inside, sample_surface

KEYFRAME_INTERVAL = 50
_POINTS_AT_ONCE = 250_000


def draw_samples(
    vertices: NDArray[np.floating], faces: NDArray[np.integer], count: int, generator: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """``count`` area-uniform points (N, 3) of a mesh and the normals (N, 3) of their faces.

    Args:
        vertices: (V, 3)
        faces: (T, 3)
    """
    samples = sample_surface(vertices, faces, count, generator)
    return _at(vertices, faces, samples), face_normals(vertices, faces)[samples[0]]


def compare_samples(
    predicted_points: NDArray[np.float64],
    predicted_normals: NDArray[np.float64],
    truth_points: NDArray[np.float64],
    truth_normals: NDArray[np.float64],
) -> dict[str, float]:
    """Accuracy, completeness, Chamfer-l2 and normal consistency of two sets of surface samples.

    Args:
        predicted_points: (N, 3) with unit normals (N, 3)
        truth_points: (M, 3) with unit normals (M, 3)
    """
    from scipy.spatial import cKDTree

    to_truth, nearest_truth = cKDTree(truth_points).query(predicted_points, workers=-1)
    to_predicted, nearest_predicted = cKDTree(predicted_points).query(truth_points, workers=-1)
    cosines = (
        np.abs((predicted_normals * truth_normals[nearest_truth]).sum(axis=1)).mean(),
        np.abs((truth_normals * predicted_normals[nearest_predicted]).sum(axis=1)).mean(),
    )
    return {
        "accuracy": float(to_truth.mean()),
        "completeness": float(to_predicted.mean()),
        "chamfer_l2": float(0.5 * (np.square(to_truth).mean() + np.square(to_predicted).mean())),
        "normal_consistency": float(0.5 * sum(cosines)),
    }


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


def end_point_errors(
    predicted_vertices: NDArray[np.floating],
    predicted_faces: NDArray[np.integer],
    truth_vertices: NDArray[np.floating],
    truth_faces: NDArray[np.integer],
    keyframes: tuple[int, ...],
    samples: int,
    generator: np.random.Generator,
) -> NDArray[np.float64]:
    """Mean tracking error (K, F) of each frame when followed from each keyframe; NaN for a keyframe itself.

    Points are drawn once on the first keyframe, as a triangle and barycentric coordinates, and move with their meshes.
    In a keyframe every true point takes the nearest predicted point as its partner, however far that is.

    Args:
        predicted_vertices: (F, V, 3), ``predicted_faces`` (T, 3)
        truth_vertices: (F, W, 3), ``truth_faces`` (U, 3)
        keyframes: K frames
    """
    from scipy.spatial import cKDTree

    predicted = sample_surface(predicted_vertices[keyframes[0]], predicted_faces, samples, generator)
    truth = sample_surface(truth_vertices[keyframes[0]], truth_faces, samples, generator)
    partners = [
        cKDTree(_at(predicted_vertices[key], predicted_faces, predicted)).query(
            _at(truth_vertices[key], truth_faces, truth), workers=-1
        )[1]
        for key in keyframes
    ]
    errors = np.full((len(keyframes), len(truth_vertices)), np.nan)
    for frame in range(len(truth_vertices)):
        predicted_points = _at(predicted_vertices[frame], predicted_faces, predicted)
        truth_points = _at(truth_vertices[frame], truth_faces, truth)
        for row, key in enumerate(keyframes):
            if frame != key:
                offsets = truth_points - predicted_points[partners[row]]
                errors[row, frame] = np.linalg.norm(offsets, axis=1).mean()
    return errors


def _at(
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
