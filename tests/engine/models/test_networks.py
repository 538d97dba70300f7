"""Networks: sizes, positional encoding, and the decoder against a slow readable twin."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from engine.models.networks.curriculum import curriculum_depth, curriculum_loss
from engine.models.networks.decoder import Decoder, DecoderConfig, PoseDecoder, ShapeDecoder
from engine.models.networks.positional_encoding import PI, encode_points, encoding_width

CONFIGS = {
    "published": DecoderConfig(width=96, layers=5, skip_layer=3, frequencies=4),
    "full_width_skip": DecoderConfig(width=48, layers=4, skip_layer=2, full_width_skip=True, frequencies=4),
    "plain_weights": DecoderConfig(width=96, layers=5, skip_layer=2, frequencies=3, weight_norm=False),
    "skip_right_after_the_first": DecoderConfig(width=96, layers=3, skip_layer=1, frequencies=4),
    "no_frequencies": DecoderConfig(width=48, layers=4, skip_layer=2, frequencies=0),
    "plain_points": DecoderConfig(width=48, layers=4, skip_layer=2, positional_encoding=False),
    "layer_norm": DecoderConfig(width=96, layers=5, skip_layer=3, frequencies=4, weight_norm=False, layer_norm=True),
    "xyz_in_all": DecoderConfig(width=96, layers=5, skip_layer=3, frequencies=4, xyz_in_all=True),
    "everything": DecoderConfig(
        width=48,
        layers=6,
        skip_layer=2,
        full_width_skip=True,
        weight_norm=False,
        layer_norm=True,
        positional_encoding=False,
        xyz_in_all=True,
    ),
}


def slow_decoder(decoder: Decoder, codes: Tensor, points: Tensor) -> Tensor:
    """Concatenates code and encoding to every single point, weights normalised by hand."""
    config = decoder.config
    rows = []
    for code, of_code in zip(codes, points, strict=True):
        for point in of_code:
            seen = encode_points(point, config.frequencies) if config.positional_encoding else point
            inputs = torch.cat((code, seen))
            hidden = inputs
            for index in range(config.layers + 1):
                layer = decoder.layer(index)
                if index == config.skip_layer:
                    hidden = torch.cat((hidden, inputs))
                elif index > 0 and config.xyz_in_all:
                    hidden = torch.cat((hidden, point))
                weight: Tensor = layer.weight
                if config.weight_norm and index < config.layers:
                    direction = layer.get_parameter("weight_v")
                    weight = layer.get_parameter("weight_g") * direction / direction.norm(dim=1, keepdim=True)
                hidden = weight @ hidden + layer.bias
                if index < config.layers:
                    if config.layer_norm:
                        norm = decoder.get_submodule(f"bn{index}")
                        hidden = (hidden - hidden.mean()) / (hidden.var(correction=0) + 1e-5).sqrt()
                        hidden = hidden * norm.get_parameter("weight") + norm.get_parameter("bias")
                    hidden = hidden.clamp_min(0)
            rows.append(hidden)
    return torch.stack(rows).reshape(*points.shape[:2], -1)


def with_lively_norms(decoder: Decoder) -> Decoder:
    """``decoder`` with scales and shifts of layer normalisation that are not one and zero."""
    for name, parameter in decoder.named_parameters():
        if name.startswith("bn"):
            torch.nn.init.normal_(parameter, mean=float(name.endswith("weight")), std=0.3)
    return decoder


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
    decoder = with_lively_norms(Decoder(10, 2, config))
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


def test_without_tanh_the_shape_decoder_is_its_last_layer() -> None:
    torch.manual_seed(0)
    decoder = ShapeDecoder(10, replace(CONFIGS["published"], tanh=False))
    codes, points = torch.randn(1, 10), torch.rand(1, 9, 3) - 0.5
    expected = slow_decoder(decoder, codes, points)[..., 0]
    torch.testing.assert_close(decoder(codes, points), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["plain_points", "everything"])
def test_half_precision_does_not_round_plain_coordinates(name: str) -> None:
    torch.manual_seed(0)
    decoder = Decoder(10, 2, CONFIGS[name])
    codes = torch.randn(1, 10)
    points = 0.4 + 1e-4 * torch.arange(5)[:, None].expand(1, 5, 3)
    assert (points.bfloat16() == points.bfloat16()[:, :1]).all()
    assert decoder(codes, points, half=True).diff(dim=1).abs().sum() > 0


@pytest.mark.parametrize("field", ["dropout", "latent_dropout"])
def test_dropout_disturbs_training_and_leaves_evaluation_alone(field: str) -> None:
    torch.manual_seed(0)
    plain = Decoder(10, 2, CONFIGS["published"])
    changed: dict[str, Any] = {field: 0.2}
    dropping = Decoder(10, 2, replace(CONFIGS["published"], **changed))
    dropping.load_state_dict(plain.state_dict())
    codes, points = torch.randn(2, 10), torch.rand(2, 7, 3) - 0.5
    assert not torch.equal(dropping(codes, points), dropping(codes, points))
    assert torch.equal(dropping.eval()(codes, points), plain(codes, points))


def test_latent_dropout_drops_the_same_entries_for_all_points_of_a_row() -> None:
    torch.manual_seed(0)
    decoder = Decoder(10, 2, replace(CONFIGS["published"], latent_dropout=0.5))
    values = decoder(torch.randn(1, 10), torch.zeros(1, 5, 3))
    torch.testing.assert_close(values, values[:, :1].expand_as(values))
    assert not torch.allclose(values, decoder(torch.ones(1, 10), torch.zeros(1, 5, 3)))


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
    with pytest.raises(ValueError, match="exclude"):
        Decoder(10, 1, DecoderConfig(layer_norm=True))
    with pytest.raises(ValueError, match="dropout"):
        Decoder(10, 1, DecoderConfig(dropout=1.0))


def test_a_description_of_an_older_model_means_the_same_network() -> None:
    older: dict[str, Any] = {
        "width": 256,
        "layers": 6,
        "skip_layer": 3,
        "full_width_skip": True,
        "frequencies": 8,
        "weight_norm": True,
    }
    config = DecoderConfig(**older)
    assert config.tanh
    assert config.positional_encoding
    assert not (config.se3 or config.layer_norm or config.xyz_in_all or config.dropout or config.latent_dropout)


@pytest.mark.parametrize(("code_size", "after_skip"), [(384, 77), (256, 205)])
def test_names_order_and_shapes_of_the_shape_decoder_are_the_published_ones(code_size: int, after_skip: int) -> None:
    with torch.device("meta"):
        state = ShapeDecoder(code_size, DecoderConfig()).state_dict()
    inputs = [code_size + 51, *[512] * 8]
    outputs = [512, 512, 512, after_skip, *[512] * 4, 1]
    assert layout(state) == published_layout(inputs, outputs)


@pytest.mark.parametrize(("code_size", "after_skip"), [(384, 205), (256, 461)])
@pytest.mark.parametrize("se3", [False, True])
def test_names_order_and_shapes_of_the_pose_decoder_are_the_published_ones(
    code_size: int, after_skip: int, se3: bool
) -> None:
    with torch.device("meta"):
        state = PoseDecoder(code_size, code_size, DecoderConfig(width=1024, se3=se3)).state_dict()
    inputs = [2 * code_size + 51, *[1024] * 8]
    outputs = [1024, 1024, 1024, after_skip, *[1024] * 4, 9 if se3 else 3]
    assert layout(state) == published_layout(inputs, outputs)


def test_layer_norms_are_named_bn_and_follow_their_layer() -> None:
    state = Decoder(10, 1, CONFIGS["layer_norm"]).state_dict()
    hidden = [f"{kind}{index}.{name}" for index in range(5) for kind in ("lin", "bn") for name in ("weight", "bias")]
    assert list(state) == [*hidden, "lin5.weight", "lin5.bias"]
    assert state["bn2.weight"].shape == (96 - 10 - 27,)


def layout(state: dict[str, Tensor]) -> list[tuple[str, tuple[int, ...]]]:
    return [(name, tuple(value.shape)) for name, value in state.items()]


def published_layout(inputs: list[int], outputs: list[int]) -> list[tuple[str, tuple[int, ...]]]:
    names: list[tuple[str, tuple[int, ...]]] = []
    *hidden, (last_in, last_out) = zip(inputs, outputs, strict=True)
    for index, (before, after) in enumerate(hidden):
        names += [(f"lin{index}.bias", (after,)), (f"lin{index}.weight_g", (after, 1))]
        names.append((f"lin{index}.weight_v", (after, before)))
    return [*names, (f"lin{len(hidden)}.weight", (last_out, last_in)), (f"lin{len(hidden)}.bias", (last_out,))]


@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0, 4.5, 7.99, 8.0, 20.0])
def test_a_window_closes_bands_inside_of_sine_and_cosine(alpha: float) -> None:
    points = np.array([[0.11, -0.42, 0.3], [-0.5, 0.5, 0.0]])
    scaled = 3.141592 * points
    expected = [scaled]
    for band in range(8):
        weight = 0.5 * (1 - np.cos(3.141592 * np.clip(alpha - band, 0, 1)))
        expected += [np.sin(weight * scaled * 2**band), np.cos(weight * scaled * 2**band)]
    encoded = encode_points(torch.from_numpy(points), 8, alpha)
    np.testing.assert_allclose(encoded.numpy(), np.concatenate(expected, axis=1), atol=2e-5)
    again = encode_points(torch.from_numpy(points), 8, torch.tensor(alpha))
    assert torch.equal(encoded, again)


def test_a_closed_band_has_sine_zero_and_cosine_one() -> None:
    encoded = encode_points(torch.rand(5, 3), 8, 0.0)
    assert (encoded[:, 3::6] == 0).all()
    assert (encoded[:, 6::6] == 1).all()


def test_an_open_window_is_no_window() -> None:
    points = torch.rand(50, 3) - 0.5
    torch.testing.assert_close(encode_points(points, 8, 8.0), encode_points(points, 8), atol=1e-6, rtol=0)


def test_a_decoder_passes_the_window_on() -> None:
    torch.manual_seed(0)
    decoder = Decoder(10, 2, CONFIGS["published"])
    codes, points = torch.randn(1, 10), torch.rand(1, 9, 3) - 0.5
    assert torch.equal(decoder(codes, points, alpha=None), decoder(codes, points))
    torch.testing.assert_close(decoder(codes, points, alpha=4.0), decoder(codes, points), atol=1e-6, rtol=0)
    assert not torch.allclose(decoder(codes, points, alpha=1.0), decoder(codes, points))


# Curriculum of the published code, written as it runs: stages by epoch, the newest layer faded in.


def published_curriculum(decoder: Decoder, codes: Tensor, points: Tensor, epoch: int, epochs: int) -> Tensor:
    """For 8 hidden layers and the skip at 4; epochs counted from the start of the training."""
    ends = [int(share * epochs) for share in (0.1, 0.3, 0.5)]
    fade = int(0.1 * epochs)
    stage = sum(epoch > end for end in ends)
    config = decoder.config
    seen = encode_points(points, config.frequencies) if config.positional_encoding else points
    inputs = torch.cat((codes[:, None].expand(-1, points.shape[1], -1), seen), dim=-1)
    hidden = inputs
    for index in range(stage + 5):
        if index == 4:
            hidden = torch.cat((hidden, inputs), dim=-1)
        layer = decoder.layer(index)
        value = hidden @ layer.weight.T + layer.bias
        if stage > 0 and index == stage + 4 and epoch < ends[stage - 1] + fade:
            full = ends[stage - 1] + fade
            value = hidden * max(0, (full - epoch) / fade) + value * min(1, (epoch - full) / fade + 1)
        hidden = value.clamp_min(0)
    return hidden @ decoder.layer(8).weight.T + decoder.layer(8).bias


@pytest.mark.parametrize("encoded", [True, False])
def test_the_curriculum_adds_layers_as_the_published_code_means_to(encoded: bool) -> None:
    torch.manual_seed(0)
    config = DecoderConfig(width=64, frequencies=4, positional_encoding=encoded)
    decoder = ShapeDecoder(10, config)
    codes, points = torch.randn(2, 10), torch.rand(2, 7, 3) - 0.5
    for epoch in (0, 39, 40, 41, 60, 79, 80, 81, 119, 120, 130, 160, 199, 200, 201, 230, 239, 240, 241, 399):
        depth = curriculum_depth(epoch, 400, config)
        expected = published_curriculum(decoder, codes, points, epoch, 400)[..., 0].tanh()
        for given in (depth, torch.tensor(depth)):
            values = decoder(codes, points, depth=given)
            torch.testing.assert_close(values, expected, atol=1e-5, rtol=1e-5, msg=f"epoch {epoch}")
    assert torch.equal(decoder(codes, points, depth=8.0), decoder(codes, points))


def test_the_curriculum_of_4000_epochs_has_the_published_stages() -> None:
    config = DecoderConfig()
    epochs = [0, 400, 600, 800, 1200, 1600, 2000, 2300, 2400, 3999]
    depths = [curriculum_depth(epoch, 4000, config) for epoch in epochs]
    assert depths == [5, 5, 5.5, 6, 6, 7, 7, 7.75, 8, 8]
    losses = [curriculum_loss(epoch, 4000) for epoch in (0, 399, 400, 1200, 2000)]
    assert losses == [(0.025, 0.0), (0.025, 0.0), (0.01, 0.1), (0.0025, 0.2), (0.0, 0.5)]


@pytest.mark.parametrize(("layers", "skip", "first"), [(8, 4, 5), (6, 3, 4), (4, 2, 3), (12, 4, 9)])
def test_the_curriculum_of_other_sizes_ends_with_all_layers(layers: int, skip: int, first: int) -> None:
    config = DecoderConfig(layers=layers, skip_layer=skip)
    assert curriculum_depth(0, 100, config) == first
    assert curriculum_depth(100, 100, config) == layers
