"""How far surfaces move along a path of codes, against a slow twin, and paths at constant speed."""

import numpy as np
import pytest
import torch

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.mesh import vertex_normals
from engine.models.code_path import CodePath
from engine.models.model import NeuralParametricModel
from engine.surface.even_movement import movements, times_of_constant_speed
from engine.surface.extract import extract_surface
from tests.support.present import present
from tests.support.toy_model import toy_model


def path_of(space: str, rows: tuple[int, ...]) -> CodePath:
    """Through identities, poses of the first one, or both; each identity has six frames."""
    model, poses = toy_model(), present(toy_model().pose_codes)
    identities = [row // 6 for row in rows]
    if space == "pose":
        identities = [identities[0]] * len(rows)
    shapes = model.shape_codes[identities]
    return CodePath(shapes, None if space == "shape" else poses[list(rows)], np.arange(len(rows), dtype=np.float64))


def slow_movement(model: NeuralParametricModel, path: CodePath, start: float, end: float) -> float:
    """The definition: where the line along the normal of each point meets the new surface, by bisection, then posed."""
    (shape, pose), (next_shape, next_pose) = path.at(np.array([start, end]))
    mesh = extract_surface(model, shape, 24)
    points = torch.from_numpy(mesh.vertices)
    normals = torch.from_numpy(vertex_normals(mesh.vertices, mesh.faces))

    def where_zero(code: torch.Tensor) -> torch.Tensor:
        inside, outside = points - 0.04 * normals, points + 0.04 * normals
        for _ in range(25):
            middle = (inside + outside) / 2
            is_inside = model.sdf(code[None], middle[None]).reshape(-1, 1) < 0
            inside, outside = torch.where(is_inside, middle, inside), torch.where(is_inside, outside, middle)
        return outside

    placed, next_placed = where_zero(shape), where_zero(next_shape)
    if pose is None or next_pose is None:
        moved = next_placed - placed
    else:
        before, after = (
            model.pose(s[None], p[None], x[None])[0]
            for s, p, x in ((shape, pose, placed), (next_shape, next_pose, next_placed))
        )
        moved = after - before
    return float(moved.square().sum(dim=1).mean().sqrt())


@pytest.mark.parametrize(("space", "rows"), [("shape", (0, 12)), ("pose", (0, 5)), ("both", (2, 11))])
def test_movements_are_those_of_the_definition(space: str, rows: tuple[int, int]) -> None:
    model, path = toy_model(), path_of(space, rows)
    times = np.array([0.3, 0.4])
    (found,) = movements(model, path, times, resolution=24)
    assert found == pytest.approx(slow_movement(model, path, *times), rel=0.02)


@pytest.mark.parametrize(("space", "rows"), [("shape", (0, 12)), ("pose", (0, 1, 5)), ("both", (8, 23))])
def test_at_constant_speed_the_surface_moves_equally_far_from_frame_to_frame(space: str, rows: tuple[int, ...]) -> None:
    model, path = toy_model(), path_of(space, rows)
    times, even = times_of_constant_speed(model, path, 9)
    plain = movements(model, path, path.evenly(9))
    assert (times[0], times[-1]) == (path.times[0], path.times[-1])
    np.testing.assert_array_equal(even, movements(model, path, times))
    assert even.max() / even.min() < 1.1
    assert plain.max() / plain.min() > 1.15  # or there was nothing to even out


def test_the_length_of_a_path_does_not_depend_on_how_finely_it_is_divided() -> None:
    """Or what is measured is not movement but how inexactly the points lie on their surfaces."""
    model, path = toy_model(), path_of("shape", (0, 12))
    coarse, fine = (movements(model, path, np.linspace(0.4, 0.5, count), 24).sum() for count in (3, 41))
    assert fine == pytest.approx(coarse, rel=0.02)


def test_the_same_code_twice_has_evenly_spaced_times() -> None:
    times, moved = times_of_constant_speed(toy_model(), path_of("both", (4, 4)), 5)
    assert not moved.any()
    np.testing.assert_array_equal(times, [0, 0.25, 0.5, 0.75, 1])


def test_a_path_through_codes_without_a_surface_is_refused_with_the_place() -> None:
    model = toy_model()
    for scale in (10, -10, 30, -30, 100, -100):
        nothing = torch.full_like(model.shape_codes[0], scale)
        if extract_surface(model, nothing, 24).is_empty:
            break
    path = CodePath(torch.stack((nothing, model.shape_codes[0])), None, np.array([0.0, 1.0]))
    with pytest.raises(InputError, match="no surface at 0% of the way"):
        times_of_constant_speed(model, path, 5)


def test_measuring_a_path_stops_when_asked_to() -> None:
    class Impatient(Progress):
        def cancelled(self) -> bool:
            return True

    with pytest.raises(Cancelled):
        times_of_constant_speed(toy_model(), path_of("shape", (0, 12)), 5, Impatient())
