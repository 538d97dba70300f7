"""From codes to meshes: the sparse surface against marching cubes on the dense lattice."""

from collections.abc import Callable

import mcubes
import numpy as np
import pytest
import torch
import trimesh
from scipy.spatial import cKDTree
from torch import Tensor

from engine.core.errors import Cancelled
from engine.models.checkpoint import load_model
from engine.models.code_space import CodeSpace
from engine.models.model import NeuralParametricModel
from engine.surface import extract
from engine.surface.extract import dense_field, extract_surface, extract_surfaces, pose_vertices
from engine.surface.folded import SignedDistance
from engine.surface.lipschitz import lipschitz_bounds, measure_half_error
from engine.surface.octree import CORNERS, surface_cells
from npm_studio.resources import demo_model
from tests.support.toy_model import DOLLS, toy_displacement, toy_distance, toy_model


def random_codes(count: int, std: float) -> list[Tensor]:
    space, generator = CodeSpace.from_codes(toy_model().shape_codes), torch.Generator().manual_seed(2)
    return [space.random(generator, 8, std) for _ in range(count)]


def assert_same_surface(code: Tensor, resolution: int) -> None:
    """Same vertices as marching cubes on the dense lattice, and same triangles wherever there is only one way."""
    mesh = extract_surface(toy_model(), code, resolution)
    field = dense_field(toy_model(), code, resolution)
    vertices, faces = mcubes.marching_cubes(field, 0.0)
    vertices = vertices / (resolution - 1) - 0.5
    assert len(faces) > 100
    assert len(mesh.vertices) == len(vertices)
    distances, partner = cKDTree(mesh.vertices).query(vertices)
    assert distances.max() < 1e-4
    assert len(set(partner)) == len(mesh.vertices)
    unequal = np.array(list(triangles(mesh.faces) ^ triangles(partner[faces[:, ::-1]])), int).reshape(-1, 3)
    cells = np.floor((mesh.vertices[unequal].mean(axis=1) + 0.5) * (resolution - 1)).astype(int)
    assert ambiguous_cells(field)[tuple(cells.T)].all()


def triangles(faces: np.ndarray) -> set[tuple[int, ...]]:
    """Triangles of ``faces`` (F, 3), each starting at its lowest vertex."""
    first = faces.argmin(axis=1)
    return {tuple(np.roll(face, -start).tolist()) for face, start in zip(faces, first, strict=True)}


def ambiguous_cells(field: np.ndarray) -> np.ndarray:
    """Cells with a face whose corners change sign four times: tables of marching cubes join them as they like."""
    ambiguous = np.zeros([size - 1 for size in field.shape], bool)
    for axis in range(3):
        inside = np.moveaxis(field < 0, axis, 0)
        a, b, c, d = inside[:, :-1, :-1], inside[:, 1:, 1:], inside[:, :-1, 1:], inside[:, 1:, :-1]
        faces = (a == b) & (c == d) & (a != c)
        ambiguous |= np.moveaxis(faces[:-1] | faces[1:], 0, axis)
    return ambiguous


def far_code() -> Tensor:
    """A code whose field has no surface."""
    model = toy_model()
    for scale in (10.0, -10.0, 30.0, -30.0, 100.0, -100.0):
        code = torch.full_like(model.shape_codes[0], scale)
        if (dense_field(model, code, 24) > 0).all():
            return code
    raise AssertionError("every code has a surface")


@pytest.mark.slow
def test_random_codes_give_the_triangles_of_the_dense_lattice_at_64() -> None:
    for code in random_codes(10, 1.0):
        assert_same_surface(code, 64)


def test_codes_far_from_training_give_the_triangles_of_the_dense_lattice() -> None:
    for code in random_codes(6, 2.5):
        assert_same_surface(code, 50)


@pytest.mark.slow
def test_random_codes_give_the_triangles_of_the_dense_lattice_at_128() -> None:
    for code in random_codes(2, 1.0):
        assert_same_surface(code, 128)


@pytest.mark.parametrize("resolution", [20, 33, 48, 75])
def test_any_resolution_gives_the_triangles_of_the_dense_lattice(resolution: int) -> None:
    code = toy_model().shape_codes[2]
    assert_same_surface(code, resolution)


@pytest.mark.parametrize("identity", range(len(DOLLS)))
def test_the_surface_of_a_training_identity_is_closed_faces_outwards_and_lies_on_its_shape(identity: int) -> None:
    mesh = extract_surface(toy_model(), toy_model().shape_codes[identity], 64)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.is_winding_consistent
    assert solid.volume > 0
    assert toy_distance(identity, torch.from_numpy(mesh.vertices)).abs().mean() < 0.003


def test_half_precision_moves_the_surface_a_little() -> None:
    code = toy_model().shape_codes[0]
    exact, half = extract_surface(toy_model(), code, 64), extract_surface(toy_model(), code, 64, half=True)
    assert trimesh.Trimesh(half.vertices, half.faces, process=False).is_watertight
    assert cKDTree(exact.vertices).query(half.vertices)[0].max() < 0.01


def test_the_dense_field_is_the_models_distance_at_the_lattice_nodes() -> None:
    model = toy_model()
    field = dense_field(model, model.shape_codes[1], 20)
    line = np.linspace(-0.5, 0.5, 20, dtype=np.float32)
    for i, j, k in ((1, 2, 3), (10, 9, 8), (18, 10, 1)):
        point = torch.tensor([[[line[i], line[j], line[k]]]])
        assert field[i, j, k] == pytest.approx(float(model.sdf(model.shape_codes[1:2], point)), abs=1e-6)


def crossed(inside: np.ndarray) -> set[tuple[int, ...]]:
    """Cells of the lattice with corners on both sides."""
    count = len(inside) - 1
    corners = np.stack([inside[i : i + count, j : j + count, k : k + count] for i, j, k in CORNERS])
    return {tuple(cell) for cell in np.argwhere(corners.any(axis=0) & ~corners.all(axis=0)).tolist()}


def cells_of(model: NeuralParametricModel, code: Tensor, resolution: int) -> set[tuple[int, ...]]:
    """Cells that full precision finds with pruning in half precision, as on a device where that is fast."""
    exact, half = SignedDistance(model, code), SignedDistance(model, code, half=True)
    bounds, error = lipschitz_bounds(model), measure_half_error(model)
    cells, _ = surface_cells(exact, half, bounds, resolution, model.device, error)
    return {tuple(cell) for cell in cells.tolist()}


@pytest.mark.slow
def test_pruning_in_half_precision_leaves_the_cells_of_the_dense_lattice_unchanged() -> None:
    model = toy_model()
    for resolution, codes in ((50, random_codes(4, 2.5)), (128, random_codes(1, 1.0))):
        for code in codes:
            assert cells_of(model, code, resolution) == crossed(dense_field(model, code, resolution) < 0)


def test_the_built_in_model_has_the_cells_of_the_dense_lattice_and_closed_surfaces() -> None:
    model = load_model(demo_model())
    space = CodeSpace.from_codes(model.shape_codes)
    code = space.random(torch.Generator().manual_seed(5), len(space.scales), 1.5)
    assert cells_of(model, code, 56) == crossed(dense_field(model, code, 56) < 0)
    mesh = extract_surface(model, code, 56)
    solid = trimesh.Trimesh(mesh.vertices, mesh.faces, process=False)
    assert solid.is_watertight
    assert solid.volume > 0


def test_the_order_of_vertices_and_faces_is_always_the_same() -> None:
    first, second = (extract_surface(toy_model(), toy_model().shape_codes[1], 40) for _ in range(2))
    assert np.array_equal(first.faces, second.faces)
    assert np.array_equal(first.vertices, second.vertices)


def test_surfaces_found_together_are_those_found_alone() -> None:
    model = toy_model()
    codes = torch.stack([model.shape_codes[0], far_code(), *random_codes(2, 1.0)])
    together = extract_surfaces(model, codes, 48)
    assert len(together) == 4
    assert together[1].is_empty
    for code, mesh in zip(codes, together, strict=True):
        alone = extract_surface(model, code, 48)
        assert np.array_equal(mesh.faces, alone.faces)
        np.testing.assert_allclose(mesh.vertices, alone.vertices, atol=1e-5)


def test_a_code_without_a_surface_gives_an_empty_mesh() -> None:
    assert extract_surface(toy_model(), far_code(), 64).is_empty


def test_a_cancelled_extraction_stops() -> None:
    polls = iter([False, False, True])
    with pytest.raises(Cancelled):
        extract_surface(toy_model(), toy_model().shape_codes[0], 128, cancelled=lambda: next(polls))


@pytest.mark.parametrize("frame", [0, 4, 20])
def test_posed_vertices_are_those_of_the_model_and_near_the_true_ones(frame: int) -> None:
    model = toy_model()
    identity = model.info.frames[frame].identity
    canonical = extract_surface(model, model.shape_codes[identity], 48).vertices
    assert model.pose_codes is not None
    shape, pose = model.shape_codes[identity], model.pose_codes[frame]
    posed = pose_vertices(model, shape, pose, canonical)
    points = torch.from_numpy(canonical)
    np.testing.assert_allclose(posed, model.pose(shape[None], pose[None], points[None])[0].numpy(), atol=1e-6)
    assert np.abs(posed - canonical - toy_displacement(frame, points).numpy()).mean() < 0.003
    np.testing.assert_allclose(pose_vertices(model, shape, pose, points, half=True), posed, atol=0.01)
    assert posed.dtype == np.float32


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_codes_that_are_not_finite_have_no_surface_beside_others_that_have(bad: float) -> None:
    model = toy_model()
    code = torch.full_like(model.shape_codes[0], bad)
    empty, whole = extract_surfaces(model, torch.stack([code, model.shape_codes[0]]), 64)
    assert empty.is_empty
    assert np.array_equal(whole.vertices, extract_surface(model, model.shape_codes[0], 64).vertices)
    assert extract_surface(model, code, 64).is_empty


def test_a_field_of_no_numbers_has_no_cells_and_is_asked_for_few() -> None:
    asked: list[int] = []

    def nothing(points: Tensor) -> Tensor:
        asked.append(len(points))
        return torch.full((len(points),), torch.nan)

    for rough in (nothing, lambda points: nothing(points)):
        cells, values = surface_cells(nothing, rough, lipschitz_bounds(toy_model()), 128, torch.device("cpu"))
        assert cells.shape == (0, 3)
        assert values.shape == (0, 8)
    assert sum(asked) < 0.05 * 128**3


def test_huge_codes_are_not_left_to_half_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    model, made = toy_model(), []

    class Recorded(SignedDistance):
        def __init__(self, model: NeuralParametricModel, code: Tensor, half: bool, cancelled: Callable[[], bool]):
            made.append(half)
            super().__init__(model, code, half, cancelled)

    monkeypatch.setattr(extract, "SignedDistance", Recorded)
    monkeypatch.setattr(extract, "half_is_fast", lambda device: True)
    extract_surface(model, model.shape_codes[0], 32)
    assert made == [False, True]
    extract_surface(model, 1e4 * model.shape_codes[0], 32)
    assert made == [False, True, False]
