"""Folded decoders against the decoders that they are made of."""

import pytest
import torch

from engine.networks.decoder import Decoder, DecoderConfig
from engine.surface import folded
from engine.surface.folded import FoldedDecoder

CONFIGS = {
    "published": DecoderConfig(width=96, layers=5, skip_layer=3, frequencies=4),
    "full_width_skip": DecoderConfig(width=48, layers=4, skip_layer=2, full_width_skip=True, frequencies=8),
    "plain_weights": DecoderConfig(width=96, layers=5, skip_layer=1, frequencies=3, weight_norm=False),
}


@pytest.fixture(params=CONFIGS.values(), ids=CONFIGS.keys())
def decoder(request: pytest.FixtureRequest) -> Decoder:
    torch.manual_seed(0)
    return Decoder(10, 3, request.param)


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
    monkeypatch.setitem(folded._CHUNK, "cpu", 25)
    torch.testing.assert_close(decode(points), whole)


def test_no_points_give_no_values(decoder: Decoder) -> None:
    assert FoldedDecoder(decoder, torch.randn(10))(torch.zeros(0, 3)).shape == (0, 3)


def test_a_folded_decoder_is_a_snapshot_without_gradients(decoder: Decoder) -> None:
    decode, points = FoldedDecoder(decoder, torch.randn(10)), torch.rand(20, 3)
    before = decode(points)
    with torch.no_grad():
        for index in range(decoder.config.layers):
            decoder.layer(index).bias.add_(1)
    assert not before.requires_grad
    assert torch.equal(decode(points), before)
