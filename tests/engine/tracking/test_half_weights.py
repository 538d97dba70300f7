"""Decoders whose weights are rounded once."""

from dataclasses import replace

import torch

from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import fitted_model
from engine.methods.npm.linearisation import linearise
from engine.models.model import NeuralParametricModel
from engine.tracking.half_weights import with_half_weights
from tests.support.present import present


def test_points_and_derivatives_are_the_same_as_with_weights_that_are_rounded_in_each_pass(
    model: NeuralParametricModel,
) -> None:
    fitted = replace(fitted_model(model, FitConfig()), half=True)
    halved = with_half_weights(fitted)
    assert present(halved.model.pose_decoder).layer(1).weight.dtype is torch.bfloat16
    generator = torch.Generator().manual_seed(0)
    points = (torch.rand((1, 20, 3), generator=generator) - 0.5).to(model.device)
    poses = torch.randn((1, len(fitted.poses.scales)), generator=generator).to(model.device)
    variables = replace(fitted.mean(1), poses=poses)
    axes, middle = torch.eye(3, device=model.device).expand(1, 20, 3, 3).transpose(1, 2), points.mean(1)
    exact, found = (linearise(each, variables, points, None, axes, middle, False) for each in (fitted, halved))
    torch.testing.assert_close(found.placed, exact.placed, rtol=0, atol=0)
    torch.testing.assert_close(found.jacobians, exact.jacobians, rtol=0, atol=0)


def test_what_is_not_halved_is_left(model: NeuralParametricModel) -> None:
    fitted = replace(fitted_model(model, FitConfig()), half=False)
    assert with_half_weights(fitted) is fitted
