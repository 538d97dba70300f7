"""Code spaces and interpolation: their axioms."""

import dataclasses

import pytest
import torch
from torch import Tensor

from engine.core.errors import InputError
from engine.models.code_space import FARTHEST, CodeSpace, interpolate
from engine.models.drawing import draw_codes
from tests.support.present import present
from tests.support.toy_model import toy_model


@pytest.fixture(params=[(30, 8), (5, 12), (2, 4)], ids=["more codes", "more dimensions", "two codes"])
def codes(request: pytest.FixtureRequest) -> Tensor:
    count, size = request.param
    generator = torch.Generator().manual_seed(3)
    spread = torch.linspace(2.0, 0.1, size)
    return 0.3 + torch.randn(count, size, generator=generator) * spread


def test_a_code_in_the_span_comes_back_from_its_coefficients(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    for code in codes:
        torch.testing.assert_close(space.code(space.coefficients(code)), code, atol=1e-5, rtol=1e-5)


def test_coefficients_come_back_from_their_code(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    coefficients = torch.linspace(-2, 2, len(space.scales))
    torch.testing.assert_close(space.coefficients(space.code(coefficients)), coefficients, atol=1e-4, rtol=1e-4)


def test_zero_coefficients_are_the_mean(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    torch.testing.assert_close(space.mean, codes.mean(dim=0))
    assert torch.equal(space.code(torch.zeros(1)), space.mean)


def test_training_codes_have_unit_variance_and_no_correlation_in_std_units(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    coefficients = torch.stack([space.coefficients(code) for code in codes])
    covariance = coefficients.T @ coefficients / (len(codes) - 1)
    torch.testing.assert_close(covariance, torch.eye(len(space.scales)), atol=1e-4, rtol=0)


def test_components_are_orthonormal_and_sorted_by_spread(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    assert space.components.shape == (min(len(codes) - 1, codes.shape[1]), codes.shape[1])
    identity = torch.eye(len(space.components))
    torch.testing.assert_close(space.components @ space.components.T, identity, atol=1e-5, rtol=0)
    assert (space.scales.diff() <= 0).all()


def test_the_std_is_that_of_each_dimension(codes: Tensor) -> None:
    torch.testing.assert_close(CodeSpace.from_codes(codes).std, codes.std(dim=0))


def test_first_coefficients_alone_leave_the_others_at_the_mean(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    expected = torch.zeros(len(space.scales))
    expected[0] = 1.5
    torch.testing.assert_close(space.coefficients(space.code(torch.tensor([1.5]))), expected, atol=1e-5, rtol=0)


def test_one_code_is_a_space_of_its_own_without_directions() -> None:
    code = torch.tensor([[1.0, 2.0, 3.0]])
    space = CodeSpace.from_codes(code)
    assert space.components.shape == (0, 3)
    assert torch.equal(space.std, torch.zeros(3))
    assert torch.equal(space.code(torch.zeros(0)), code[0])
    assert torch.equal(space.random(torch.Generator().manual_seed(0), 5), code[0])


def test_directions_without_spread_are_left_out() -> None:
    line = torch.linspace(-1, 1, 9)[:, None] * torch.tensor([[0.6, 0.8, 0.0]])
    space = CodeSpace.from_codes(line)
    assert space.components.shape == (1, 3)
    torch.testing.assert_close(space.components[0].abs(), torch.tensor([0.6, 0.8, 0.0]))


def test_too_many_coefficients_are_refused() -> None:
    space = CodeSpace.from_codes(torch.randn(3, 6))
    with pytest.raises(AssertionError, match="3 coefficients for 2 components"):
        space.code(torch.zeros(3))


def test_random_codes_depend_on_the_seed_alone_and_have_the_spread_asked_for() -> None:
    space = CodeSpace.from_codes(torch.randn(40, 6, generator=torch.Generator().manual_seed(0)))
    again = [space.random(torch.Generator().manual_seed(5), 3) for _ in range(2)]
    assert torch.equal(*again)
    generator = torch.Generator().manual_seed(1)
    drawn = torch.stack([space.coefficients(space.random(generator, 3, std=0.5)) for _ in range(2000)])
    torch.testing.assert_close(drawn[:, :3].std(dim=0), torch.full((3,), 0.5), atol=0.04, rtol=0)
    assert drawn[:, 3:].abs().max() < 1e-5


def test_an_interpolation_includes_both_ends_exactly() -> None:
    a, b = torch.randn(16), torch.randn(16)
    codes = interpolate(a, b, 7)
    assert codes.shape == (7, 16)
    assert torch.equal(codes[0], a)
    assert torch.equal(codes[-1], b)


def test_an_interpolation_is_a_straight_line_in_equal_steps() -> None:
    a, b = torch.randn(16), torch.randn(16)
    steps = interpolate(a, b, 9).diff(dim=0)
    torch.testing.assert_close(steps, ((b - a) / 8).expand(8, 16), atol=1e-6, rtol=1e-5)


def test_two_steps_are_the_two_ends() -> None:
    a, b = torch.randn(4), torch.randn(4)
    assert torch.equal(interpolate(a, b, 2), torch.stack((a, b)))


def test_a_spread_to_divide_by_is_never_zero() -> None:
    assert (CodeSpace.from_codes(torch.ones(1, 3)).safe_std == 1e-3).all()
    hardly_used = torch.tensor([[1.0, 0.0, 3.0], [-1.0, 0.0, -3.0]])
    space = CodeSpace.from_codes(hardly_used)
    assert torch.equal(space.safe_std[[0, 2]], space.std[[0, 2]])
    assert float(space.safe_std[1]) == pytest.approx(0.1 * float(space.std.mean()))


def test_draws_have_the_mean_and_the_covariance_of_the_codes(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    for spread in (1.0, 0.5):
        drawn = space.code(space.draw(40_000, torch.Generator().manual_seed(1), spread))
        torch.testing.assert_close(drawn.mean(dim=0), space.mean, atol=0.03, rtol=0)
        covariance = torch.cov(codes.T) * spread**2
        torch.testing.assert_close(torch.cov(drawn.T), covariance, atol=0.05 * float(covariance.max()), rtol=0)


def test_no_draw_is_farther_than_the_limit_along_any_component(codes: Tensor) -> None:
    drawn = CodeSpace.from_codes(codes).draw(20_000, torch.Generator().manual_seed(1), 2.0)
    assert 2.8 < float(drawn.abs().max()) / 2 <= FARTHEST


def test_the_fraction_that_is_nearer_is_that_of_many_draws(codes: Tensor) -> None:
    space = CodeSpace.from_codes(codes)
    many = torch.randn(50_000, len(space.scales), generator=torch.Generator().manual_seed(2))
    for radius in (0.5, 1.0, 1.5):
        one = torch.full((len(space.scales),), radius)
        counted = (many.norm(dim=1) < one.norm()).float().mean()
        assert float(space.nearer(one)) == pytest.approx(float(counted), abs=0.01)


def test_a_draw_does_not_depend_on_what_else_is_drawn() -> None:
    model = toy_model()
    both, alone = draw_codes(model, 5, "both", 7), draw_codes(model, 2, "shape", 7)
    assert torch.equal(both.shapes[:2], alone.shapes) and alone.poses is None
    poses = draw_codes(model, 5, "pose", 7, shape_code=model.shape_codes[1])
    assert torch.equal(present(both.poses), present(poses.poses))
    assert torch.equal(poses.shapes, model.shape_codes[1].expand(5, -1))


def test_a_model_with_one_identity_cannot_say_how_shapes_differ() -> None:
    model = toy_model()
    info = dataclasses.replace(model.info, identities=("tall",), frames=())
    alone = dataclasses.replace(model, info=info, shape_codes=model.shape_codes[:1], pose_decoder=None, pose_codes=None)
    with pytest.raises(InputError, match="has one shape code"):
        draw_codes(alone, 3, "shape", 0)
    with pytest.raises(InputError, match="has no pose codes"):
        draw_codes(alone, 3, "pose", 0)
