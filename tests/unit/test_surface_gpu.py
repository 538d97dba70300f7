"""Surfaces made on a GPU, where there is one, against those of a CPU and of the dense lattice."""

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from engine.model import NeuralParametricModel
from engine.surface.extract import dense_field, extract_surface, extract_surfaces, pose_vertices
from tests.toy import toy_model

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")


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
