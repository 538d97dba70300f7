"""The parity test against its NumPy twin, the winding number, and surfaces with holes."""

import igl
import numpy as np
import pytest
import trimesh

from csrc.inside import inside_parity
from csrc.inside_numpy import inside_parity as twin
from engine.geometry.mesh import Mesh
from engine.geometry.voxels import inside_by_parity

GENERATOR = np.random.default_rng(0)


def body() -> trimesh.Trimesh:
    """A closed, bumpy, concave surface of 1280 triangles."""
    mesh = trimesh.creation.icosphere(subdivisions=3)
    mesh.vertices *= (0.3 + 0.1 * np.sin(7 * mesh.vertices[:, :1]) * np.cos(5 * mesh.vertices[:, 2:])) + 0.0
    return mesh


SOUP = GENERATOR.uniform(-0.5, 0.5, (40, 3, 3))
TRIANGLES = {
    "none": np.zeros((0, 3, 3)),
    "closed": np.asarray(body().triangles),
    "open": np.asarray(body().triangles)[::2],
    "soup": SOUP,
    "upright": SOUP * [1, 0, 1],
    "points": np.repeat(SOUP[:, :1], 3, axis=1),
    "segments": SOUP[:, [0, 1, 0]],
    "huge": SOUP * 1e12,
    "tiny": SOUP * 1e-12,
    "on a lattice": np.round(SOUP * 6) / 6,
}


def query(scale: float = 1.0) -> np.ndarray:
    """Random points, points of a lattice, and points that are nowhere."""
    lattice = np.stack(np.meshgrid(*3 * [np.linspace(-0.5, 0.5, 7)], indexing="ij"), axis=-1).reshape(-1, 3)
    odd = np.array([[np.nan, 0, 0], [0, np.inf, 0], [0, 0, np.nan], [0, 0, np.inf], [1e300, 0, 0], [0, 0, 1e300]])
    return np.concatenate((GENERATOR.uniform(-0.6, 0.6, (300, 3)) * scale, lattice * scale, odd))


@pytest.mark.parametrize("name", TRIANGLES)
def test_parities_equal_their_twin(name: str) -> None:
    points = query({"huge": 1e12, "tiny": 1e-12}.get(name, 1.0))
    inside, hole = inside_parity(points, TRIANGLES[name])
    with np.errstate(invalid="ignore", over="ignore"):
        expected_inside, expected_hole = twin(points, TRIANGLES[name])
    assert inside.dtype == hole.dtype == bool
    np.testing.assert_array_equal(inside, expected_inside)
    np.testing.assert_array_equal(hole, expected_hole)


def test_points_of_a_closed_surface_are_where_the_winding_number_says() -> None:
    mesh = body()
    points = GENERATOR.uniform(-0.45, 0.45, (20_000, 3))
    inside, hole = inside_parity(points, mesh.triangles)
    assert not hole.any()
    winding = igl.winding_number(np.asarray(mesh.vertices), np.asarray(mesh.faces), points)
    np.testing.assert_array_equal(inside, winding > 0.5)


def test_lines_through_vertices_and_edges_cross_a_closed_surface_once() -> None:
    mesh = body()
    shared = np.concatenate((mesh.vertices, mesh.vertices[mesh.edges].mean(axis=1)))
    points = shared * [1, 1, 0] + [0, 0, 1] * GENERATOR.uniform(-0.5, 0.5, (len(shared), 1))
    inside, hole = inside_parity(points, mesh.triangles)
    assert not hole.any()
    winding = igl.winding_number(np.asarray(mesh.vertices), np.asarray(mesh.faces), points)
    clear = igl.point_mesh_squared_distance(points, mesh.vertices, mesh.faces)[0] > 1e-18  # some edges are upright
    assert clear.mean() > 0.9
    np.testing.assert_array_equal(inside[clear], winding[clear] > 0.5)


def test_a_line_through_a_hole_is_flagged() -> None:
    mesh = trimesh.creation.box((1, 1, 1))
    open_above = np.asarray(mesh.triangles)[mesh.face_normals[:, 2] < 0.5]
    inside, hole = inside_parity([[0, 0, 0], [0, 0, -2], [0, 0, 2], [2, 0, 0]], open_above)
    assert inside.tolist() == [False, False, False, False]
    assert hole.tolist() == [True, True, True, False]


def test_doubtful_points_are_decided_along_another_axis() -> None:
    mesh = trimesh.creation.box((1, 1, 1))
    keep = mesh.face_normals[:, 2] < 0.5
    open_above = Mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces[keep], np.int32))
    points = GENERATOR.uniform(-1, 1, (500, 3))
    inside, doubtful = inside_by_parity(points, open_above)
    assert not doubtful.any()
    np.testing.assert_array_equal(inside, (np.abs(points) < 0.5).all(axis=1))


def test_points_that_look_through_holes_everywhere_stay_doubtful() -> None:
    mesh = trimesh.creation.box((1, 1, 1))
    keep = mesh.face_normals.max(axis=1) < 0.5  # three of the six sides
    half = Mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces[keep], np.int32))
    inside, doubtful = inside_by_parity(np.array([[0.0, 0.1, 0.2], [2.0, 2.0, 2.0]]), half)
    assert inside.tolist() == [False, False]
    assert doubtful.tolist() == [True, False]


def test_the_inside_of_a_surface_with_small_holes_is_that_of_the_closed_one() -> None:
    mesh = body()
    keep = GENERATOR.random(len(mesh.faces)) > 0.02
    torn = Mesh(np.asarray(mesh.vertices, np.float32), np.asarray(mesh.faces[keep], np.int32))
    points = GENERATOR.uniform(-0.4, 0.4, (5_000, 3))
    _, hole = inside_parity(points, torn.vertices[torn.faces])
    inside, doubtful = inside_by_parity(points, torn)
    expected = igl.winding_number(np.asarray(mesh.vertices), np.asarray(mesh.faces), points) > 0.5
    assert hole.mean() > 0.005
    assert doubtful.mean() < 0.1 * hole.mean()
    assert (inside != expected).mean() < 0.005


def test_strided_and_read_only_input_is_accepted() -> None:
    points, triangles = query()[:300].astype(np.float32)[::2], TRIANGLES["closed"].astype(np.float32)[:, ::-1]
    points.flags.writeable = triangles.flags.writeable = False
    np.testing.assert_array_equal(inside_parity(points, triangles)[0], twin(points, triangles)[0])


def test_no_points_give_no_answers() -> None:
    inside, hole = inside_parity(np.zeros((0, 3)), SOUP)
    assert inside.shape == hole.shape == (0,)


def test_large_triangles_do_not_fill_the_memory() -> None:
    triangles = np.repeat(SOUP[:1] * [2, 2, 0.1], 50_000, axis=0)
    inside, hole = inside_parity([[0, 0, -1]], triangles)
    assert inside.tolist() == hole.tolist() == [False]


@pytest.mark.parametrize(
    ("points", "triangles", "message"),
    [
        (np.zeros((4, 2)), SOUP, r"\(N, 3\)"),
        (np.zeros(3), SOUP, r"\(N, 3\)"),
        (np.zeros((4, 3)), np.zeros((4, 3)), r"\(T, 3, 3\)"),
        (np.zeros((4, 3)), np.full((1, 3, 3), np.nan), "finite"),
        (np.zeros((4, 3)), np.full((1, 3, 3), np.inf), "finite"),
    ],
)
def test_input_without_meaning_is_refused(points: np.ndarray, triangles: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        inside_parity(points, triangles)
