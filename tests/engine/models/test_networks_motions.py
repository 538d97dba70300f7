"""Rigid motions against rotation matrices, and the pose decoders that put them out."""

import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.models.networks.decoder import DecoderConfig, PoseDecoder
from engine.models.networks.rigid_motion import quaternion_exp, rigid_displacement, rotate
from tests.support.present import present

CONFIG = DecoderConfig(width=96, layers=5, skip_layer=3, frequencies=4, se3=True)


def by_matrices(motions: Tensor, points: Tensor) -> Tensor:
    """R (p - s) + s + t - p with R = exp of the cross product with twice the logarithm."""
    rows = []
    for motion, point in zip(motions.double(), points.double(), strict=True):
        x, y, z = (2 * motion[:3]).tolist()
        matrix = torch.linalg.matrix_exp(torch.tensor([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=torch.float64))
        rows.append(matrix @ (point - motion[3:6]) + motion[3:6] + motion[6:] - point)
    return torch.stack(rows)


@pytest.mark.parametrize("scale", [1e-9, 1e-3, 1.0, 4.0])
def test_a_rigid_displacement_equals_that_of_its_rotation_matrix(scale: float) -> None:
    torch.manual_seed(0)
    motions, points = torch.randn(50, 9), torch.rand(50, 3) - 0.5
    motions[:, :3] *= scale
    expected = by_matrices(motions, points)
    torch.testing.assert_close(rigid_displacement(motions, points).double(), expected, atol=3e-6, rtol=1e-5)


def test_quaternions_are_ordered_x_y_z_w() -> None:
    torch.manual_seed(0)
    quarter_turn = quaternion_exp(torch.tensor([0.0, 0.0, torch.pi / 4]))  # about z
    half = 0.5**0.5
    torch.testing.assert_close(quarter_turn, torch.tensor([0.0, 0.0, half, half]))
    torch.testing.assert_close(rotate(quarter_turn, torch.tensor([1.0, 0, 0])), torch.tensor([0.0, 1, 0]))
    logarithms, vectors = torch.randn(20, 3), torch.randn(20, 3)
    quaternions = quaternion_exp(logarithms)
    library = Rotation.from_quat(quaternions.numpy()).apply(vectors.numpy())  # scalar last, says its documentation
    torch.testing.assert_close(rotate(quaternions, vectors).double(), torch.from_numpy(library), atol=1e-5, rtol=1e-5)


def test_the_exponential_of_zero_is_the_identity_with_a_finite_gradient() -> None:
    logarithm = torch.zeros(3, requires_grad=True)
    quaternion = quaternion_exp(logarithm)
    assert quaternion.tolist() == [0, 0, 0, 1]
    rotate(quaternion, torch.tensor([1.0, 0, 0]))[1].backward()
    assert present(logarithm.grad).tolist() == [0, 0, 2]  # a turn about z by twice the logarithm moves x towards y


def test_a_new_decoder_of_rigid_motions_is_close_to_the_identity() -> None:
    torch.manual_seed(0)
    decoder = PoseDecoder(6, 4, CONFIG)
    last = decoder.layer(CONFIG.layers)
    assert last.weight.abs().max() <= 1e-5
    assert last.bias.abs().max() <= 1e-5
    points = torch.rand(3, 100, 3) - 0.5
    assert decoder(torch.randn(3, 10), points).abs().max() < 1e-3


def test_a_decoder_of_rigid_motions_displaces_points_by_what_its_last_layer_says() -> None:
    torch.manual_seed(0)
    decoder = PoseDecoder(6, 4, CONFIG)
    torch.nn.init.normal_(decoder.layer(CONFIG.layers).weight, std=0.3)
    codes, points = torch.randn(2, 10), torch.rand(2, 9, 3) - 0.5
    raw = decoder.raw(codes, points)
    assert raw.shape == (2, 9, 9)
    displacement = decoder(codes, points)
    assert displacement.shape == (2, 9, 3)
    expected = by_matrices(raw.detach().flatten(0, 1), points.flatten(0, 1)).reshape(2, 9, 3)
    torch.testing.assert_close(displacement.double(), expected, atol=3e-6, rtol=1e-5)


def test_a_decoder_of_rigid_motions_can_be_trained_from_its_start() -> None:
    torch.manual_seed(0)
    decoder = PoseDecoder(6, 4, CONFIG)
    points = torch.rand(1, 200, 3) - 0.5
    target = torch.stack((points[..., 1], -points[..., 0], points[..., 2]), dim=-1)  # a quarter turn
    codes, optimizer = torch.zeros(1, 10), torch.optim.Adam(decoder.parameters(), 3e-3)
    for _ in range(150):
        optimizer.zero_grad()
        error = (points + decoder(codes, points) - target).norm(dim=-1).mean()
        error.backward()
        optimizer.step()
    assert error < 0.02


@pytest.mark.parametrize(("code_size", "count"), [(384, 7_357_853 + 6 * 1025), (256, 7_358_365 + 6 * 1025)])
def test_the_full_decoder_of_rigid_motions_has_six_more_outputs(code_size: int, count: int) -> None:
    with torch.device("meta"):
        decoder = PoseDecoder(code_size, code_size, DecoderConfig(width=1024, se3=True))
    assert sum(parameter.numel() for parameter in decoder.parameters()) == count
