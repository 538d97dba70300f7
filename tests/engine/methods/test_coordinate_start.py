"""A fit that knows canonical coordinates of what it sees, of a subject that stands where no training subject did."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.methods.npm.confidence import LOST_BELOW, confidences
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, fit_codes
from engine.methods.npm.observations import Coordinates, Observations
from engine.methods.npm.observing import observe
from engine.methods.npm.start import aligned, first_variables, shape_through_coordinates
from engine.methods.npm.variables import FittedModel
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.toy_model import toy_model

IDENTITY, FRAMES = 1, 3
DEVIATION = 0.01
TURN = Rotation.from_euler("yx", (150, 30), degrees=True).as_matrix()
SHIFT = np.array([0.6, -0.2, 0.3])


@dataclasses.dataclass(frozen=True)
class Seen:
    observations: Observations
    canonical: np.ndarray
    """(V, 3)"""
    placed: np.ndarray
    """(F, V, 3)"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    """A doll that is turned away and lies elsewhere, with noisy canonical coordinates of its points."""
    model = toy_model()
    assert model.pose_codes is not None
    similarity = model.info.similarity
    camera, front = PinholeCamera(160, 120, 100.0, 100.0, 80.0, 60.0), front_camera_to_world(similarity)
    mesh = extract_surface(model, model.shape_codes[IDENTITY], 48)
    first, last = (model.pose_codes[row] for row in model.frames_of(IDENTITY)[:2])
    placed, depths = [], []
    for share in np.linspace(0.3, 0.7, FRAMES):
        code = first + float(share) * (last - first)
        local = pose_vertices(model, model.shape_codes[IDENTITY], code, mesh.vertices)
        placed.append((local @ TURN.T + SHIFT).astype(np.float32))
        depths.append(render_depth(similarity.to_world(placed[-1]), mesh.faces, camera, front))
    folder = tmp_path_factory.mktemp("coordinates") / "sequence"
    save_depth_sequence(folder, depths, camera, front, 10.0)
    observations = observe(load_depth_sequence(folder), model)
    nearest = torch.cdist(observations.points, torch.tensor(np.stack(placed))).argmin(-1)
    generator = torch.Generator().manual_seed(0)
    exact = torch.tensor(mesh.vertices)[nearest]
    noisy = exact + DEVIATION * torch.randn(exact.shape, generator=generator)
    noisy[:, ::10] = torch.rand(noisy[:, ::10].shape, generator=generator) - 0.5  # a tenth is wrong
    coordinates = Coordinates(noisy, torch.full(exact.shape[:2], DEVIATION))
    return Seen(dataclasses.replace(observations, coordinates=coordinates), mesh.vertices, np.stack(placed))


def distances(fitted: FittedCodes, seen: Seen) -> np.ndarray:
    """Of corresponding points (F,), canonical units."""
    model = toy_model()
    local = np.stack([pose_vertices(model, fitted.shape_code, code, seen.canonical) for code in fitted.pose_codes])
    placed = local @ fitted.rotations.numpy().transpose(0, 2, 1) + fitted.translations.numpy()[:, None]
    return np.linalg.norm(placed - seen.placed, axis=-1).mean(1)


def test_the_first_shape_is_that_whose_surface_the_coordinates_lie_on(seen: Seen) -> None:
    model = toy_model()
    fitted = FittedModel.of(model, False, 3)
    shape = shape_through_coordinates(fitted, seen.observations)
    code = fitted.shapes.code(shape)
    points = torch.tensor(seen.canonical)[None]

    def off(other: Tensor) -> float:
        return float(model.sdf(other[None], points).abs().mean())

    assert off(code) < 0.006
    assert off(code) < 0.4 * min(off(model.shape_codes.mean(0)), off(model.shape_codes[2]))


def test_the_first_shape_is_found_many_expected_errors_from_the_mean_one(seen: Seen) -> None:
    model = toy_model()
    fitted = FittedModel.of(model, False, 3)
    said = seen.observations.coordinates
    assert said is not None
    points = torch.tensor(seen.canonical)[None]
    sure = Coordinates(said.canonical, torch.full_like(said.deviations, 0.002))
    code = fitted.shapes.code(
        shape_through_coordinates(fitted, dataclasses.replace(seen.observations, coordinates=sure))
    )

    def off(other: Tensor) -> float:
        return float(model.sdf(other[None], points).abs().mean())

    assert off(model.shape_codes.mean(0)) > 10 * 0.002
    assert off(code) < 0.006


def test_the_first_place_is_where_the_coordinates_say(seen: Seen) -> None:
    fitted = FittedModel.of(toy_model(), False, 3)
    variables = aligned(fitted, seen.observations, fitted.mean(FRAMES))
    for rotation, translation in zip(variables.rotations.numpy(), variables.translations.numpy(), strict=True):
        turned = Rotation.from_matrix(rotation @ TURN.T).magnitude()
        assert np.degrees(turned) < 15  # the mean pose is not that of the frame
        assert np.linalg.norm(translation - SHIFT) < 0.05


def test_frames_without_the_subject_begin_where_their_neighbours_do(seen: Seen) -> None:
    gone = torch.tensor([False, True, True])
    hidden = dataclasses.replace(seen.observations, seen=gone, points=seen.observations.points * gone[:, None, None])
    fitted = FittedModel.of(toy_model(), False, 3)
    variables = first_variables(fitted, hidden, 0, Progress())
    assert torch.equal(variables.rotations[0], variables.rotations[1])
    assert torch.equal(variables.translations[0], variables.translations[1])


def true_fit(seen: Seen) -> FittedCodes:
    """As if a fit had found what the doll is."""
    model = toy_model()
    assert model.pose_codes is not None
    first, last = (model.pose_codes[row] for row in model.frames_of(IDENTITY)[:2])
    codes = torch.stack([first + share * (last - first) for share in np.linspace(0.3, 0.7, FRAMES).tolist()])
    rotations = torch.tensor(TURN, dtype=torch.float32).repeat(FRAMES, 1, 1)
    translations = torch.tensor(SHIFT, dtype=torch.float32).repeat(FRAMES, 1)
    return FittedCodes(model.shape_codes[IDENTITY], codes, rotations, translations, 1, 0.0, False)


def test_a_fit_is_sure_of_frames_where_it_agrees_with_the_network_and_of_no_others(seen: Seen) -> None:
    fitted = true_fit(seen)
    about = Rotation.from_euler("y", 180, degrees=True).as_matrix()
    flipped = fitted.rotations.clone()
    flipped[1] = flipped[1] @ torch.tensor(about, dtype=torch.float32)
    found = confidences(toy_model(), seen.observations, dataclasses.replace(fitted, rotations=flipped))
    assert found is not None
    assert found[0] > 0.8 and found[2] > 0.8
    assert found[1] < LOST_BELOW


def test_a_fit_is_not_sure_of_frames_that_do_not_show_the_subject(seen: Seen) -> None:
    hidden = dataclasses.replace(seen.observations, seen=torch.tensor([True, False, True]))
    found = confidences(toy_model(), hidden, true_fit(seen))
    assert found is not None and found[1] == 0


def test_without_a_network_nobody_says_how_sure_a_fit_is(seen: Seen) -> None:
    without = dataclasses.replace(seen.observations, coordinates=None)
    assert confidences(toy_model(), without, true_fit(seen)) is None


@pytest.mark.slow
def test_a_subject_that_is_turned_away_elsewhere_is_fitted_by_its_coordinates(seen: Seen) -> None:
    config = FitConfig(surface_points=256, coordinate_points=128, free_space_points=64)
    found = distances(fit_codes(toy_model(), seen.observations, config), seen)
    assert found.max() < 0.015
