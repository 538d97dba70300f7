import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.core.progress import Progress
from engine.dataset.preparation.view_grids import PosedDepthImage, occupancy_grid
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.methods.npm.encoded import encode_frames, observed_occupancy
from engine.methods.npm.observations import Observations
from engine.methods.npm.observing import observe
from engine.methods.npm.search import searched_variables
from engine.methods.npm.variables import FittedModel
from engine.models.model import NeuralParametricModel
from engine.models.networks.encoder import EncoderConfig, VoxelEncoder
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.present import present
from tests.support.toy_model import toy_model

IDENTITY = 2


@pytest.fixture(scope="module")
def sequence_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three times a doll halfway between two training poses, seen from the front."""
    model = toy_model()
    similarity, camera = model.info.similarity, PinholeCamera(160, 120, 143.0, 144.0, 80.0, 60.0)
    mesh = extract_surface(model, model.shape_codes[IDENTITY], 48)
    vertices = pose_vertices(model, model.shape_codes[IDENTITY], true_pose(model), mesh.vertices)
    front = front_camera_to_world(similarity)
    depth = render_depth(similarity.to_world(vertices), mesh.faces, camera, front)
    folder = tmp_path_factory.mktemp("start") / "sequence"
    save_depth_sequence(folder, [depth] * 3, camera, front, 10.0)
    return folder


@pytest.fixture(scope="module")
def observations(sequence_folder: Path) -> Observations:
    return observe(load_depth_sequence(sequence_folder), toy_model())


def test_a_floor_is_no_higher_than_the_subject_is_seen(sequence_folder: Path, observations: Observations) -> None:
    sequence, model = load_depth_sequence(sequence_folder), toy_model()
    lowest = float(observations.points[..., 1].min())
    assert observations.floor is None
    for floor, used in ((lowest - 0.1, lowest - 0.1), (lowest + 0.1, lowest)):
        floor_m = float(model.info.similarity.to_world([0.0, floor, 0.0])[1])
        found = observe(dataclasses.replace(sequence, floor_m=floor_m), model).floor
        assert found == pytest.approx(used, abs=0.01)


def true_pose(model: NeuralParametricModel) -> Tensor:
    assert model.pose_codes is not None
    bent, raised = model.frames_of(IDENTITY)[1], model.frames_of(IDENTITY)[4]
    return 0.5 * (model.pose_codes[bent] + model.pose_codes[raised])


def always(code: Tensor) -> VoxelEncoder:
    """An encoder that says ``code`` (C,) whatever it sees."""
    encoder = VoxelEncoder(EncoderConfig(len(code), 16, (2, 2))).eval().requires_grad_(False)
    encoder.fc_out.weight.zero_()
    present(encoder.fc_out.bias).copy_(code)
    return encoder


def start(
    observations: Observations, shape_guess: Tensor | None = None, pose_guess: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Shape code (Cs,) and pose codes (F, Cp) that a fit begins with."""
    model = dataclasses.replace(
        toy_model(),
        shape_encoder=None if shape_guess is None else always(shape_guess),
        pose_encoder=None if pose_guess is None else always(pose_guess),
    )
    fitted = FittedModel.of(model, False, 40)
    variables = searched_variables(fitted, observations, 0, Progress())
    return fitted.shape_code(variables), fitted.pose_codes(variables)


def test_encoders_see_the_same_grid_in_a_fit_as_in_training(sequence_folder: Path, observations: Observations) -> None:
    sequence = load_depth_sequence(sequence_folder)
    view = PosedDepthImage(sequence.depth_m(0), sequence.camera, sequence.camera_at(0), toy_model().info.similarity)
    for resolution in (16, 32):
        expected = occupancy_grid(view, resolution).occupied
        assert expected.sum() > 30
        found = observed_occupancy(observations, resolution).numpy()
        assert found.shape == (3, *expected.shape)
        assert (found[1] != expected).sum() <= 1  # float32 against float64 halfway between two nodes


def test_frames_are_encoded_one_by_one(observations: Observations) -> None:
    torch.manual_seed(0)
    encoder = VoxelEncoder(EncoderConfig(8, 16, (2, 2))).eval()
    codes = encode_frames(encoder, observations)
    assert codes.shape == (3, 8) and not codes.requires_grad
    alone = encode_frames(encoder, observations.at(torch.tensor([1])))
    torch.testing.assert_close(codes[1:2], alone)


def test_guesses_that_match_better_than_the_training_codes_are_where_the_fit_begins(
    observations: Observations,
) -> None:
    model = toy_model()
    shape, poses = start(observations, model.shape_codes[IDENTITY], true_pose(model))
    torch.testing.assert_close(shape, model.shape_codes[IDENTITY])
    torch.testing.assert_close(poses, true_pose(model).expand(3, -1))


def test_guesses_that_match_worse_change_nothing(observations: Observations) -> None:
    model = toy_model()
    assert model.pose_codes is not None
    plain = start(observations)
    worse_shape = model.shape_codes[0] + 4 * model.shape_codes.std(0)
    worse_pose = model.pose_codes[0] + 6 * model.pose_codes.std(0)
    for guesses in ((worse_shape, None), (None, worse_pose), (worse_shape, worse_pose)):
        shape, poses = start(observations, *guesses)
        assert torch.equal(shape, plain[0])
        assert torch.equal(poses, plain[1])


def test_a_guess_without_a_surface_is_passed_over(observations: Observations) -> None:
    model = toy_model()
    plain = start(observations)
    for far in (100.0, -100.0):
        shape, poses = start(observations, far * torch.ones_like(model.shape_codes[0]))
        assert torch.equal(shape, plain[0])
        assert torch.isfinite(poses).all()
