"""How far the shape may be off, against draws from its covariance."""

import torch

from engine.methods.npm.shape_deviations import KEPT, shape_deviations
from engine.models.code_space import CodeSpace


def space(directions: int, size: int = 12) -> CodeSpace:
    return CodeSpace.from_codes(torch.randn(directions + 1, size, generator=torch.Generator().manual_seed(3)))


def information(size: int) -> torch.Tensor:
    rows = torch.randn(3 * size, size, generator=torch.Generator().manual_seed(4), dtype=torch.float64)
    return rows.T @ rows


def test_all_directions_together_are_the_covariance_of_the_code() -> None:
    shapes, known = space(5), information(5)
    rates = torch.randn(40, 5, generator=torch.Generator().manual_seed(5))
    found = shape_deviations(known, rates, shapes).double()
    derivative = shapes.derivative.double()
    torch.testing.assert_close(found.T @ found, derivative @ known.inverse() @ derivative.T, atol=1e-5, rtol=1e-4)


def test_of_more_directions_those_are_kept_that_move_the_surface() -> None:
    shapes, known = space(KEPT + 3), torch.eye(KEPT + 3)
    rates = torch.zeros(40, KEPT + 3)
    rates[:KEPT, :KEPT] = torch.diag(torch.arange(1.0, KEPT + 1))
    found = shape_deviations(known, rates, shapes)
    assert found.shape == (KEPT, 12)
    along = found @ shapes.components.T / shapes.scales  # in standard deviations
    torch.testing.assert_close(along.abs()[:, :KEPT], torch.eye(KEPT).flip(0), atol=1e-4, rtol=0)
    assert along[:, KEPT:].abs().max() < 1e-4


def test_a_model_of_one_identity_has_none() -> None:
    shapes = CodeSpace.from_codes(torch.zeros(1, 4))
    assert shape_deviations(torch.zeros(0, 0), torch.zeros(9, 0), shapes).shape == (0, 4)
