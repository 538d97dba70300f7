"""Measures of two surfaces against slow, readable twins."""

import math

import numpy as np
import pytest

from engine.evaluate.measures import compare_samples, draw_samples, tracking_errors, volume_iou
from engine.geometry.signed_distance import unsigned_distance
from engine.sequences.mesh_sequence import regular_times
from tests.support.surfaces import sphere


def nearest_slowly(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    distances = np.array([[math.dist(a, b) for b in target] for a in source])
    return distances.min(axis=1), distances.argmin(axis=1)


def solid_angle(point: np.ndarray, triangle: np.ndarray) -> float:
    """Van Oosterom and Strackee 1983."""
    a, b, c = triangle - point
    la, lb, lc = (float(np.linalg.norm(v)) for v in (a, b, c))
    below = la * lb * lc + a @ b * lc + b @ c * la + c @ a * lb
    return 2 * math.atan2(float(a @ np.cross(b, c)), float(below))


def winding_number_slowly(point: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> float:
    return sum(solid_angle(point, vertices[face].astype(float)) for face in faces) / (4 * math.pi)


def segment_distance(point: np.ndarray, a: np.ndarray, b: np.ndarray) -> float:
    t = np.clip((point - a) @ (b - a) / ((b - a) @ (b - a)), 0, 1)
    return math.dist(point, a + t * (b - a))


def triangle_distance_slowly(point: np.ndarray, triangle: np.ndarray) -> float:
    a, b, c = triangle.astype(float)
    normal = np.cross(b - a, c - a)
    normal /= np.linalg.norm(normal)
    foot = point - (point - a) @ normal * normal
    sides = [np.cross(q - p, foot - p) @ normal for p, q in ((a, b), (b, c), (c, a))]
    if min(sides) >= 0:
        return abs(float((point - a) @ normal))
    return min(segment_distance(point, p, q) for p, q in ((a, b), (b, c), (c, a)))


def test_sample_comparison_equals_brute_force() -> None:
    generator = np.random.default_rng(1)
    p, p_normals = draw_samples(*sphere(0.2, detail=1), 60, generator)
    t, t_normals = draw_samples(*sphere(0.25, (0.03, 0, 0), detail=1), 80, generator)
    accuracy, partner_of_p = nearest_slowly(p, t)
    completeness, partner_of_t = nearest_slowly(t, p)
    cosines_p = [abs(float(n @ t_normals[j])) for n, j in zip(p_normals, partner_of_p, strict=True)]
    cosines_t = [abs(float(n @ p_normals[j])) for n, j in zip(t_normals, partner_of_t, strict=True)]
    figures = compare_samples(p, p_normals, t, t_normals)
    assert figures["accuracy"] == pytest.approx(accuracy.mean())
    assert figures["completeness"] == pytest.approx(completeness.mean())
    assert figures["chamfer_l2"] == pytest.approx((np.mean(accuracy**2) + np.mean(completeness**2)) / 2)
    assert figures["normal_consistency"] == pytest.approx((np.mean(cosines_p) + np.mean(cosines_t)) / 2)


@pytest.mark.slow
def test_volume_iou_equals_exact_winding_numbers_at_the_same_points() -> None:
    (va, fa), (vb, fb) = sphere(0.2, detail=1), sphere(0.2, (0.1, 0.05, 0), detail=1)
    low, high = np.minimum(va.min(0), vb.min(0)), np.maximum(va.max(0), vb.max(0))
    points = np.random.default_rng(5).uniform(low, high, (400, 3))
    in_a = np.array([winding_number_slowly(point, va, fa) > 0.5 for point in points])
    in_b = np.array([winding_number_slowly(point, vb, fb) > 0.5 for point in points])
    expected = (in_a & in_b).sum() / (in_a | in_b).sum()
    assert volume_iou(va, fa, vb, fb, 400, np.random.default_rng(5)) == pytest.approx(expected)


def test_surface_distance_equals_brute_force_over_triangles() -> None:
    vertices, faces = sphere(0.2, detail=1)
    points = np.random.default_rng(2).uniform(-0.4, 0.4, (40, 3))
    expected = [min(triangle_distance_slowly(point, vertices[face]) for face in faces) for point in points]
    np.testing.assert_allclose(unsigned_distance(points, vertices, faces), expected, atol=1e-6)


def test_end_point_errors_equal_a_loop_over_points() -> None:
    generator = np.random.default_rng(3)
    vp, fp = sphere(0.2, detail=1)
    vt, ft = sphere(0.22, detail=1)
    predicted = vp + generator.normal(0, 0.02, (4, 1, 3)).astype(np.float32)
    truth = vt + generator.normal(0, 0.02, (4, 1, 3)).astype(np.float32)
    keyframes = (0, 2)
    errors, _ = tracking_errors(
        (predicted, fp), (truth, ft), regular_times(4, 10.0), keyframes, 50, np.random.default_rng(9)
    )
    replay = np.random.default_rng(9)  # points move with their meshes, and these move as a whole
    p, _ = draw_samples(predicted[0], fp, 50, replay)
    t, _ = draw_samples(truth[0], ft, 50, replay)
    p_path = [p + (frame[0] - predicted[0][0]) for frame in predicted]
    t_path = [t + (frame[0] - truth[0][0]) for frame in truth]
    for row, key in enumerate(keyframes):
        _, partners = nearest_slowly(t_path[key], p_path[key])
        for frame in range(4):
            expected = np.mean([math.dist(t_path[frame][i], p_path[frame][j]) for i, j in enumerate(partners)])
            assert (
                math.isnan(errors[row, frame])
                if frame == key
                else errors[row, frame] == pytest.approx(expected, abs=1e-6)
            )
