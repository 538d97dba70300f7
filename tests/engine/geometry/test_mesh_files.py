"""Mesh files as other programs write them: however they copy a vertex, it is one."""

from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.geometry.mesh import load_mesh
from engine.geometry.mesh_files import corner_groups, first_corners, open_edges, read_triangles
from engine.geometry.obj import read_obj

BALL = trimesh.creation.icosphere(1)
VERTICES, FACES = np.asarray(BALL.vertices, np.float64), np.asarray(BALL.faces, np.int64)


def obj_text(materials: int = 1, seams: bool = False, normals: bool = False) -> str:
    """A ball in OBJ; each face may have texture coordinates and normals of its own, and parts have materials."""
    lines = ["mtllib clothes.mtl", "o ball"] + ["v {:.9f} {:.9f} {:.9f}".format(*v) for v in VERTICES]
    lines += [f"vt 0.{corner % 10} 0.{corner % 7}" for corner in range(3 * len(FACES))]
    lines += [f"vn 0 0 {1 if corner % 2 else -1}" for corner in range(3 * len(FACES))]
    part = -(-len(FACES) // materials)
    for row, face in enumerate(FACES):
        if row % part == 0:
            lines += [f"g part{row}", f"usemtl material{row}", "s off"]
        words = []
        for corner, vertex in enumerate(face + 1):
            own = 3 * row + corner + 1
            words.append(
                f"{vertex}" + (f"/{own}" if seams else "/" if normals else "") + (f"/{own}" if normals else "")
            )
        lines.append("f " + " ".join(words))
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize("materials", [1, 2, 5])
@pytest.mark.parametrize(("seams", "normals"), [(False, False), (True, False), (False, True), (True, True)])
def test_materials_seams_and_normals_of_an_obj_file_copy_no_vertex(
    tmp_path: Path, materials: int, seams: bool, normals: bool
) -> None:
    (tmp_path / "ball.obj").write_text(obj_text(materials, seams, normals))
    mesh = load_mesh(tmp_path / "ball.obj")
    np.testing.assert_allclose(mesh.vertices, VERTICES, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, FACES)
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_watertight


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("\n", "\r\n").encode(),
        lambda text: b"\xef\xbb\xbf" + text.removeprefix("mtllib clothes.mtl\no ball\n").encode(),
        lambda text: text.encode("utf-16"),
        lambda text: text.replace(" ", "  \t").encode(),
        lambda text: ("# v 9 9 9\n" + text.replace("o ball", "o ball # f 1 2 3")).encode(),
        lambda text: text.replace("f ", "f \\\n").encode(),
        lambda text: text.replace("\nvt", " 0.5 0.5 0.5\nvt", 1).encode(),  # one vertex has a colour
    ],
    ids=["CRLF", "BOM", "UTF-16", "tabs", "comments", "continued", "colour"],
)
def test_an_obj_file_is_read_however_its_text_is_written(tmp_path: Path, change: object) -> None:
    assert callable(change)
    (tmp_path / "ball.obj").write_bytes(change(obj_text(2, seams=True)))
    vertices, faces = read_obj(tmp_path / "ball.obj")
    np.testing.assert_allclose(vertices, VERTICES, atol=1e-8)
    np.testing.assert_array_equal(faces, FACES)


def test_polygons_are_fans_and_negative_numbers_count_back(tmp_path: Path) -> None:
    text = "v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf -4 -3 -2 -1\nl 1 2\nv 0 0 1\nf 1 2 -1\nf 1 2 3 4 5\nf 1 2\n"
    (tmp_path / "x.obj").write_text(text)
    expected = [[0, 1, 2], [0, 2, 3], [0, 1, 4], [0, 1, 2], [0, 2, 3], [0, 3, 4]]
    np.testing.assert_array_equal(read_obj(tmp_path / "x.obj")[1], expected)


@pytest.mark.parametrize(
    "text", ["v 0 0\nf 1 1 1\n", "v 0 0 a\nf 1 1 1\n", "v 0 0 0\nf 1 1 x\n", "v 0 0 0\nf 1 1 1.5\n"]
)
def test_an_obj_file_with_other_than_numbers_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.obj").write_text(text)
    with pytest.raises(InputError, match=r"x\.obj: cannot be read as a mesh"):
        read_triangles(tmp_path / "x.obj")


def test_textures_of_a_ply_file_copy_no_vertex(tmp_path: Path) -> None:
    """As MeshLab writes them: six texture coordinates in each face."""
    lines = ["ply", "format ascii 1.0", "comment TextureFile skin.png", f"element vertex {len(VERTICES)}"]
    lines += [f"property float {axis}" for axis in "xyz"] + [f"element face {len(FACES)}"]
    lines += ["property list uchar int vertex_indices", "property list uchar float texcoord", "end_header"]
    lines += ["{:.9f} {:.9f} {:.9f}".format(*vertex) for vertex in VERTICES]
    lines += [f"3 {a} {b} {c} 6 0.{row % 9} 0 1 0 0 0.{row % 7}" for row, (a, b, c) in enumerate(FACES)]
    (tmp_path / "ball.ply").write_text("\n".join(lines) + "\n")
    vertices, faces = read_triangles(tmp_path / "ball.ply")
    np.testing.assert_allclose(vertices, VERTICES, atol=1e-6)
    np.testing.assert_array_equal(faces, FACES)


@pytest.mark.parametrize("ending", ["glb", "stl"])
def test_vertices_that_a_format_copies_are_one_again(tmp_path: Path, ending: str) -> None:
    copies = trimesh.Trimesh(VERTICES[FACES.reshape(-1)], np.arange(3 * len(FACES)).reshape(-1, 3), process=False)
    copies.export(tmp_path / f"ball.{ending}")
    mesh = load_mesh(tmp_path / f"ball.{ending}")
    assert mesh.vertices.shape == VERTICES.shape
    np.testing.assert_allclose(mesh.vertices[mesh.faces], VERTICES[FACES], atol=1e-6)
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_watertight


def test_materials_of_a_glb_file_copy_no_vertex(tmp_path: Path) -> None:
    halves = [trimesh.Trimesh(VERTICES, FACES[part], process=False) for part in (slice(0, 30), slice(30, None))]
    trimesh.Scene(halves).export(tmp_path / "ball.glb")
    mesh = load_mesh(tmp_path / "ball.glb")
    assert mesh.vertices.shape == VERTICES.shape
    assert trimesh.Trimesh(mesh.vertices, mesh.faces, process=False).is_watertight


def test_vertices_without_copies_keep_their_order(tmp_path: Path) -> None:
    BALL.export(tmp_path / "ball.glb")
    mesh = load_mesh(tmp_path / "ball.glb")
    np.testing.assert_allclose(mesh.vertices, VERTICES, atol=1e-6)
    np.testing.assert_array_equal(mesh.faces, FACES)


def test_corners_of_equal_vertices_are_one_group() -> None:
    """The slow way is a dictionary of vertices; 0 and -0 are one place, and what is not a number is none."""
    random = np.random.default_rng(0)
    vertices = random.integers(-1, 2, (300, 3)).astype(float) * random.choice([-1.0, 1.0], (300, 3))
    vertices[7] = np.nan
    faces = random.permutation(np.delete(np.arange(300), 7))[:297].reshape(-1, 3)
    names: dict[tuple[float, ...], int] = {}
    slow = [names.setdefault(tuple((vertices[corner] + 0.0).tolist()), len(names)) for corner in faces.reshape(-1)]
    groups = corner_groups(vertices, faces)
    np.testing.assert_array_equal(groups[:, None] == groups, np.array(slow)[:, None] == slow)
    assert groups.max() + 1 == len(names)


def test_corners_that_come_apart_in_another_pose_are_not_one_vertex() -> None:
    """Lips that touch in one frame; the slow way is to compare every corner with every other, in both poses."""
    faces = np.arange(12).reshape(4, 3)
    closed = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]] * 4, float)
    closed[3:6] += [[0, 0, 0], [1, 0, 0], [0, -1, 0]]
    opened = closed.copy()
    opened[6:] += [0, 0, 0.5]
    groups = corner_groups(opened, faces, corner_groups(closed, faces))
    poses = np.concatenate([closed, opened], axis=1)
    slow = (poses[:, None] == poses).all(axis=2)
    np.testing.assert_array_equal(groups[:, None] == groups, slow)
    np.testing.assert_array_equal(first_corners(groups), [list(groups).index(n) for n in range(groups.max() + 1)])
    assert open_edges(np.arange(12)) == 12


def test_a_negative_zero_is_zero() -> None:
    vertices = np.array([[0.0, 0, 1], [-0.0, 0, 1], [0, 1, 0], [1, 0, 0]])
    assert len(first_corners(corner_groups(vertices, np.array([[0, 2, 3], [1, 3, 2]])))) == 3


def test_a_vertex_of_no_triangle_may_be_anything(tmp_path: Path) -> None:
    (tmp_path / "ball.obj").write_text(obj_text().replace("vt", "v nan nan nan\nvt", 1))
    vertices, _ = read_triangles(tmp_path / "ball.obj")
    assert len(vertices) == len(VERTICES) + 1
    (tmp_path / "bad.obj").write_text(obj_text().replace("v ", "v nan 0 0\nv ", 1))
    with pytest.raises(InputError, match="not finite"):
        read_triangles(tmp_path / "bad.obj")
