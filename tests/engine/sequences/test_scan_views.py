"""Scans of which nobody says the unit or how they stand."""

import dataclasses
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from engine.core.errors import InputError
from engine.geometry.mesh import Mesh
from engine.models.networks.coordinates import CoordinateNetwork
from engine.sequences import scan_views
from engine.sequences.camera_path import World
from engine.sequences.scan import ScanFile, pieces_of_surface, surface_of, surface_samples
from engine.sequences.scan_alignment import likeliest_ups, turns
from engine.sequences.scan_views import open_scan
from tests.support.around import doll_meshes
from tests.support.toy_model import toy_model

LYING = Rotation.from_euler("zx", [37, -90], degrees=True).as_matrix()


def scan_file(turn: np.ndarray = LYING, factor: float = 100.0, cloud: bool = False) -> ScanFile:
    """A doll of another unit and of other axes than a model's."""
    mesh = doll_meshes()[0]
    vertices = factor * (mesh.vertices.astype(np.float64) @ turn.T + [4.0, -2.0, 1.0])
    if not cloud:
        return ScanFile(Path("doll.ply"), vertices, mesh.faces.astype(np.int64))
    return ScanFile(Path("doll.xyz"), surface_samples(Mesh(vertices.astype(np.float32), mesh.faces), 8000), None)


@pytest.mark.parametrize(("factor", "unit"), [(1.0, "metres"), (100.0, "centimetres"), (1000.0, "millimetres")])
def test_the_unit_is_that_in_which_it_is_as_large_as_the_subjects_and_is_said(factor: float, unit: str) -> None:
    sequence = open_scan(scan_file(factor=factor), toy_model())
    assert sequence.scan is not None and sequence.scan.unit == unit
    assert f"its unit is taken to be {unit}" in sequence.warnings[0].line()
    true, found = (np.ptp(mesh.vertices, axis=0).max() for mesh in (doll_meshes()[0], sequence.scan.surface))
    assert found == pytest.approx(true, rel=0.2)  # of boxes along other axes


def test_what_is_not_of_the_size_of_subjects_in_any_unit_is_refused() -> None:
    with pytest.raises(InputError, match=r"doll\.ply: measures .*, which in metres, centimetres or millimetres is not"):
        open_scan(scan_file(factor=8.0), toy_model())


@pytest.mark.parametrize("cloud", [False, True])
def test_a_lying_doll_is_stood_upright_where_the_model_has_it(cloud: bool) -> None:
    sequence = open_scan(scan_file(cloud=cloud), toy_model())
    assert sequence.scan is not None and sequence.scan.is_cloud is cloud
    turn = sequence.scan.file_to_world[:3, :3] * 100
    np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-6)
    up = turn @ LYING @ [0.0, 1.0, 0.0]
    assert up[1] > 0.94
    assert "up is taken to be" in sequence.warnings[1].line()
    assert sequence.world is World.UPRIGHT
    apart = cKDTree(doll_meshes()[0].vertices).query(surface_samples(sequence.scan.surface, 1000))[0]
    assert apart.mean() < 0.08  # in some training pose


def test_cameras_all_around_see_the_surface_and_nothing_else() -> None:
    sequence = open_scan(scan_file(), toy_model())
    assert len(sequence.views) == 8 and len(sequence) == 1
    assert sequence.scan is not None
    tree = cKDTree(surface_samples(sequence.scan.surface, 60_000))
    seen = np.concatenate([view.points_world(0) for view in sequence.views])
    assert tree.query(seen)[0].max() < 0.02
    hidden = cKDTree(seen).query(surface_samples(sequence.scan.surface, 4000))[0]
    assert (hidden > 0.03).mean() < 0.02
    for view in sequence.views:
        assert view.scene is not None  # all that is seen is the subject


def test_a_surface_without_another_side_is_refused() -> None:
    mesh = doll_meshes()[0]
    corners = mesh.vertices[mesh.faces]
    facing = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])[:, 2] > 0
    shell = ScanFile(Path("front.ply"), mesh.vertices.astype(np.float64), mesh.faces[facing].astype(np.int64))
    with pytest.raises(InputError, match=r"front\.ply: has no other side: it is what one camera saw"):
        open_scan(shell, toy_model())


def test_pieces_of_surface_lie_on_the_surface_of_the_points_and_close_it() -> None:
    mesh = doll_meshes()[0]
    points = surface_samples(mesh, 6000)
    stray = np.concatenate((points, [[5.0, 5.0, 5.0]]))
    pieces = pieces_of_surface(stray)
    assert len(pieces.faces) == 2 * len(points)
    on_pieces = surface_samples(pieces, 4000)
    fine = cKDTree(surface_samples(mesh, 100_000))
    assert fine.query(on_pieces)[0].mean() < 0.01
    assert cKDTree(surface_samples(pieces, 100_000)).query(points)[0].max() < 0.02


def test_vertices_of_no_triangle_are_not_part_of_a_scan() -> None:
    file = scan_file()
    loose = dataclasses.replace(file, vertices=np.concatenate((file.vertices, [[np.nan, 1e9, 0.0]])))
    assert np.array_equal(surface_of(loose).vertices, surface_of(file).vertices)


def test_verticals_that_are_tried_differ_and_the_likeliest_comes_first() -> None:
    mesh = doll_meshes()[0]
    found = turns(surface_samples(mesh, 2000) @ LYING.T, toy_model())
    assert [turn.residual_m for turn in found] == sorted(turn.residual_m for turn in found)
    tried = likeliest_ups(found, 4)
    assert tried[0] is found[0]
    ups = np.stack([turn.up for turn in tried])
    assert (ups @ ups.T - 2 * np.eye(4)).max() < 0.9


def test_a_network_chooses_among_the_likeliest_verticals(monkeypatch: pytest.MonkeyPatch) -> None:
    """It knows dolls that stand; here it is sure of the second one that it is asked about, and sees nothing else."""
    asked: list[Mesh] = []

    def familiarity(surface: Mesh, model: object) -> float:
        asked.append(surface)
        return float(len(asked) == 2)

    monkeypatch.setattr(scan_views, "_familiarity", familiarity)
    model = dataclasses.replace(toy_model(), coordinate_network=cast(CoordinateNetwork, object()))
    sequence = open_scan(scan_file(), model)
    assert sequence.scan is not None
    np.testing.assert_allclose(sequence.scan.surface.vertices, asked[1].vertices, atol=1e-4)
    assert "which looks clearly more familiar than" in sequence.warnings[1].line()
    monkeypatch.setattr(scan_views, "_familiarity", lambda surface, model: 0.0)
    with pytest.raises(InputError, match=r"doll\.ply: shows nothing like dolls"):
        open_scan(scan_file(), model)
