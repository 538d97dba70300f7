"""The published training of the benchmark learns what it should: the networks are ours, computed the long way."""

import pytest
import torch
from reference_training import (
    POSE,
    SHAPE,
    ReferenceDecoder,
    ReferenceTraining,
    encode,
    initial_codes,
    pose_loss,
    posed_points,
    shape_loss,
    signed_distance,
)

from engine.models.networks.decoder import DecoderConfig, PoseDecoder, ShapeDecoder
from engine.models.networks.positional_encoding import encode_points

CPU = torch.device("cpu")
SMALL = DecoderConfig(width=64, layers=4, skip_layer=2, frequencies=3)


@pytest.mark.parametrize(
    ("codes", "outputs", "width", "parameters"),
    [
        (384, 1, 512, 1_842_843),
        (256, 1, 512, 1_843_099),
        (768, 3, 1024, 7_357_853),
        (512, 3, 1024, 7_358_365),
    ],
)
def test_the_networks_have_as_many_parameters_as_the_published_ones(
    codes: int, outputs: int, width: int, parameters: int
) -> None:
    decoder = ReferenceDecoder(codes, outputs, DecoderConfig(width=width))
    assert sum(parameter.numel() for parameter in decoder.parameters()) == parameters


def test_the_encoding_is_ours() -> None:
    points = torch.rand(50, 3) - 0.5
    torch.testing.assert_close(encode(points, 8), encode_points(points, 8), atol=1e-6, rtol=0)


@pytest.mark.parametrize("full_width_skip", [False, True])
def test_outputs_and_gradients_equal_those_of_our_decoders_with_the_same_weights(full_width_skip: bool) -> None:
    torch.manual_seed(0)
    config = DecoderConfig(width=64, layers=4, skip_layer=2, frequencies=3, full_width_skip=full_width_skip)
    codes, points = torch.randn(2, 16), torch.rand(2, 30, 3) - 0.5
    ours = ShapeDecoder(16, config)
    reference = ReferenceDecoder(16, 1, config)
    reference.load_state_dict(ours.state_dict())
    torch.testing.assert_close(signed_distance(reference, codes, points), ours(codes, points), atol=1e-6, rtol=0)
    signed_distance(reference, codes, points).abs().sum().backward()
    ours(codes, points).abs().sum().backward()
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(reference.get_parameter(name).grad, parameter.grad, atol=1e-4, rtol=1e-4)

    posing = PoseDecoder(10, 6, config)
    reference = ReferenceDecoder(16, 3, config)
    reference.load_state_dict(posing.state_dict())
    torch.testing.assert_close(
        posed_points(reference, codes, points), points + posing(codes, points), atol=1e-6, rtol=0
    )


def test_both_losses_fall_and_codes_that_are_not_in_the_batch_move_by_their_momentum() -> None:
    torch.manual_seed(0)
    points = torch.rand(2, 200, 3) - 0.5
    rows = torch.tensor([0, 2])
    shape = ReferenceTraining(ReferenceDecoder(8, 1, SMALL), initial_codes(3, 8, 0, CPU), shape_loss, SHAPE)
    spheres = points, points.norm(dim=-1) - torch.tensor([[0.2], [0.3]])
    before = shape_loss(shape.decoder, shape.codes(rows), spheres)
    for _ in range(30):
        shape.step(0.0, rows, spheres)
    assert shape_loss(shape.decoder, shape.codes(rows), spheres) < 0.7 * before
    unvisited = shape.book[0].detach().clone()
    shape.step(0.0, torch.tensor([1, 2]), spheres)
    assert not torch.equal(shape.book[0], unvisited)

    fixed = torch.randn(3, 5)
    pose = ReferenceTraining(ReferenceDecoder(13, 3, SMALL), initial_codes(3, 8, 0, CPU), pose_loss, POSE, fixed)
    moved = points, points + torch.tensor([[[0.1, 0.0, 0.0]], [[0.0, 0.2, 0.0]]])
    before = pose_loss(pose.decoder, pose.codes(rows), moved)
    for _ in range(30):
        pose.step(0.0, rows, moved)
    assert pose_loss(pose.decoder, pose.codes(rows), moved) < 0.5 * before


def test_learning_rates_halve_by_the_published_epochs() -> None:
    training = ReferenceTraining(ReferenceDecoder(8, 1, SMALL), initial_codes(3, 8, 0, CPU), shape_loss, SHAPE)
    samples = torch.zeros(1, 4, 3), torch.zeros(1, 4)
    training.step(1100.0, torch.tensor([0]), samples)
    assert [group["lr"] for group in training.optimiser.param_groups] == pytest.approx([1.25e-4, 2.5e-4])
