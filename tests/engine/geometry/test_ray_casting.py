"""Ray-cast depth images against a slow twin and against closed forms."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import trimesh

from engine.geometry.camera import PinholeCamera, front_camera_to_world, orbit, transform_points
from engine.geometry.ray_casting import DepthRenderer, render_depth
from engine.geometry.similarity import Similarity

CAMERA = PinholeCamera(48, 36, 43.0, 44.5, 24.3, 17.6)
POSE = front_camera_to_world(Similarity(0.4, (0.1, 0.9, -0.2)))
on_every_device = pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])


def moeller_trumbore(
    vertices: np.ndarray, faces: np.ndarray, camera: PinholeCamera, camera_to_world: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The nearest triangle along each pixel's ray (Moeller and Trumbore 1997), all pairs, float64.

    Depth (H, W), 0 for none, face (H, W), -1 for none, and the weights (H, W, 3) of its corners.
    """
    vertices = transform_points(np.linalg.inv(camera_to_world), vertices).astype(np.float64)
    a, b, c = np.moveaxis(vertices[faces], 1, 0)
    edge1, edge2 = b - a, c - a
    depth = np.zeros((camera.height, camera.width))
    face = np.full(depth.shape, -1)
    weights = np.zeros((*depth.shape, 3))
    for row, column in np.ndindex(depth.shape):
        direction = np.array([(column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy, 1.0])
        p = np.cross(direction, edge2)
        determinant = (edge1 * p).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            u = (-a * p).sum(axis=1) / determinant
            q = np.cross(-a, edge1)
            v = (q @ direction) / determinant
            t = (q * edge2).sum(axis=1) / determinant
        t[~((u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0))] = np.inf
        nearest = int(t.argmin())
        if np.isfinite(t[nearest]):
            depth[row, column], face[row, column] = t[nearest], nearest
            weights[row, column] = 1 - u[nearest] - v[nearest], u[nearest], v[nearest]
    return depth, face, weights


def torus() -> tuple[np.ndarray, np.ndarray]:
    """A tilted torus around the world point that the camera looks at."""
    mesh = trimesh.creation.torus(0.7, 0.25, major_sections=24, minor_sections=12)
    tilt = trimesh.transformations.euler_matrix(0.6, 0.4, 0.2)[:3, :3]
    return mesh.vertices @ tilt.T + [0.1, 0.9, -0.2], mesh.faces


def assert_same_image(depth: np.ndarray, expected: np.ndarray) -> None:
    """Equal to 0.1 mm but for pixels on the silhouette, where rounding decides."""
    different = np.abs(depth - expected) > 1e-4
    assert different.sum() <= 2, f"{different.sum()} of {different.size} pixels differ"


@on_every_device
def test_a_rendered_mesh_equals_its_slow_twin(device: str) -> None:
    vertices, faces = torus()
    expected, _, _ = moeller_trumbore(vertices, faces, CAMERA, POSE)
    assert 0.1 < (expected > 0).mean() < 0.9
    assert_same_image(render_depth(vertices, faces, CAMERA, POSE, device), expected)


@on_every_device
def test_refitting_to_moved_vertices_equals_a_fresh_mesh(device: str) -> None:
    vertices, faces = torus()
    renderer = DepthRenderer(faces, CAMERA, device)
    first = renderer.render(vertices, POSE)
    kept = first.copy()
    moved = vertices * [1.3, 0.8, 1.1] + [0.2, 0.1, 0.0]
    assert_same_image(renderer.render(moved, POSE), render_depth(moved, faces, CAMERA, POSE, device))
    np.testing.assert_array_equal(first, kept)  # an image handed out is not overwritten by the next


@on_every_device
def test_several_cameras_see_what_each_sees_alone(device: str) -> None:
    vertices, faces = torus()
    similarity = Similarity(0.4, (0.1, 0.9, -0.2))
    poses = orbit(POSE, similarity, 3)
    renderer = DepthRenderer(faces, CAMERA, device)
    together = renderer.render(vertices, poses)
    assert together.shape == (3, CAMERA.height, CAMERA.width)
    for depth, pose in zip(together, poses, strict=True):
        assert depth.any()
        assert_same_image(depth, render_depth(vertices, faces, CAMERA, pose, device))
    assert np.abs(together[1] - together[0]).max() > 0.1


@on_every_device
def test_every_pixel_knows_the_triangle_that_it_sees_and_where_on_it(device: str) -> None:
    vertices, faces = torus()
    depth, face, weights = moeller_trumbore(vertices, faces, CAMERA, POSE)
    hits = DepthRenderer(faces, CAMERA, device).trace(torch.tensor(vertices, device=device), POSE[None])
    assert hits.depth_m.device.type == device
    assert_same_image(hits.depth_m[0].cpu().numpy(), depth)
    same = hits.face[0].cpu().numpy() == face
    assert (~same).sum() <= 4  # pixels on an edge between two triangles
    inside = same & (face >= 0)
    found = hits.barycentric[0].cpu().numpy()[inside]
    np.testing.assert_allclose(found, weights[inside][:, :2], atol=2e-3)
    assert not hits.barycentric[0].cpu().numpy()[face < 0].any()


def test_a_surface_that_reaches_behind_the_camera_or_out_of_the_image_is_seen_where_it_is() -> None:
    floor = np.array([[-9, 1, -9], [9, 1, -9], [9, 1, 40], [-9, 1, 40]])
    depth = render_depth(floor, [[0, 1, 2], [0, 2, 3]], CAMERA, np.eye(4))
    expected, _, _ = moeller_trumbore(floor, np.array([[0, 1, 2], [0, 2, 3]]), CAMERA, np.eye(4))
    assert expected[-1].all() and not expected[0].any()
    np.testing.assert_allclose(depth, expected, rtol=1e-4, atol=1e-4)
    vertices, faces = torus()
    close = np.array(POSE)
    close[:3, 3] += [0.5, 0.3, -2.6]
    expected, _, _ = moeller_trumbore(vertices, faces, CAMERA, close)
    assert_same_image(render_depth(vertices, faces, CAMERA, close), expected)


def test_what_is_beside_the_image_is_not_seen() -> None:
    wall = np.array([[50, -9, 2], [59, -9, 2], [55, 9, 2]], np.float32)
    assert not render_depth(wall, [[0, 1, 2]], CAMERA, np.eye(4)).any()


def test_depth_is_along_the_axis_of_the_camera_not_along_the_ray() -> None:
    wall = np.array([[-9, -9, 2], [9, -9, 2], [9, 9, 2], [-9, 9, 2]], np.float32)
    depth = render_depth(wall, [[0, 1, 2], [0, 2, 3]], CAMERA, np.eye(4))
    np.testing.assert_allclose(depth, 2.0, rtol=1e-5)


def test_what_is_behind_the_camera_is_not_seen() -> None:
    wall = np.array([[-9, -9, -2], [9, -9, -2], [0, 9, -2]], np.float32)
    assert not render_depth(wall, [[0, 1, 2]], CAMERA, np.eye(4)).any()


def test_faces_that_index_missing_vertices_are_refused() -> None:
    with pytest.raises(ValueError, match="V >= 4"):
        render_depth(np.zeros((3, 3)), [[0, 1, 3]], CAMERA, np.eye(4))
    with pytest.raises(ValueError, match="T > 0"):
        render_depth(np.zeros((3, 3)), np.empty((0, 3)), CAMERA, np.eye(4))


def test_rendering_prints_nothing() -> None:
    script = (
        "import numpy as np\n"
        "from engine.geometry.camera import PinholeCamera\n"
        "from engine.geometry.ray_casting import render_depth\n"
        "render_depth(np.eye(3) + [0, 0, 2], [[0, 1, 2]], PinholeCamera(4, 4, 4, 4, 2, 2), np.eye(4))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
