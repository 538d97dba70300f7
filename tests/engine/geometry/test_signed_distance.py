"""Distance and winding number against slow twins written from their definitions."""

import math

import numpy as np
import pytest
import trimesh

from engine.dataset.preparation.second_engine import second_signed_distance
from engine.geometry.signed_distance import unsigned_distance, winding_number


def solid_angle(corners: np.ndarray, point: np.ndarray) -> float:
    """Solid angle of a triangle (3, 3) seen from ``point`` (3,) (van Oosterom and Strackee 1983)."""
    a, b, c = corners - point
    la, lb, lc = (float(np.linalg.norm(x)) for x in (a, b, c))
    numerator = float(np.dot(a, np.cross(b, c)))
    denominator = la * lb * lc + float(a @ b) * lc + float(b @ c) * la + float(c @ a) * lb
    return 2 * math.atan2(numerator, denominator)


def triangle_distance(corners: np.ndarray, point: np.ndarray) -> float:
    """Distance of ``point`` (3,) from a triangle (3, 3): by its plane if the foot lies within, else by its edges."""
    a, b, c = corners
    solution = np.linalg.lstsq(np.stack((b - a, c - a), axis=1), point - a, rcond=None)[0]
    if solution.min() >= 0 and solution.sum() <= 1:
        return float(np.linalg.norm(a + solution @ np.stack((b - a, c - a)) - point))
    distances = []
    for start, end in ((a, b), (b, c), (c, a)):
        along = float(np.clip((point - start) @ (end - start) / ((end - start) @ (end - start)), 0, 1))
        distances.append(float(np.linalg.norm(start + along * (end - start) - point)))
    return min(distances)


@pytest.fixture(scope="module")
def torus() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A closed mesh with a hole through it, and points near and far."""
    mesh = trimesh.creation.torus(0.25, 0.1, major_sections=16, minor_sections=8)
    random = np.random.default_rng(0)
    points = np.concatenate(
        (random.uniform(-0.5, 0.5, (60, 3)), mesh.vertices[:20] * random.uniform(0.9, 1.1, (20, 1)))
    )
    return np.asarray(mesh.vertices), np.asarray(mesh.faces), points


def test_the_winding_number_is_the_sum_of_solid_angles(torus: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    vertices, faces, points = torus
    for part in (faces, faces[:150]):  # closed and open
        expected = [sum(solid_angle(vertices[face], point) for face in part) / (4 * math.pi) for point in points]
        assert np.abs(winding_number(points, vertices, part) - expected).max() < 0.01


def test_distances_of_both_engines_are_those_to_the_closest_triangle(
    torus: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    vertices, faces, points = torus
    expected = np.array([min(triangle_distance(vertices[face], point) for face in faces) for point in points])
    assert np.abs(unsigned_distance(points, vertices, faces) - expected).max() < 1e-9
    assert np.abs(np.abs(second_signed_distance(points, vertices, faces)) - expected).max() < 1e-6


def test_the_second_engines_sign_is_that_of_the_solid_angles(torus: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    vertices, faces, points = torus
    winding = [sum(solid_angle(vertices[face], point) for face in faces) / (4 * math.pi) for point in points]
    assert np.array_equal(second_signed_distance(points, vertices, faces) < 0, np.array(winding) > 0.5)
