import numpy as np
import pytest
import torch

from engine.surface.extract import extract_surface
from engine.surface.folded import SignedDistance
from npm_studio.session.document.explorer import Codes
from npm_studio.session.live import mesher as mesher_module
from npm_studio.session.live.level_set_projection import project_onto_level_set
from npm_studio.session.live.mesher import Mesher
from npm_studio.session.live.request import MeshReply, MeshRequest, Quality
from tests.support.toy_model import toy_model

CPU = torch.device("cpu")


def between(fraction: float) -> torch.Tensor:
    """A shape code ``fraction`` of the way from the first doll to the second."""
    first, second = toy_model().shape_codes[:2]
    return torch.lerp(first, second, fraction)


def preview(mesher: Mesher, fraction: float) -> MeshReply:
    return mesher.make(MeshRequest(1, (Codes(between(fraction)),), settled=False), Quality.PREVIEW, lambda: False)


def test_a_followed_surface_lies_on_the_new_shape_and_keeps_its_triangles() -> None:
    model, cell = toy_model(), 1 / 47
    mesh = extract_surface(model, between(0.0), 48)
    with torch.no_grad():
        distance = SignedDistance(model, between(0.1))
        followed = project_onto_level_set(distance, mesh, cell, CPU)
        assert followed is not None
        before = distance(torch.from_numpy(mesh.vertices)).abs()
        after = distance(torch.from_numpy(followed.vertices)).abs()
    assert followed.faces is mesh.faces
    assert before.max() > 0.1 * cell
    assert after.mean() < 0.1 * before.mean()
    assert after.quantile(0.99) < 0.05 * cell


def test_a_shape_too_far_away_is_not_followed() -> None:
    mesh = extract_surface(toy_model(), between(0.0), 48)
    with torch.no_grad():
        assert project_onto_level_set(lambda points: points[:, 0], mesh, 1 / 47, CPU) is None


def test_a_field_of_no_numbers_is_not_followed() -> None:
    mesh = extract_surface(toy_model(), between(0.0), 48)
    with torch.no_grad():
        assert project_onto_level_set(lambda points: torch.full((len(points),), torch.nan), mesh, 1 / 47, CPU) is None


def test_a_vertex_that_goes_astray_stays_among_its_neighbours() -> None:
    model, cell = toy_model(), 1 / 47
    mesh = extract_surface(model, between(0.0), 48)
    assert len(mesh.vertices) > 200  # one of them is within the share that is put up with
    distance = SignedDistance(model, between(0.0))

    def folded(points: torch.Tensor) -> torch.Tensor:
        """The field of the same shape, but wherever the first vertex goes, the level is elsewhere."""
        values = distance(points)
        values[0] = 1.5 * cell
        return values

    neighbours = mesh.faces[(mesh.faces == 0).any(axis=1)]
    with torch.no_grad():
        followed = project_onto_level_set(folded, mesh, cell, CPU)
    assert followed is not None
    around = followed.vertices[np.unique(neighbours[neighbours != 0])]
    assert np.abs(followed.vertices[0] - around.mean(axis=0)).max() < 1e-5


def test_a_surface_with_a_vertex_far_astray_is_not_followed() -> None:
    model, cell = toy_model(), 1 / 47
    mesh = extract_surface(model, between(0.0), 48)
    distance = SignedDistance(model, between(0.0))

    def torn(points: torch.Tensor) -> torch.Tensor:
        values = distance(points)
        values[0] = 5 * cell
        return values

    with torch.no_grad():
        assert project_onto_level_set(torn, mesh, cell, CPU) is None


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which contouring is too slow for every frame."""
    monkeypatch.setattr(mesher_module, "POSE_BUDGET_MS", 0.0)
    monkeypatch.setattr(mesher_module, "SHAPE_BUDGET_MS", 0.0)


def test_previews_of_a_shape_that_changes_a_little_move_the_same_triangles(
    slow: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mesher_module, "_MAX_CONTOURING_FRACTION", 1e-9)
    mesher = Mesher(toy_model(), 96)
    first, second = preview(mesher, 0.0), preview(mesher, 0.05)
    assert second.meshes[0].faces is first.meshes[0].faces
    assert abs(second.meshes[0].vertices - first.meshes[0].vertices).max() > 1e-3
    assert second.quality is Quality.PREVIEW
    assert second.resolution == first.resolution


def test_every_now_and_then_the_surface_is_contoured_afresh(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesher_module, "_MAX_CONTOURING_FRACTION", 1.0)
    mesher = Mesher(toy_model(), 96)
    first, second = preview(mesher, 0.0), preview(mesher, 0.05)
    assert second.meshes[0].faces is not first.meshes[0].faces


def test_a_jump_to_another_shape_is_contoured(slow: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mesher_module, "_MAX_CONTOURING_FRACTION", 1e-9)
    mesher = Mesher(toy_model(), 96)
    first, second = preview(mesher, 0.0), preview(mesher, 3.0)
    assert second.meshes[0].faces is not first.meshes[0].faces


def test_a_fast_machine_contours_every_preview() -> None:
    mesher = Mesher(toy_model(), 96)
    first, second = preview(mesher, 0.0), preview(mesher, 0.02)
    mesher._grid_detail.learn(first.resolution, 1.0)
    for _ in range(20):  # whatever this machine took
        mesher._grid_detail.learn(first.resolution, 1.0)
    third = preview(mesher, 0.04)
    assert third.meshes[0].faces is not second.meshes[0].faces
