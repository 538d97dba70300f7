"""Recordings in a mirror."""

from dataclasses import replace

import numpy as np
from scipy.spatial.transform import Rotation

from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mirroring import mirrored_mesh, mirrored_points, mirrored_poses, mirrored_sequence
from tests.support.depth_room import room_sequence

X = 0.3


def askew() -> DepthSequence:
    """A room from a camera whose picture has its middle elsewhere, and which is turned in its world."""
    scene, _, _ = room_sequence(12.0)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("yxz", (30, -20, 10), degrees=True).as_matrix()
    pose[:3, 3] = 0.4, 1.1, -0.2
    camera = replace(scene.camera, cx=scene.camera.cx - 7.25)
    return replace(scene, camera=camera, cameras_to_world=np.tile(pose, (len(scene), 1, 1)))


def in_order(points: np.ndarray) -> np.ndarray:
    return points[np.lexsort(points.round(5).T)]


def test_a_mirrored_recording_shows_the_points_of_a_mirrored_world_by_a_rigid_camera() -> None:
    sequence = askew()
    there = mirrored_sequence(sequence, X)
    expected = mirrored_points(sequence.points_world(0), X)
    np.testing.assert_allclose(in_order(there.points_world(0)), in_order(expected), atol=1e-4)
    rotation = there.camera_at(0)[:3, :3]
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-12)
    assert np.isclose(np.linalg.det(rotation), 1.0)


def test_a_mirror_of_a_mirror_is_the_recording_itself() -> None:
    sequence = replace(askew(), scene=askew())
    again = mirrored_sequence(mirrored_sequence(sequence, X), X)
    assert again.camera == sequence.camera
    np.testing.assert_allclose(again.camera_at(0), sequence.camera_at(0), atol=1e-12)
    np.testing.assert_array_equal(again.depth_m(0), sequence.depth_m(0))
    assert again.scene is not None
    np.testing.assert_array_equal(again.scene.depth_m(0), sequence.depth_m(0))


def test_mirrored_meshes_are_outward_and_follow_mirrored_poses() -> None:
    corner = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    mesh = Mesh(corner, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32))

    def volume(shape: Mesh) -> float:
        a, b, c = shape.vertices[shape.faces].swapaxes(0, 1)
        return float((np.cross(a, b) * c).sum()) / 6

    there = mirrored_mesh(mesh, X)
    assert np.isclose(volume(there), volume(mesh)) and volume(mesh) > 0
    pose = askew().camera_at(0)
    placed = transform_points(mirrored_poses(pose, X, X), there.vertices)
    np.testing.assert_allclose(placed, mirrored_points(transform_points(pose, mesh.vertices), X), atol=1e-6)
