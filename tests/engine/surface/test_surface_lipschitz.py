"""What is measured of a model before its surfaces are."""

from dataclasses import replace

import pytest
import torch
from scipy.spatial import cKDTree

from engine.models.model import NeuralParametricModel
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.folded import SignedDistance
from engine.surface.lipschitz import (
    COARSE_REACH,
    FAR_REACH,
    FINE_REACH,
    LipschitzBounds,
    lipschitz_bounds,
    measure_half_error,
    measure_half_pose_error,
    measure_lipschitz,
)
from tests.support.toy_model import toy_model


@pytest.mark.parametrize(("reach", "name"), [(FINE_REACH, "fine"), (COARSE_REACH, "coarse"), (FAR_REACH, "far")])
def test_the_bounds_hold_at_almost_all_points_within_their_reach(reach: float, name: str) -> None:
    model, bound = toy_model(), getattr(measure_lipschitz(toy_model()), name)
    points = torch.rand(40_000, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    for code in model.shape_codes:
        to_surface = torch.from_numpy(cKDTree(extract_surface(model, code, 96).vertices).query(points)[0])
        near = to_surface < reach
        distance = model.sdf(code[None], points[None, near])[0]
        assert (distance.abs() <= bound * reach).float().mean() > 0.999


def test_the_bounds_of_a_good_model_are_a_little_above_one() -> None:
    bounds = measure_lipschitz(toy_model())
    assert 1.0 < bounds.fine < 2.0
    assert 1.0 < bounds.coarse < 2.0


def test_a_longer_way_never_has_a_lower_bound() -> None:
    bounds = LipschitzBounds(coarse=1.2, fine=1.5, far=1.1)
    assert [bounds.within(reach) for reach in (0.001, 0.02, 0.06, 0.2)] == [1.5, 1.5, 1.5, None]
    assert LipschitzBounds(1.2, 1.5).within(0.06) is None


def test_the_error_of_half_precision_is_not_exceeded_by_other_codes() -> None:
    model, error = toy_model(), measure_half_error(toy_model())
    assert error < 0.01
    points = torch.rand(4000, 3, generator=torch.Generator().manual_seed(1)) - 0.5
    for code in model.shape_codes.mean(dim=0) + 0.5 * (model.shape_codes - model.shape_codes.mean(dim=0)):
        exact, half = SignedDistance(model, code)(points), SignedDistance(model, code, half=True)(points)
        near = exact.abs() < 0.05
        assert (half - exact)[near].abs().max() < error


def test_stored_bounds_without_one_of_them_are_measured_again() -> None:
    model = toy_model()
    for stored in ({"coarse": 9.0, "fine": 9.0}, LipschitzBounds(coarse=9.0, fine=9.0).as_dict()):
        info = replace(model.info, training={**model.info.training, "lipschitz": stored})
        assert lipschitz_bounds(replace(model, info=info)).fine < 2


def test_a_measurement_is_repeatable() -> None:
    assert measure_lipschitz(toy_model(), seed=4) == measure_lipschitz(toy_model(), seed=4)


def test_bounds_stored_with_the_model_are_used() -> None:
    model = toy_model()
    stored = LipschitzBounds(coarse=2.25, fine=1.5, far=2.5)
    info = replace(model.info, training={**model.info.training, "lipschitz": stored.as_dict()})
    assert lipschitz_bounds(replace(model, info=info)) == stored


def test_a_model_is_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    model = replace(toy_model())
    first = lipschitz_bounds(model)
    monkeypatch.setattr("engine.surface.lipschitz.measure_lipschitz", None)
    assert lipschitz_bounds(model) is first


def test_a_model_without_any_surface_has_bounds_too() -> None:
    model = toy_model()
    codes = torch.full((1, model.shape_codes.shape[1]), 1e3)
    lonely = NeuralParametricModel(replace(model.info, identities=("x",), frames=()), model.shape_decoder, codes)
    bounds = measure_lipschitz(lonely)
    assert bounds.fine > 0
    assert bounds.coarse > 0


def test_posed_surfaces_are_off_in_half_precision_by_no_more_than_what_was_measured() -> None:
    model = toy_model()
    assert model.pose_codes is not None
    bound = measure_half_pose_error(model)
    for frame in (1, 11, 22):
        shape_code = model.shape_codes[model.info.frames[frame].identity]
        vertices = extract_surface(model, shape_code, 32).vertices
        full = pose_vertices(model, shape_code, model.pose_codes[frame], vertices)
        half = pose_vertices(model, shape_code, model.pose_codes[frame], vertices, half=True)
        assert bound / 20 < abs(full - half).max() < bound


def test_models_without_poses_have_no_bound_for_posing_in_half_precision() -> None:
    assert measure_half_pose_error(replace(toy_model(), pose_codes=None, pose_decoder=None)) == float("inf")
