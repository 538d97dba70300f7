"""Landmarks of the whole surface in a fit: a doll of which only the front is seen, and what is known of its back."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.geometry.mesh import vertex_normals
from engine.methods.npm.agreement import agreement
from engine.methods.npm.confidence import LOST_BELOW, confidences
from engine.methods.npm.config import FitConfig
from engine.methods.npm.fit import FittedCodes, fit_codes
from engine.methods.npm.landmarks import clearness, landmarks_at_rest
from engine.methods.npm.observations import Coordinates, Observations, ObservedLandmarks
from engine.methods.npm.start import aligned, shape_through_coordinates
from engine.methods.npm.variables import FittedModel
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.toy_model import toy_model

IDENTITY, FRAMES, LANDMARKS, MAP = 1, 3, 60, 8
DEVIATION = 0.004
TURN = Rotation.from_euler("yx", (150, 30), degrees=True).as_matrix()
SHIFT = np.array([0.6, -0.2, 0.3])
CAMERA = np.array([0.0, 0.0, -4.0])


def random(*shape: int, seed: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@dataclasses.dataclass(frozen=True)
class Seen:
    observations: Observations
    canonical: np.ndarray
    """(V, 3)"""
    placed: np.ndarray
    """(F, V, 3)"""


def true_codes() -> FittedCodes:
    model = toy_model()
    assert model.pose_codes is not None
    first, last = (model.pose_codes[row] for row in model.frames_of(IDENTITY)[:2])
    codes = torch.stack([first + share * (last - first) for share in np.linspace(0.3, 0.7, FRAMES).tolist()])
    rotations = torch.tensor(TURN, dtype=torch.float32).repeat(FRAMES, 1, 1)
    translations = torch.tensor(SHIFT, dtype=torch.float32).repeat(FRAMES, 1)
    return FittedCodes(model.shape_codes[IDENTITY], codes, rotations, translations, 1, 0.0, False)


@pytest.fixture(scope="module")
def seen() -> Seen:
    """A doll turned away elsewhere, of whose upper half the front is seen; coordinates of its pixels say little."""
    model, true = toy_model(), true_codes()
    mesh = extract_surface(model, true.shape_code, 48)
    placed = np.stack([pose_vertices(model, true.shape_code, code, mesh.vertices) @ TURN.T for code in true.pose_codes])
    placed = (placed + SHIFT).astype(np.float32)
    generator = np.random.default_rng(0)
    picks = generator.choice(len(mesh.vertices), LANDMARKS, replace=False)
    facing = ((placed[1] - CAMERA) * vertex_normals(placed[1], mesh.faces)).sum(1) < 0
    upper = generator.choice(np.flatnonzero((mesh.vertices[:, 1] > 0.05) & facing), 400)
    points = torch.tensor(placed[:, upper])
    rest = torch.tensor(mesh.vertices[upper]).expand(FRAMES, -1, -1)
    said = torch.tensor(mesh.vertices[picks]) + DEVIATION * random(FRAMES, LANDMARKS, 3, seed=1)
    where = torch.tensor(placed[:, picks]) + DEVIATION * random(FRAMES, LANDMARKS, 3, seed=2)
    blank = torch.zeros(FRAMES, MAP, MAP)
    observations = Observations(
        points=points,
        normals=torch.zeros_like(points),
        seen=torch.ones(FRAMES, dtype=torch.bool),
        depth=blank,
        subject=blank > 0,
        silhouette=blank.int(),
        empty_is_free=False,
        rotations=torch.eye(3)[None],
        translations=-torch.tensor(CAMERA, dtype=torch.float32)[None],
        intrinsics=(10.0, 10.0, MAP / 2, MAP / 2),
        times_s=torch.arange(FRAMES).float(),
        coordinates=Coordinates(rest + 0.05 * random(*rest.shape, seed=3), torch.full(rest.shape[:2], 0.05)),
        landmarks=ObservedLandmarks(said, where, torch.full((FRAMES, LANDMARKS), DEVIATION)),
    )
    return Seen(observations, mesh.vertices, placed)


def distances(fitted: FittedCodes, seen: Seen) -> np.ndarray:
    """Of corresponding points of the lower half, which is not seen, (F,), canonical units."""
    model, hidden = toy_model(), seen.canonical[:, 1] < 0
    local = np.stack([pose_vertices(model, fitted.shape_code, code, seen.canonical) for code in fitted.pose_codes])
    placed = local @ fitted.rotations.numpy().transpose(0, 2, 1) + fitted.translations.numpy()[:, None]
    return np.linalg.norm(placed - seen.placed, axis=-1)[:, hidden].mean(1)


def without_landmarks(observations: Observations) -> Observations:
    return dataclasses.replace(observations, landmarks=None)


def test_landmarks_at_rest_are_means_in_which_what_one_frame_alone_says_counts_for_nothing(seen: Seen) -> None:
    said = seen.observations.landmarks
    assert said is not None
    wrong = said.canonical.clone()
    wrong[1, 7] += 0.3
    deviations = said.deviations * (1 + torch.arange(FRAMES))[:, None]
    landmarks = dataclasses.replace(said, canonical=wrong, deviations=deviations)
    found, _ = landmarks_at_rest(dataclasses.replace(seen.observations, landmarks=landmarks))
    for index in range(LANDMARKS):
        middle = wrong[:, index].median(0).values.double()
        for _ in range(5):
            total, weights = torch.zeros(3, dtype=torch.double), 0.0
            for frame in range(FRAMES):
                gap, expected = (wrong[frame, index] - middle).norm(), deviations[frame, index]
                weight = float(1 / expected**2 / (1 + (gap / (3 * expected)) ** 2) ** 2)
                total, weights = total + weight * wrong[frame, index], weights + weight
            middle = total / weights
        torch.testing.assert_close(found[index], middle.float(), atol=1e-5, rtol=1e-4)
    assert (found[7] - said.canonical[[0, 2], 7].mean(0)).norm() < 0.01


def test_frames_that_do_not_show_the_subject_do_not_say_where_landmarks_are_at_rest(seen: Seen) -> None:
    said = seen.observations.landmarks
    assert said is not None
    wrong = said.canonical.clone()
    wrong[0] += 5
    hidden = torch.tensor([False, True, True])
    landmarks = dataclasses.replace(said, canonical=wrong)
    found, _ = landmarks_at_rest(dataclasses.replace(seen.observations, seen=hidden, landmarks=landmarks))
    assert (found - said.canonical[1:].mean(0)).norm(dim=-1).max() < 0.02


def with_expected_errors(observations: Observations, errors: list[float]) -> Observations:
    """All coordinates of a frame with the same expected error."""
    coordinates = observations.coordinates
    assert coordinates is not None
    deviations = torch.tensor(errors)[:, None].repeat(1, coordinates.deviations.shape[1])
    return dataclasses.replace(observations, coordinates=dataclasses.replace(coordinates, deviations=deviations))


def test_clearness_falls_with_the_fourth_power_of_expected_errors_and_unseen_frames_set_no_standard(seen: Seen) -> None:
    errors = [0.001, 0.01, 0.02]
    shown = dataclasses.replace(seen.observations, seen=torch.tensor([False, True, True]))
    standard = np.quantile(errors[1:], 0.25)
    slow = [min(1.0, standard / error) ** 4 for error in errors]
    torch.testing.assert_close(
        clearness(with_expected_errors(shown, errors))[0], torch.tensor(slow, dtype=torch.float32)
    )


def test_without_landmarks_all_frames_are_alike(seen: Seen) -> None:
    observations = with_expected_errors(seen.observations, [0.001, 0.01, 0.02])
    assert clearness(without_landmarks(observations)).tolist() == [[1.0] * FRAMES]


def test_what_an_unclear_frame_says_of_landmarks_at_rest_counts_for_little(seen: Seen) -> None:
    said = seen.observations.landmarks
    assert said is not None
    shorter = said.canonical.clone()
    shorter[2] *= 0.97
    landmarks = dataclasses.replace(said, canonical=shorter)
    observations = dataclasses.replace(seen.observations, landmarks=landmarks)

    def off(errors: list[float]) -> float:
        found, _ = landmarks_at_rest(with_expected_errors(observations, errors))
        return float((found - said.canonical[:2].mean(0)).norm(dim=-1).mean())

    assert off([0.01, 0.01, 0.03]) < 0.3 * off([0.01, 0.01, 0.01])


def test_the_first_shape_goes_through_the_landmarks(seen: Seen) -> None:
    model = toy_model()
    fitted = FittedModel.of(model, False, 3)
    points = torch.tensor(seen.canonical)[None]

    def off(observations: Observations) -> float:
        code = fitted.shapes.code(shape_through_coordinates(fitted, observations))
        return float(model.sdf(code[None], points).abs().mean())

    assert off(seen.observations) < min(0.008, 0.5 * off(without_landmarks(seen.observations)))


def test_the_first_place_is_where_the_landmarks_say(seen: Seen) -> None:
    fitted = FittedModel.of(toy_model(), False, 3)
    variables = aligned(fitted, seen.observations, fitted.mean(FRAMES))
    for rotation, translation in zip(variables.rotations.numpy(), variables.translations.numpy(), strict=True):
        assert np.degrees(Rotation.from_matrix(rotation @ TURN.T).magnitude()) < 10
        assert np.linalg.norm(translation - SHIFT) < 0.05


def test_landmarks_alone_bring_the_whole_subject_to_where_it_is(seen: Seen) -> None:
    config = FitConfig(surface_weight=0, free_space_weight=0, coordinate_weight=0, coordinate_points=64)
    assert distances(fit_codes(toy_model(), seen.observations, config), seen).max() < 0.006
    start = distances(
        fit_codes(toy_model(), seen.observations, config.model_copy(update={"landmark_weight": 0.0})), seen
    )
    assert start.max() > 0.01


def test_a_fit_agrees_with_the_landmarks_as_far_as_they_are_exact(seen: Seen) -> None:
    found = agreement(toy_model(), seen.observations, true_codes())
    assert found.landmarks_mean.max() < 4 * DEVIATION


def test_agreement_in_a_wrong_frame_is_poor_in_every_respect(seen: Seen) -> None:
    true = true_codes()
    moved = dataclasses.replace(true, translations=true.translations + torch.tensor([[0.0], [0.2], [0.0]]))
    found, right = (agreement(toy_model(), seen.observations, fitted) for fitted in (moved, true))
    assert found.pixels[1] > 0.2 and found.landmarks_mean[1] > 0.3
    torch.testing.assert_close(found.landmarks_mean[0], right.landmarks_mean[0])


def test_without_landmarks_their_agreement_is_unknown_and_the_rest_is_not(seen: Seen) -> None:
    found = agreement(toy_model(), without_landmarks(seen.observations), true_codes())
    assert found.landmarks_mean.isnan().all()
    for known in (found.pixels, found.pose):
        assert known.isfinite().all()


def test_a_fit_that_contradicts_the_landmarks_of_a_frame_is_not_sure_of_it(seen: Seen) -> None:
    said = seen.observations.landmarks
    assert said is not None
    positions = said.positions.clone()
    positions[1] += 0.1
    landmarks = dataclasses.replace(said, positions=positions)
    rest = Coordinates(torch.tensor(seen.canonical).expand(FRAMES, -1, -1), torch.full(seen.placed.shape[:2], 0.01))
    points = torch.tensor(seen.placed)
    observations = dataclasses.replace(
        seen.observations, landmarks=landmarks, coordinates=rest, points=points, normals=torch.zeros_like(points)
    )
    found = confidences(toy_model(), observations, true_codes())
    assert found is not None
    assert found[0] > 0.8 and found[2] > 0.8
    assert found[1] < LOST_BELOW
