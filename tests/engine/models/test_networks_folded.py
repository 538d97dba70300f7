"""Every kind of decoder in the form in which meshes are made of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from engine.models.labels import ModelInfo
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import Decoder, DecoderConfig, PoseDecoder, ShapeDecoder
from engine.surface.extract import extract_surface, pose_vertices
from engine.surface.folded import FoldedDecoder

SMALL = DecoderConfig(width=64, layers=4, skip_layer=2, full_width_skip=True, frequencies=3)
NORMED = replace(SMALL, weight_norm=False, layer_norm=True)
KINDS = {
    "no_tanh": replace(SMALL, tanh=False),
    "layer_norm": NORMED,
    "xyz_in_all": replace(SMALL, full_width_skip=False, xyz_in_all=True),
    "plain_points": replace(SMALL, positional_encoding=False),
    "everything": replace(NORMED, positional_encoding=False, xyz_in_all=True, dropout=0.2, latent_dropout=0.2),
}
RADIUS = 0.3


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def config(request: pytest.FixtureRequest) -> DecoderConfig:
    return request.param


def ball_model(config: DecoderConfig) -> NeuralParametricModel:
    """A decoder of ``config`` that has seen the signed distance of a ball for a second, and a lively pose decoder."""
    torch.manual_seed(0)
    decoder, code = ShapeDecoder(5, config).eval(), torch.randn(1, 5)
    optimizer = torch.optim.Adam(decoder.parameters(), 3e-3)
    for _ in range(150):
        points = torch.rand(1, 512, 3) - 0.5
        optimizer.zero_grad()
        (decoder(code, points) - (points.norm(dim=-1) - RADIUS)).abs().mean().backward()
        optimizer.step()
    pose_decoder = PoseDecoder(5, 3, replace(config, se3=True))
    with torch.no_grad():
        pose_decoder.layer(config.layers).weight.normal_(std=0.1)
    info = ModelInfo("ball", identities=("ball",))
    return NeuralParametricModel(info, decoder, code, pose_decoder).to("cpu")


def test_a_folded_decoder_equals_the_decoder(config: DecoderConfig) -> None:
    torch.manual_seed(0)
    for decoder in (Decoder(10, 2, config), ShapeDecoder(10, config), PoseDecoder(6, 4, replace(config, se3=True))):
        with torch.no_grad():
            for parameter in decoder.parameters():
                parameter.add_(0.1 * torch.randn_like(parameter))
        code, points = torch.randn(10), torch.rand(200, 3) - 0.5
        expected = decoder.eval()(code[None], points[None])[0].reshape(200, -1)
        torch.testing.assert_close(FoldedDecoder(decoder, code)(points), expected, atol=5e-6, rtol=1e-5)
        rough = FoldedDecoder(decoder, code, half=True)(points)
        assert rough.dtype == torch.float32
        assert (rough - expected).abs().max() < 0.05 * expected.abs().max()


def test_meshes_of_every_kind_of_decoder_cross_each_lattice_edge_where_the_sign_changes(config: DecoderConfig) -> None:
    model = ball_model(config)
    mesh = extract_surface(model, model.shape_codes[0], 33)
    assert len(mesh.vertices) > 500
    assert model.sdf(model.shape_codes, torch.from_numpy(mesh.vertices)[None]).abs().max() < 0.01
    line = torch.linspace(-0.5, 0.5, 33)
    inside = model.sdf(model.shape_codes, torch.cartesian_prod(line, line, line)[None]).reshape(33, 33, 33) < 0
    assert len(mesh.vertices) == sum(int(inside.diff(dim=axis).sum()) for axis in range(3))


def test_posed_vertices_of_every_kind_of_decoder_are_those_of_the_model(config: DecoderConfig) -> None:
    model = ball_model(config)
    shape_code, pose_code, vertices = model.shape_codes[0], torch.randn(3), torch.rand(70, 3) - 0.5
    expected = model.pose(shape_code[None], pose_code[None], vertices[None])[0]
    posed = pose_vertices(model, shape_code, pose_code, vertices)
    assert np.abs(posed - vertices.numpy()).max() > 0.01
    np.testing.assert_allclose(posed, expected.numpy(), atol=2e-6)
