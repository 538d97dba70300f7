import pytest
import torch
from torch import Tensor

from engine.evaluate import code_fitting
from engine.evaluate.code_fitting import fit_pose_codes, fit_shape_codes, nearest_pose_codes
from tests.support.toy_model import DOLLS, LABELS, toy_displacement, toy_distance, toy_model


@pytest.fixture(scope="module")
def pools() -> Tensor:
    """(4, 3000, 4) samples of the model's own dolls."""
    generator = torch.Generator().manual_seed(3)
    points = (torch.rand((len(DOLLS), 3000, 3), generator=generator) - 0.5) * 0.9
    values = torch.stack([toy_distance(identity, own) for identity, own in enumerate(points)])
    return torch.cat((points, values[..., None]), dim=2)


def correspondences(rows: list[int]) -> tuple[Tensor, Tensor, Tensor]:
    """Shape codes, canonical and posed points of training frames."""
    generator = torch.Generator().manual_seed(4)
    identities = [LABELS[row].identity for row in rows]
    canonical = []
    for identity in identities:
        points = torch.rand((40_000, 3), generator=generator) - 0.5
        canonical.append(points[toy_distance(identity, points).abs() < 0.02][:500])
    points = torch.stack(canonical)
    moved = torch.stack([own + toy_displacement(row, own) for row, own in zip(rows, points, strict=True)])
    return toy_model().shape_codes[identities], points, moved


def test_shape_codes_of_known_shapes_are_recovered(pools: Tensor) -> None:
    """Shapes that the model itself makes, from codes between those of training."""
    model = toy_model()
    weights = torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.1, 0.2, 0.3, 0.4]])
    codes = weights @ model.shape_codes
    points = pools[:2, :, :3]
    own = torch.cat((points, model.sdf(codes, points)[..., None]), dim=2)
    start, fitted = fit_shape_codes(model, own, steps=0), fit_shape_codes(model, own, steps=150)
    before, after = ((model.sdf(found, points) - own[..., 3]).abs().mean() for found in (start, fitted))
    assert after < 0.1 * before
    assert (fitted - codes).norm() < 0.2 * (start - codes).norm()


def test_pose_codes_of_known_motions_are_recovered() -> None:
    model = toy_model()
    assert model.pose_codes is not None
    shapes, canonical, _ = correspondences([0, 9])
    codes = 0.5 * (model.pose_codes[[0, 9]] + model.pose_codes[[4, 7]])
    posed = model.pose(shapes, codes, canonical)
    start, fitted = fit_pose_codes(model, shapes, canonical, posed, 0), fit_pose_codes(model, shapes, canonical, posed)
    unseen = correspondences([0, 9])[1] + 0.01
    true = model.pose(shapes, codes, unseen)
    before, after = ((model.pose(shapes, found, unseen) - true).norm(dim=-1).mean() for found in (start, fitted))
    assert after < 0.1 * before


def test_rows_fitted_one_by_one_give_the_same_codes(pools: Tensor, monkeypatch: pytest.MonkeyPatch) -> None:
    model = toy_model()
    together = fit_shape_codes(model, pools, steps=15, points=200)
    apart = torch.cat([fit_shape_codes(model, pool[None], steps=15, points=200) for pool in pools])
    torch.testing.assert_close(together, apart, atol=1e-4, rtol=1e-3)
    arguments = correspondences([2, 8, 20])
    moved = fit_pose_codes(model, *arguments, steps=15, points=100)
    monkeypatch.setitem(code_fitting._POINTS_AT_ONCE, "cpu", 100)  # one row at a time
    torch.testing.assert_close(fit_pose_codes(model, *arguments, steps=15, points=100), moved, atol=1e-4, rtol=1e-3)


def test_the_search_in_parts_finds_what_a_slow_loop_finds() -> None:
    model = toy_model()
    assert model.pose_codes is not None
    rows = [1, 5, 6, 5, 14, 23]
    shapes, canonical, posed = correspondences(rows)
    canonical[3], posed[1] = canonical[1], posed[3]  # two frames of one subject, with the same points
    columns = torch.arange(32) * 500 // 32
    slow = []
    for shape, source, target in zip(shapes, canonical[:, columns], posed[:, columns], strict=True):
        errors = [
            (model.pose(shape[None], z[None], source[None])[0] - target).norm(dim=1).mean() for z in model.pose_codes
        ]
        slow.append(int(torch.stack(errors).argmin()))
    for points_at_once in (32, 5 * 32, None):
        found = nearest_pose_codes(model, shapes, canonical, posed, points_at_once=points_at_once)
        assert found.tolist() == slow


def test_networks_that_are_being_trained_get_no_gradients(pools: Tensor) -> None:
    model = toy_model()
    model.shape_decoder.requires_grad_(True)
    try:
        with torch.no_grad():  # as validation is
            codes = fit_shape_codes(model, pools[:1], steps=2, points=50)
        assert not codes.requires_grad
        assert all(parameter.grad is None for parameter in model.shape_decoder.parameters())
    finally:
        model.shape_decoder.requires_grad_(False)
