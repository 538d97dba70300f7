"""The measured bound of a model's slope."""

from dataclasses import replace

import torch

from engine.model import NeuralParametricModel
from engine.surface.lipschitz import COARSE_BAND, LipschitzBounds, lipschitz_bounds, measure_lipschitz
from tests.toy import toy_model


def test_slopes_between_points_stay_below_the_bound() -> None:
    model, bounds = toy_model(), measure_lipschitz(toy_model())
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(1, 20_000, 3, generator=generator) - 0.5
    step = 0.005 * torch.nn.functional.normalize(torch.randn(points.shape, generator=generator), dim=-1)
    for code in model.shape_codes:
        before, after = (model.sdf(code[None], p)[0] for p in (points, points + step))
        near = before.abs() < COARSE_BAND
        slopes = (after - before).abs()[near] / 0.005
        assert (slopes < bounds.coarse).float().mean() > 0.999


def test_the_bound_near_the_surface_is_at_most_the_other_one() -> None:
    bounds = measure_lipschitz(toy_model())
    assert 1.0 < bounds.fine <= bounds.coarse < 4.0


def test_a_measurement_is_repeatable() -> None:
    assert measure_lipschitz(toy_model(), seed=4) == measure_lipschitz(toy_model(), seed=4)


def test_bounds_stored_with_the_model_are_used() -> None:
    model = toy_model()
    stored = LipschitzBounds(coarse=2.25, fine=1.5)
    info = replace(model.info, training={**model.info.training, "lipschitz": stored.as_dict()})
    assert lipschitz_bounds(replace(model, info=info)) == stored


def test_a_model_is_measured_once(monkeypatch) -> None:
    model = replace(toy_model())
    first = lipschitz_bounds(model)
    monkeypatch.setattr("engine.surface.lipschitz.measure_lipschitz", None)
    assert lipschitz_bounds(model) is first


def test_a_model_without_any_surface_has_bounds_too() -> None:
    model = toy_model()
    codes = torch.full((1, model.shape_codes.shape[1]), 1e3)
    lonely = NeuralParametricModel(replace(model.info, identities=("x",), frames=()), model.shape_decoder, codes)
    bounds = measure_lipschitz(lonely)
    assert 0 < bounds.fine <= bounds.coarse
