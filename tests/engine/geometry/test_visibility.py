"""Which points a camera sees."""

import numpy as np
import trimesh

from engine.geometry.camera import PinholeCamera, front_camera_to_world, transform_points
from engine.geometry.similarity import Similarity
from engine.geometry.visibility import TOUCHING_M, visible_points

CAMERA = PinholeCamera(64, 48, 80.0, 80.0, 32.0, 24.0)
POSE = front_camera_to_world(Similarity())


def two_boxes() -> tuple[np.ndarray, np.ndarray]:
    """A small box in front of a large one, seen from +z."""
    boxes = [trimesh.creation.box((0.6, 0.5, 0.2)), trimesh.creation.box((0.2, 0.2, 0.1))]
    boxes[1].apply_translation((0.05, 0.02, 0.4))
    both = trimesh.util.concatenate(boxes)
    return np.asarray(both.vertices, np.float32), np.asarray(both.faces, np.int32)


def hit_slowly(origin: np.ndarray, towards: np.ndarray, corners: np.ndarray) -> float:
    """Distance along a unit ray to a triangle (Moeller and Trumbore 1997), infinite where it is missed."""
    first, second = corners[1] - corners[0], corners[2] - corners[0]
    across = np.cross(towards, second)
    determinant = float(first @ across)
    if abs(determinant) < 1e-12:
        return np.inf
    offset = origin - corners[0]
    u, along = float(offset @ across) / determinant, np.cross(offset, first)
    v, distance = float(towards @ along) / determinant, float(second @ along) / determinant
    return distance if u >= 0 and v >= 0 and u + v <= 1 and distance > 0 else np.inf


def visible_slowly(point: np.ndarray, vertices: np.ndarray, faces: np.ndarray) -> bool:
    seen = transform_points(np.linalg.inv(POSE), point)
    x, y = CAMERA.project(seen)
    if seen[2] <= 0 or not (0 <= x < CAMERA.width and 0 <= y < CAMERA.height):
        return False
    origin = POSE[:3, 3]
    distance = float(np.linalg.norm(point - origin))
    towards = (point - origin) / distance
    nearest = min(hit_slowly(origin, towards, vertices[face].astype(float)) for face in faces)
    return nearest >= distance - TOUCHING_M


def test_visibility_equals_a_loop_over_triangles() -> None:
    vertices, faces = two_boxes()
    points, _ = trimesh.sample.sample_surface(trimesh.Trimesh(vertices, faces), 300, seed=3)
    found = visible_points(points, vertices, faces, CAMERA, POSE)
    assert found.tolist() == [visible_slowly(point, vertices, faces) for point in points]
    assert 30 < found.sum() < 270


def test_what_is_behind_the_camera_or_beside_its_image_is_not_seen() -> None:
    vertices, faces = two_boxes()
    points = np.array([[0, 0, 0.45], [0, 0, 3.0], [5.0, 0, 0.1]])
    assert visible_points(points, vertices, faces, CAMERA, POSE).tolist() == [True, False, False]
