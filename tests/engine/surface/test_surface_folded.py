"""Folded decoders against the decoders that they are made of."""

import pytest
import torch

from engine.models.networks.decoder import Decoder, DecoderConfig
from engine.surface import folded
from engine.surface.folded import FoldedDecoder

CONFIGS = {
    "published": DecoderConfig(width=96, layers=5, skip_layer=3, frequencies=4),
    "full_width_skip": DecoderConfig(width=48, layers=4, skip_layer=2, full_width_skip=True, frequencies=8),
    "layer_norm": DecoderConfig(width=91, layers=4, skip_layer=2, frequencies=2, weight_norm=False, layer_norm=True),
    "plain_coordinates": DecoderConfig(width=50, layers=4, skip_layer=2, positional_encoding=False),
    "xyz_in_all": DecoderConfig(width=93, layers=5, skip_layer=2, frequencies=4, xyz_in_all=True),
    "plain_weights": DecoderConfig(width=96, layers=5, skip_layer=1, frequencies=3, weight_norm=False),
}


@pytest.fixture(params=list(CONFIGS.values()), ids=list(CONFIGS))
def decoder(request: pytest.FixtureRequest) -> Decoder:
    torch.manual_seed(0)
    return Decoder(10, 3, request.param)


def raise_bias(decoder: Decoder, index: int) -> None:
    bias = decoder.layer(index).bias
    assert isinstance(bias, torch.Tensor)
    bias.add_(1)


def test_a_folded_decoder_equals_the_decoder(decoder: Decoder) -> None:
    code, points = torch.randn(10), torch.rand(200, 3) - 0.5
    expected = decoder(code[None], points[None])[0]
    torch.testing.assert_close(FoldedDecoder(decoder, code)(points), expected, atol=1e-6, rtol=1e-5)


def test_a_folded_decoder_in_half_precision_is_close(decoder: Decoder) -> None:
    code, points = torch.randn(10), torch.rand(200, 3) - 0.5
    expected = decoder(code[None], points[None])[0]
    values = FoldedDecoder(decoder, code, half=True)(points)
    assert values.dtype == torch.float32
    assert (values - expected).abs().max() < 0.02 * expected.abs().max()


def test_chunks_make_no_difference(decoder: Decoder, monkeypatch: pytest.MonkeyPatch) -> None:
    decode, points = FoldedDecoder(decoder, torch.randn(10)), torch.rand(101, 3) - 0.5
    whole = decode(points)
    monkeypatch.setitem(folded._CHUNK, ("cpu", "float32"), 25)
    torch.testing.assert_close(decode(points), whole)


def test_a_points_value_in_full_precision_does_not_depend_on_its_company(decoder: Decoder) -> None:
    decode, points = FoldedDecoder(decoder, torch.randn(10)), torch.rand(1300, 3) - 0.5
    whole = decode(points)
    for part in (slice(0, 1), slice(3, 700), slice(1290, 1300)):
        assert torch.equal(decode(points[part]), whole[part])


def test_several_codes_at_once_give_the_values_of_each(decoder: Decoder) -> None:
    codes, points = torch.randn(3, 10), torch.rand(600, 3) - 0.5
    rows = torch.randint(3, (600,))
    for half in (False, True):
        values = FoldedDecoder(decoder, codes, half)(points, rows)
        for row, code in enumerate(codes):
            alone = FoldedDecoder(decoder, code, half)(points[rows == row])
            torch.testing.assert_close(values[rows == row], alone, atol=0.01 if half else 1e-6, rtol=1e-5)


def test_frozen_decoders_that_change_all_the_same_are_folded_anew(decoder: Decoder) -> None:
    decoder.requires_grad_(False)
    code, points = torch.randn(10), torch.rand(20, 3)
    before = FoldedDecoder(decoder, code)(points)
    raise_bias(decoder, 1)
    after = FoldedDecoder(decoder, code)(points)
    assert not torch.equal(after, before)
    torch.testing.assert_close(after, decoder(code[None], points[None])[0], atol=1e-6, rtol=1e-5)


def test_no_points_give_no_values(decoder: Decoder) -> None:
    assert FoldedDecoder(decoder, torch.randn(10))(torch.zeros(0, 3)).shape == (0, 3)


def test_a_folded_decoder_is_a_snapshot_without_gradients(decoder: Decoder) -> None:
    decode, points = FoldedDecoder(decoder, torch.randn(10)), torch.rand(20, 3)
    before = decode(points)
    with torch.no_grad():
        for index in range(decoder.config.layers):
            raise_bias(decoder, index)
    assert not before.requires_grad
    assert torch.equal(decode(points), before)
