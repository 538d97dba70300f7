"""Networks: sizes, positional encoding, and the decoder against a slow readable twin."""

import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.networks.decoder import Decoder, DecoderConfig, PoseDecoder, ShapeDecoder
from engine.networks.positional_encoding import PI, encode_points, encoding_width

CONFIGS = {
    "published": DecoderConfig(width=96, layers=5, skip_layer=3, frequencies=4),
    "full_width_skip": DecoderConfig(width=48, layers=4, skip_layer=2, full_width_skip=True, frequencies=4),
    "plain_weights": DecoderConfig(width=96, layers=5, skip_layer=2, frequencies=3, weight_norm=False),
    "skip_right_after_the_first": DecoderConfig(width=96, layers=3, skip_layer=1, frequencies=4),
    "no_frequencies": DecoderConfig(width=48, layers=4, skip_layer=2, frequencies=0),
}


def slow_decoder(decoder: Decoder, codes: Tensor, points: Tensor) -> Tensor:
    """Concatenates code and encoding to every single point, weights normalised by hand."""
    rows = []
    for code, of_code in zip(codes, points, strict=True):
        for point in of_code:
            inputs = torch.cat((code, encode_points(point, decoder.config.frequencies)))
            hidden = inputs
            for index in range(decoder.config.layers + 1):
                layer = decoder.layer(index)
                if index == decoder.config.skip_layer:
                    hidden = torch.cat((hidden, inputs))
                weight = layer.weight
                if decoder.config.weight_norm and index < decoder.config.layers:
                    weight = layer.weight_g * layer.weight_v / layer.weight_v.norm(dim=1, keepdim=True)
                hidden = weight @ hidden + layer.bias
                if index < decoder.config.layers:
                    hidden = hidden.clamp_min(0)
            rows.append(hidden)
    return torch.stack(rows).reshape(*points.shape[:2], -1)


def parameter_count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize(("code_size", "count"), [(384, 1_842_843), (256, 1_843_099)])
def test_the_full_shape_decoder_has_the_published_number_of_parameters(code_size: int, count: int) -> None:
    assert parameter_count(ShapeDecoder(code_size, DecoderConfig())) == count


@pytest.mark.parametrize(("code_size", "count"), [(384, 7_357_853), (256, 7_358_365)])
def test_the_full_pose_decoder_has_the_published_number_of_parameters(code_size: int, count: int) -> None:
    assert parameter_count(PoseDecoder(code_size, code_size, DecoderConfig(width=1024))) == count


def test_eight_frequencies_encode_a_point_in_51_channels() -> None:
    assert encoding_width(8) == 51
    assert encode_points(torch.zeros(2, 5, 3), 8).shape == (2, 5, 51)


def test_the_encoding_is_the_scaled_point_followed_by_sines_then_cosines_of_each_band() -> None:
    point = (0.11, -0.42, 0.3)
    expected = [PI * c for c in point]
    for band in range(8):
        expected += [math.sin(2**band * PI * c) for c in point]
        expected += [math.cos(2**band * PI * c) for c in point]
    encoded = encode_points(torch.tensor(point, dtype=torch.float64), 8)
    np.testing.assert_allclose(encoded.numpy(), expected, atol=1e-7)


def test_without_frequencies_the_encoding_is_the_scaled_point() -> None:
    points = torch.rand(4, 3)
    assert torch.equal(encode_points(points, 0), points * PI)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_a_decoder_equals_concatenating_code_and_encoding_to_every_point(config: DecoderConfig) -> None:
    torch.manual_seed(0)
    decoder = Decoder(10, 2, config)
    codes, points = torch.randn(2, 10), torch.rand(2, 7, 3) - 0.5
    torch.testing.assert_close(decoder(codes, points), slow_decoder(decoder, codes, points), atol=1e-5, rtol=1e-5)


def test_the_shape_decoder_is_the_tanh_of_its_last_layer() -> None:
    torch.manual_seed(0)
    decoder = ShapeDecoder(10, CONFIGS["published"])
    with torch.no_grad():
        decoder.layer(5).weight.mul_(20)
    codes, points = torch.randn(1, 10), torch.rand(1, 9, 3) - 0.5
    expected = slow_decoder(decoder, codes, points)[..., 0].tanh()
    torch.testing.assert_close(decoder(codes, points), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS.keys())
def test_half_precision_is_close_and_still_returns_float32(config: DecoderConfig) -> None:
    torch.manual_seed(0)
    decoder = Decoder(10, 2, config)
    codes, points = torch.randn(2, 10), torch.rand(2, 50, 3) - 0.5
    exact, half = decoder(codes, points), decoder(codes, points, half=True)
    assert half.dtype == torch.float32
    assert (half - exact).abs().max() < 0.02 * exact.abs().max()


def test_gradients_reach_codes_points_and_all_parameters() -> None:
    torch.manual_seed(0)
    decoder = ShapeDecoder(10, CONFIGS["published"])
    codes, points = torch.randn(2, 10, requires_grad=True), torch.rand(2, 7, 3, requires_grad=True)
    decoder(codes, points).sum().backward()
    assert all(value.grad is not None and value.grad.abs().sum() > 0 for value in (codes, points))
    assert all(parameter.grad is not None for parameter in decoder.parameters())


def test_a_skip_that_does_not_fit_says_what_to_set() -> None:
    with pytest.raises(ValueError, match="full_width_skip"):
        Decoder(100, 1, DecoderConfig(width=64))
    with pytest.raises(ValueError, match="skip_layer"):
        Decoder(10, 1, DecoderConfig(layers=4, skip_layer=4))
