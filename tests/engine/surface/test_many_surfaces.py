"""Meshes of many codes, computed together or one by one."""

import numpy as np
import pytest

from engine.surface import many_surfaces
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.present import present
from tests.support.toy_model import toy_model


@pytest.mark.parametrize("together", [1, 4])
def test_meshes_computed_together_are_those_computed_one_by_one(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    monkeypatch.setattr(many_surfaces, "_posed_together", lambda *_: together)
    monkeypatch.setattr(many_surfaces, "_shapes_together", lambda *_: together)
    toy, order = toy_model(), [0, 0, 0, 0, 0, 1, 2, 2]
    poses = [None, *present(toy.pose_codes)[:6], None]
    wanted = [(toy.shape_codes[row], pose) for row, pose in zip(order, poses, strict=True)]
    found = list(many_surfaces.extract_meshes(toy, wanted, 24))
    assert len(found) == 8
    for mesh, (shape, pose) in zip(found, wanted, strict=True):
        canonical = extract_surface(toy, shape, 24)
        expected = canonical.vertices if pose is None else pose_vertices(toy, shape, pose, canonical.vertices)
        np.testing.assert_allclose(mesh.vertices, expected, atol=1e-6)
        np.testing.assert_array_equal(mesh.faces, canonical.faces)
