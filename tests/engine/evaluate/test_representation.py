"""What a model can represent, on dolls whose distance and motion are known in closed form."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from engine.dataset.registered import load_registered_dataset
from engine.evaluate import representation
from engine.evaluate.representation import corresponding_points, deformation_errors, multiply_adds, surface_metrics
from engine.models.networks.decoder import DecoderConfig, PoseDecoder, ShapeDecoder
from engine.surface.extract import extract_surface
from tests.support.ellipsoids import write_ellipsoids
from tests.support.npms_tree import ball
from tests.support.toy_model import toy_model


def test_a_surface_agrees_with_its_own_mesh_up_to_sampling(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("_IOU_POINTS", 30_000), ("SAMPLES", 20_000), ("RESOLUTION", 96)):
        monkeypatch.setattr(representation, name, value)
    model = toy_model()
    mesh = extract_surface(model, model.shape_codes[0], 96)
    generator = np.random.default_rng(0)
    own = surface_metrics(model, model.shape_codes[0], mesh.vertices, mesh.faces, generator)
    assert own.iou > 0.985
    assert own.chamfer_l2 == pytest.approx(own.floor, rel=0.2)
    other = surface_metrics(model, model.shape_codes[1], mesh.vertices, mesh.faces, generator, chamfer=False)
    assert other.iou < 0.8 and other.chamfer_l2 is None


def test_what_a_network_makes_up_far_from_the_truth_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two equal balls where there is one."""
    balls = torch.tensor([[-0.3, 0.0, 0.0], [0.3, 0.0, 0.0]])
    monkeypatch.setattr(
        representation,
        "SignedDistance",
        lambda model, code: lambda points: ((points[:, None] - balls).norm(dim=-1) - 0.15).amin(dim=1),
    )
    vertices, faces = (np.asarray(part) for part in ball(0.15, 32, 64))
    model = toy_model()
    truth = (vertices + balls[0].numpy()).astype(np.float32), faces
    figures = surface_metrics(model, model.shape_codes[0], *truth, np.random.default_rng(0), chamfer=False)
    assert figures.iou == pytest.approx(0.5, abs=0.01)


def test_points_correspond_between_frames(tmp_path: Path) -> None:
    dataset = load_registered_dataset(write_ellipsoids(tmp_path / "ellipsoids"))
    name = dataset.sequences_of(1)[0]
    source, target = corresponding_points(dataset, 1, [(name, 0), (name, 2)], 300, np.random.default_rng(0))
    assert source.shape == (300, 3) and target.shape == (2, 300, 3)
    canonical = dataset.canonical(1)
    for row, frame in enumerate((0, 2)):
        posed = dataset.sequence(1, name)[frame].astype(np.float32)
        # the nearest canonical vertex moves almost like the point
        nearest = np.linalg.norm(source[:, None] - canonical[None], axis=2).argmin(axis=1)
        moved, expected = target[row] - source, (posed - canonical)[nearest]
        assert np.abs(moved - expected).mean() < 0.2 * np.abs(expected).mean() + 1e-3


def test_deformation_errors_are_distances_however_many_rows_there_are() -> None:
    model = toy_model()
    assert model.pose_codes is not None
    points = torch.rand((5, 20_000, 3), generator=torch.Generator().manual_seed(0)) - 0.5
    shapes = model.shape_codes[[0, 1, 2, 3, 0]]
    moved = model.pose(shapes, model.pose_codes[:5], points)
    errors = deformation_errors(model, shapes, model.pose_codes[:5], points, moved + torch.tensor([0.003, 0.0, 0.004]))
    torch.testing.assert_close(errors, torch.full((5, 20_000), 0.005), atol=1e-6, rtol=0)


@pytest.mark.parametrize("config", [DecoderConfig(), DecoderConfig(256, 6, 3, full_width_skip=True)])
def test_multiply_adds_are_those_of_the_layers_without_the_code(config: DecoderConfig) -> None:
    decoder = ShapeDecoder(64, config)
    slow = sum(layer.weight.numel() for layer in (decoder.layer(i) for i in range(config.layers + 1)))
    slow -= 64 * (decoder.layer(0).weight.shape[0] + decoder.layer(config.skip_layer).weight.shape[0])
    assert multiply_adds(decoder) == slow
    assert isinstance(decoder.layer(config.layers), nn.Linear)


def test_a_larger_code_costs_nothing_per_point() -> None:
    config = DecoderConfig(128, 4, 2, full_width_skip=True)
    assert multiply_adds(PoseDecoder(8, 8, config)) == multiply_adds(PoseDecoder(64, 128, config))
