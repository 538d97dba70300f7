"""Surfaces made on a GPU, where there is one, against those of a CPU and of the dense lattice."""

import copy
import gc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.geometry.mesh import Mesh
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import Decoder, DecoderConfig
from engine.surface import tensor_cores
from engine.surface.extract import dense_field, extract_surface, extract_surfaces, pose_vertices
from engine.surface.folded import FoldedDecoder
from tests.engine.surface.test_surface_folded import CONFIGS
from tests.support.toy_model import toy_model

pytestmark = pytest.mark.gpu


@pytest.fixture(params=["default stream", "stream of its own"])
def model(request: pytest.FixtureRequest) -> Iterator[NeuralParametricModel]:
    on_gpu = copy.deepcopy(toy_model()).to("cuda")
    stream = torch.cuda.current_stream() if request.param == "default stream" else torch.cuda.Stream(priority=-1)
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        yield on_gpu
    torch.cuda.synchronize()


@pytest.mark.parametrize("resolution", [33, 64, 128])
def test_each_lattice_edge_with_a_change_of_sign_has_one_vertex(model: NeuralParametricModel, resolution: int) -> None:
    for code in model.shape_codes:
        mesh = extract_surface(model, code, resolution)
        inside = dense_field(model, code, resolution) < 0
        assert len(mesh.vertices) == sum(np.diff(inside, axis=axis).sum() for axis in range(3))
        there = np.sort(mesh.faces, axis=1)
        assert len(np.unique(there, axis=0)) == len(there)
        assert mesh.faces.max() == len(mesh.vertices) - 1


def test_surfaces_and_poses_are_those_of_a_cpu(model: NeuralParametricModel) -> None:
    here = toy_model()
    assert here.pose_codes is not None and model.pose_codes is not None
    for row in range(len(here.shape_codes)):
        expected, mesh = (
            extract_surface(here, here.shape_codes[row], 64),
            extract_surface(model, model.shape_codes[row], 64),
        )
        assert cKDTree(expected.vertices).query(mesh.vertices)[0].max() < 1e-3
        true = pose_vertices(here, here.shape_codes[row], here.pose_codes[6 * row], mesh.vertices)
        codes = model.shape_codes[row], model.pose_codes[6 * row]
        np.testing.assert_allclose(pose_vertices(model, *codes, mesh.vertices), true, atol=1e-5)
        np.testing.assert_allclose(pose_vertices(model, *codes, mesh.vertices, half=None), true, atol=1e-3)


def test_surfaces_found_together_or_again_are_those_found_alone(model: NeuralParametricModel) -> None:
    bad = torch.full_like(model.shape_codes[:1], torch.nan)
    *whole, empty = extract_surfaces(model, torch.cat((model.shape_codes, bad)), 64)
    assert empty.is_empty
    for code, mesh in zip(model.shape_codes, whole, strict=True):
        alone, again = (extract_surface(model, code, 64) for _ in range(2))
        assert np.array_equal(alone.vertices, again.vertices)
        assert np.array_equal(alone.faces, again.faces)
        assert cKDTree(alone.vertices).query(mesh.vertices)[0].max() < 1e-3


def test_arrays_of_a_surface_stay_as_they_are_when_others_are_made(model: NeuralParametricModel) -> None:
    first = extract_surface(model, model.shape_codes[0], 64)
    kept = first.vertices.copy(), first.faces.copy()
    for code in model.shape_codes:
        extract_surface(model, code, 64)
    assert np.array_equal(first.vertices, kept[0])
    assert np.array_equal(first.faces, kept[1])


def test_codes_that_leave_the_range_of_half_precision_are_posed_in_full(model: NeuralParametricModel) -> None:
    assert model.pose_codes is not None
    mesh = extract_surface(model, model.shape_codes[0], 32)
    codes = model.shape_codes[0], 1e6 * model.pose_codes[0]
    posed = pose_vertices(model, *codes, mesh.vertices, half=None)
    assert np.array_equal(posed, pose_vertices(model, *codes, mesh.vertices))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_recorded_decoders_of_codes_in_turn_equal_the_decoder(
    model: NeuralParametricModel, config: DecoderConfig
) -> None:
    torch.manual_seed(0)
    decoder = Decoder(10, 3, config).cuda().requires_grad_(False)
    codes = torch.randn(2, 10, device="cuda")
    folded = [[FoldedDecoder(decoder, code, half) for code in codes] for half in (False, True)]
    for count in (1, 64, 500, 33_000, 500, 9000):
        points = torch.rand(count, 3, device="cuda") - 0.5
        for row, code in enumerate(codes):
            expected = decoder(code[None], points[None])[0]
            torch.testing.assert_close(folded[0][row](points), expected, atol=1e-6, rtol=1e-5)
            assert (folded[1][row](points) - expected).abs().max() < 0.02 * expected.abs().max()


@pytest.mark.parametrize("with_tensor_cores", [True, False])
@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_a_points_value_on_a_gpu_does_not_depend_on_its_company(
    model: NeuralParametricModel, config: DecoderConfig, with_tensor_cores: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not with_tensor_cores:
        monkeypatch.setattr(tensor_cores, "are_there", lambda device: False)
    torch.manual_seed(0)
    decoder = Decoder(10, 3, config).cuda().requires_grad_(False)
    decode, points = FoldedDecoder(decoder, torch.randn(10)), torch.rand(40_000, 3, device="cuda") - 0.5
    whole = decode(points)
    for part in (slice(0, 0), slice(0, 1), slice(3, 700), slice(10_000, 39_990)):
        assert torch.equal(decode(points[part]), whole[part])


@pytest.mark.parametrize("streams", [1, 2])
def test_threads_that_share_a_decoder_get_their_own_values(model: NeuralParametricModel, streams: int) -> None:
    points = torch.rand(5000, 3, device="cuda") - 0.5
    lanes = [torch.cuda.Stream() for _ in range(streams)]
    torch.cuda.synchronize()

    def values(row: int) -> list[torch.Tensor]:
        """Of more and more points: while one thread replays, the other records."""
        with torch.cuda.stream(lanes[row % streams]):
            found = []
            for count in range(100, 5000, 100):
                found.append(FoldedDecoder(model.shape_decoder, model.shape_codes[row])(points[:count]))
                found.append(FoldedDecoder(model.shape_decoder, model.shape_codes[row], half=True)(points[:count]))
            return found

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(values, (0, 1)))
    torch.cuda.synchronize()
    for row, several in enumerate(found):
        again = values(row)
        torch.cuda.synchronize()
        assert all(map(torch.equal, several, again))


@pytest.mark.parametrize("streams", [1, 2])
def test_threads_that_make_surfaces_at_once_get_their_own(model: NeuralParametricModel, streams: int) -> None:
    lanes = [torch.cuda.Stream() for _ in range(streams)]
    torch.cuda.synchronize()

    def surfaces(row: int) -> list[Mesh]:
        with torch.cuda.stream(lanes[row % streams]):
            return [extract_surface(model, model.shape_codes[row], resolution) for resolution in 5 * [48, 64]]

    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(surfaces, (0, 1)))
    for row, several in enumerate(found):
        for mesh, again in zip(several, surfaces(row), strict=True):
            assert np.array_equal(mesh.vertices, again.vertices)
            assert np.array_equal(mesh.faces, again.faces)


def test_recordings_outlive_those_of_another_decoder(model: NeuralParametricModel) -> None:
    points, code = torch.rand(3000, 3, device="cuda") - 0.5, torch.randn(10)
    config = CONFIGS["published"]
    stays, goes = (Decoder(10, 3, config).cuda().requires_grad_(False) for _ in range(2))
    decode = FoldedDecoder(stays, code, half=True)
    before = decode(points)
    FoldedDecoder(goes, code, half=True)(points)
    torch.cuda.synchronize()
    del goes
    gc.collect()
    torch.cuda.empty_cache()
    _ = [torch.full((1 << 20,), torch.nan, device="cuda") for _ in range(64)]  # where its memory was
    assert torch.equal(decode(points), before)


def test_split_products_are_as_exact_as_float32() -> None:
    device = torch.device("cuda", torch.cuda.current_device())
    if not tensor_cores.are_there(device):
        pytest.skip("no tensor cores, or no Triton")
    generator = torch.Generator("cuda").manual_seed(0)
    for rows, columns, depth in ((1, 8, 8), (100, 256, 64), (3000, 512, 576)):
        inputs = torch.randn(rows, depth, generator=generator, device="cuda")
        weight = torch.randn(columns, depth, generator=generator, device="cuda")
        bias = torch.randn(columns, generator=generator, device="cuda")
        exact = inputs.double() @ weight.double().T + bias
        found = tensor_cores.linear(inputs, *tensor_cores.split(weight), bias, relu=False)
        usual = torch.nn.functional.linear(inputs, weight, bias)
        assert (found - exact).abs().max() <= 2 * (usual - exact).abs().max() + 1e-6
        assert torch.equal(tensor_cores.linear(inputs, *tensor_cores.split(weight), bias, relu=True), found.relu())
