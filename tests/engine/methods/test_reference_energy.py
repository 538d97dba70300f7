"""The published energy, term by term, against a slow twin that is written from the formulas, point by point."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from engine.methods.npm_reference.config import ReferenceConfig
from engine.methods.npm_reference.energy import interpolated
from engine.methods.npm_reference.fit import ICP, POSE, RECONSTRUCTION, SHAPE, TEMPORAL, Batch, energy_terms
from engine.methods.npm_reference.observed import Observed
from engine.methods.npm_reference.start import Codes
from engine.models.model import NeuralParametricModel
from tests.support.toy_model import toy_model

NODES, FRAMES, POINTS = 12, 4, 20
ICP_WEIGHT = 0.7
CONFIG = ReferenceConfig(shape_prior=0.3, pose_prior=0.2, temporal_weight=5.0, icp_band=0.01, clamp=0.05)
PAIRS = torch.tensor([[2, 0, 3], [3, 1, 2]])
"""Of frames, as rows of first and second ones."""


@pytest.fixture(scope="module")
def model() -> NeuralParametricModel:
    """In double precision, with trained weights."""
    toy = toy_model()
    assert toy.pose_decoder is not None and toy.pose_codes is not None
    shape, pose = toy.shape_decoder, toy.pose_decoder
    doubled = dataclasses.replace(
        toy, shape_decoder=type(shape)(8, shape.config), shape_codes=toy.shape_codes.double(),
        pose_decoder=type(pose)(8, 8, pose.config), pose_codes=toy.pose_codes.double(),
    )  # fmt: skip
    assert doubled.pose_decoder is not None
    doubled.shape_decoder.load_state_dict(shape.state_dict())
    doubled.pose_decoder.load_state_dict(pose.state_dict())
    doubled.shape_decoder.double().requires_grad_(False)
    doubled.pose_decoder.double().requires_grad_(False)
    return doubled


@pytest.fixture(scope="module")
def observed() -> Observed:
    """Rough grids with holes in them: a wrong corner or weight would show."""
    random = torch.Generator().manual_seed(1)
    size = (FRAMES, NODES, NODES, NODES)
    sdf = 0.1 * torch.randn(size, generator=random, dtype=torch.float64)
    valid = torch.rand(size, generator=random) > 0.02
    points = 0.2 * torch.randn((FRAMES * 40, 3), generator=random, dtype=torch.float64)
    return Observed(sdf, valid, points, torch.full((FRAMES,), 40))


@pytest.fixture(scope="module")
def batch(model: NeuralParametricModel, observed: Observed) -> Batch:
    """Points about the surface of the first doll, some of them on it, and some far beyond the cube."""
    random = torch.Generator().manual_seed(2)
    spread = torch.rand((3, 4000, 3), generator=random, dtype=torch.float64) - 0.5
    distances = model.sdf(model.shape_codes[:1].expand(3, -1), spread).abs()
    near = spread.gather(1, distances.argsort(dim=1)[:, : POINTS - 8, None].expand(-1, -1, 3))
    canonical = torch.cat((near, spread[:, :6], 3 * spread[:, 6:8]), dim=1)
    return Batch(PAIRS, canonical, observed.draw(PAIRS, POINTS, random))


@pytest.fixture
def codes(model: NeuralParametricModel) -> Codes:
    assert model.pose_codes is not None
    return Codes(model.shape_codes[0].clone().requires_grad_(), model.pose_codes[:FRAMES].clone().requires_grad_())


def network(decoder: Any, code: Tensor, point: Tensor) -> Tensor:
    """Outputs of a decoder for one point (3,), its input written out: code and encoded point, twice."""
    waves = [point * 3.141592]
    for band in range(decoder.config.frequencies):
        waves += [torch.sin(2**band * 3.141592 * point), torch.cos(2**band * 3.141592 * point)]
    embedded = torch.cat((code, *waves))
    hidden = embedded
    for index in range(decoder.config.layers):
        if index == decoder.config.skip_layer:
            hidden = torch.cat((hidden, embedded))
        layer = decoder.layer(index)
        weight = layer.weight_v * layer.weight_g / layer.weight_v.norm(dim=1, keepdim=True)
        hidden = torch.relu(weight @ hidden + layer.bias)
    last = decoder.layer(decoder.config.layers)
    return last.weight @ hidden + last.bias


def looked_up(grid: Tensor, point: Tensor, align: bool) -> Tensor:
    """By PyTorch's sampling of images, whose axes are the other way round."""
    place = (2 * point).flip(0).reshape(1, 1, 1, 1, 3)
    image = grid[None, None].to(point.dtype)
    return functional.grid_sample(image, place, padding_mode="border", align_corners=align).reshape(())


def twin(
    model: NeuralParametricModel, codes: Codes, batch: Batch, observed: Observed, config: ReferenceConfig
) -> dict[str, Tensor]:
    """The terms, pair by pair, frame by frame and point by point."""
    terms = dict.fromkeys((RECONSTRUCTION, ICP, SHAPE, POSE, TEMPORAL), torch.zeros((), dtype=torch.float64))
    moved: dict[tuple[int, int, int], Tensor] = {}
    sdf: dict[tuple[int, int], Tensor] = {}
    for pair in range(3):
        for row, point in enumerate(batch.canonical[pair]):
            sdf[pair, row] = torch.tanh(network(model.shape_decoder, codes.shape, point)[0])
            for slot in range(2):
                code = torch.cat((codes.shape, codes.poses[batch.frames[slot, pair]]))
                moved[slot, pair, row] = network(model.pose_decoder, code, point)
    for slot in range(2):
        errors, icp, sizes = [], [], []
        for pair in range(3):
            frame, on_surface = batch.frames[slot, pair], []
            for row, point in enumerate(batch.canonical[pair]):
                posed = point + moved[slot, pair, row]
                if float(sdf[pair, row].detach().abs()) < config.icp_band:
                    on_surface.append(posed)
                if float(looked_up(observed.valid[frame], posed.detach(), config.align_grid)) <= 0.999999:
                    continue
                seen = looked_up(observed.sdf[frame], posed, config.align_grid)
                expected = sdf[pair, row].clamp(-config.clamp, config.clamp)
                if config.clamp_both:
                    seen = seen.clamp(-config.clamp, config.clamp)
                factor = 1 + 0.5 * float(expected.detach().sign() * (expected - seen).detach().sign())
                errors.append((seen - expected).abs() * factor)
            nearest = [
                min((place - point).square().sum() for place in on_surface) for point in batch.observed[slot, pair]
            ]
            icp.append(torch.stack(nearest).mean())
            sizes.append(codes.poses[frame].square().mean())
        terms[RECONSTRUCTION] = terms[RECONSTRUCTION] + torch.stack(errors).mean()
        terms[ICP] = terms[ICP] + ICP_WEIGHT * torch.stack(icp).mean()
        share = 0.5 if config.regularise_once else 1.0
        terms[SHAPE] = terms[SHAPE] + share * config.shape_prior * codes.shape.square().mean()
        terms[POSE] = terms[POSE] + share * config.pose_prior * torch.stack(sizes).mean()
    differences = [moved[0, pair, row] - moved[1, pair, row] for pair in range(3) for row in range(POINTS)]
    for difference in torch.cat(differences):
        size = difference.abs()
        part = 0.5 * size**2 if size < 1 else size - 0.5
        terms[TEMPORAL] = terms[TEMPORAL] + config.temporal_weight * part / (3 * POINTS * 3)
    return terms


CORRECTIONS: tuple[dict[str, bool], ...] = (
    {}, {"clamp_both": True}, {"regularise_once": True}, {"align_grid": True},
    {"clamp_both": True, "regularise_once": True, "align_grid": True},
)  # fmt: skip


@pytest.mark.parametrize("corrections", CORRECTIONS, ids=lambda chosen: "+".join(chosen) or "released")
def test_every_term_and_its_gradient_are_those_of_the_twin(
    model: NeuralParametricModel, observed: Observed, batch: Batch, codes: Codes, corrections: dict[str, bool]
) -> None:
    config = CONFIG.model_copy(update=corrections)
    found = energy_terms(model, codes, batch, observed, config, ICP_WEIGHT)
    expected = twin(model, codes, batch, observed, config)
    assert found.keys() == expected.keys()
    for name, value in found.items():
        assert float(value.detach()) == pytest.approx(float(expected[name].detach()), rel=1e-6), name
        for variable in (codes.shape, codes.poses):
            gradients = [
                torch.autograd.grad(term, variable, retain_graph=True, allow_unused=True)[0]
                for term in (value, expected[name])
            ]
            if gradients[1] is None:
                assert gradients[0] is None or not gradients[0].any(), name
                continue
            assert gradients[0] is not None, name
            error = (gradients[0] - gradients[1]).norm() / gradients[1].norm()
            assert error < 1e-6, (name, float(error))


def test_every_correction_changes_the_energy(
    model: NeuralParametricModel, observed: Observed, batch: Batch, codes: Codes
) -> None:
    fixed, totals = codes.copy(), []
    for chosen in CORRECTIONS[:4]:
        config = CONFIG.model_copy(update=chosen)
        totals.append(float(sum(energy_terms(model, fixed, batch, observed, config, ICP_WEIGHT).values())))
    assert len(set(totals)) == 4


def test_the_gradient_of_the_whole_energy_is_that_of_finite_differences(
    model: NeuralParametricModel, observed: Observed, batch: Batch, codes: Codes
) -> None:
    def energy(shape: Tensor, poses: Tensor) -> Tensor:
        terms = energy_terms(model, Codes(shape, poses), batch, observed, CONFIG, ICP_WEIGHT)
        return torch.stack(list(terms.values())).sum()

    gradients = torch.autograd.grad(energy(codes.shape, codes.poses), (codes.shape, codes.poses))
    step = 1e-7
    random = torch.Generator().manual_seed(3)
    with torch.no_grad():
        ways = [torch.randn(each.shape, generator=random, dtype=torch.float64) for each in (codes.shape, codes.poses)]
        ahead, behind = (energy(codes.shape + s * ways[0], codes.poses + s * ways[1]) for s in (step, -step))
    slope = sum(float((gradient * way).sum()) for gradient, way in zip(gradients, ways, strict=True))
    assert float(ahead - behind) / (2 * step) == pytest.approx(slope, rel=1e-5)


def test_what_counts_nothing_has_no_part_in_the_energy_and_none_in_its_gradient(
    model: NeuralParametricModel, observed: Observed, batch: Batch, codes: Codes
) -> None:
    blind = dataclasses.replace(observed, valid=torch.zeros_like(observed.valid))
    beyond = dataclasses.replace(batch, canonical=batch.canonical * 0 + 0.5)  # no point is on the surface
    terms = energy_terms(model, codes, beyond, blind, CONFIG, ICP_WEIGHT)
    assert float(terms[RECONSTRUCTION]) == float(terms[ICP]) == 0
    torch.stack(list(terms.values())).sum().backward()
    assert codes.shape.grad is not None and bool(codes.shape.grad.isfinite().all())


@pytest.mark.parametrize("align", [False, True])
def test_grids_are_looked_up_as_they_are_where_their_nodes_are(align: bool) -> None:
    line = torch.linspace(-0.5, 0.5, NODES, dtype=torch.float64)
    field: Callable[[Tensor], Tensor] = lambda p: p @ p.new_tensor([1.0, 2.0, 3.0])  # noqa: E731
    grid = field(torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1))[None]
    points = torch.rand((1, 50, 3), generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 0.5
    off = (interpolated(grid, torch.tensor([0]), points, align) - field(points)).abs().max()
    half_cell = 0.5 / (NODES - 1)
    assert off < 1e-12 if align else 1e-3 < off <= (1 + 2 + 3) * half_cell


def test_observed_points_are_drawn_from_their_own_frames() -> None:
    points = torch.arange(9.0, dtype=torch.float64)[:, None].repeat(1, 3)
    grids = torch.zeros(3, 4, 4, 4, dtype=torch.float64)
    seen = Observed(grids, grids > 0, points, torch.tensor([2, 3, 4]))
    drawn = seen.draw(torch.tensor([[2, 0]]), 200, torch.Generator().manual_seed(0))
    assert drawn.shape == (1, 2, 200, 3)
    assert set(np.unique(drawn[0, 0])) == {5, 6, 7, 8}
    assert set(np.unique(drawn[0, 1])) == {0, 1}
