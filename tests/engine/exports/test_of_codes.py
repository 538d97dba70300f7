from pathlib import Path

import numpy as np
import pytest

from engine.exports.content import ExportContent
from engine.exports.export_format import export
from engine.exports.mesh_files import OBJ
from engine.exports.numbers import NPZ
from engine.exports.of_codes import canonical_of, content_of_codes
from engine.exports.vertex_colours import correspondence_colours
from engine.geometry.camera import transform_points
from engine.geometry.mesh import Mesh, load_mesh
from engine.models.named_codes import load_codes
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.many_surfaces import Codes
from tests.support.present import present
from tests.support.toy_model import toy_model

GRID = 32
MODEL = toy_model()


def codes_of(*which: tuple[int, int | None]) -> list[Codes]:
    poses = present(MODEL.pose_codes)
    return [(MODEL.shape_codes[shape], None if pose is None else poses[pose]) for shape, pose in which]


def content_of(codes: list[Codes], places: np.ndarray | None = None, coloured: bool = False) -> ExportContent:
    names = [f"{index:06d}" for index in range(len(codes))]
    times_s = np.arange(len(codes)) / 10.0
    return content_of_codes(MODEL, codes, "body", names, times_s, "y", places, GRID, coloured)


def by_hand(codes: Codes) -> Mesh:
    """In metres, as the model has it."""
    shape, pose = codes
    mesh = extract_surface(MODEL, shape, GRID)
    vertices = mesh.vertices if pose is None else pose_vertices(MODEL, shape, pose, mesh.vertices)
    return Mesh(MODEL.info.similarity.to_world(vertices), mesh.faces)


def test_every_body_stands_on_the_floor_in_metres() -> None:
    codes = codes_of((0, None), (0, 1), (0, 2))
    content = content_of(codes)
    assert content.meshes.one_topology and content.frame_rate == 10.0
    for index, one in enumerate(codes):
        mesh, expected = content.meshes.read(index), by_hand(one)
        assert mesh.vertices[:, 1].min() == 0
        lifted = expected.vertices - [0, expected.vertices[:, 1].min(), 0]
        np.testing.assert_allclose(mesh.vertices, lifted, atol=1e-6)
        np.testing.assert_array_equal(mesh.faces, expected.faces)


def test_bodies_go_where_they_are_put_but_for_the_height() -> None:
    codes, place = codes_of((0, 1)), np.eye(4)
    place[:3, :3] = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    place[:3, 3] = 2.0, 5.0, -1.0
    moved = transform_points(place, by_hand(codes[0]).vertices)
    moved[:, 1] -= moved[:, 1].min()
    np.testing.assert_allclose(content_of(codes, place[None]).meshes.read(0).vertices, moved, atol=1e-6)


def test_bodies_of_several_shapes_have_triangles_of_their_own_and_z_up_is_turned(tmp_path: Path) -> None:
    codes = codes_of((0, 1), (1, 1))
    assert not content_of(codes).meshes.one_topology
    upright = content_of(codes).meshes.read(1).vertices
    turned = content_of_codes(MODEL, codes, "body", ["a", "b"], np.arange(2.0), "z", resolution=GRID)
    export(turned, OBJ, tmp_path / "bodies")
    x, y, z = upright.T
    np.testing.assert_allclose(load_mesh(tmp_path / "bodies" / "b.obj").vertices, np.stack([x, -z, y], 1), atol=1e-6)


@pytest.mark.parametrize("which", [[(0, 1), (0, 2)], [(0, 1), (1, 2)], [(0, None)]])
def test_their_codes_are_read_again_as_codes(tmp_path: Path, which: list[tuple[int, int | None]]) -> None:
    codes = codes_of(*which)
    export(content_of(codes), NPZ, tmp_path / "codes.npz")
    shapes, poses = load_codes(tmp_path / "codes.npz", MODEL)
    for index, (shape, pose) in enumerate(codes):
        assert shapes[min(index, len(shapes) - 1)].equal(shape)
        assert pose is None or present(poses)[index].equal(pose)


def test_colours_are_those_of_the_places_in_the_canonical_pose() -> None:
    codes = codes_of((1, 2), (1, 3))
    colours = present(content_of(codes, coloured=True).colours)
    canonical = canonical_of(MODEL, codes[0][0], GRID)
    expected = correspondence_colours(MODEL.info.similarity.to_canonical(canonical.vertices))
    assert not colours.change
    assert np.abs(colours.read(1).astype(int) - expected).max() <= 1
