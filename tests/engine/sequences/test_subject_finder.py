"""The subject of a model anywhere in a picture, by a network that knows it."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.geometry.depth import point_image
from engine.geometry.metric_crop import gravity_aligned
from engine.models.networks.coordinates import PixelCoordinates
from engine.models.networks.landmarks import Landmarks
from engine.sequences.subject_finder import LEAST_AREA, FoundSubject, SubjectFinder
from tests.support.plate_room import CAMERA, SCALE, PlateNetwork, plate_depth, standing

Middle = tuple[float, float, float]


def to_gravity(pose: np.ndarray) -> Tensor:
    return gravity_aligned(torch.tensor(pose[None, 1, :3], dtype=torch.float32))[0]


def finder() -> SubjectFinder:
    return SubjectFinder(PlateNetwork(), SCALE, CAMERA, torch.device("cpu"))


def look(
    middle: Middle | None, tilt: float = 0.0, near: np.ndarray | None = None
) -> tuple[FoundSubject | None, np.ndarray]:
    pose = standing(tilt)
    depth, subject = plate_depth(middle, pose)
    return finder().find(torch.from_numpy(depth), to_gravity(pose), near), subject


def in_world(found: FoundSubject, tilt: float) -> np.ndarray:
    return np.asarray(standing(tilt)[:3, :3] @ found.middle)


@pytest.mark.parametrize("tilt", [0.0, 20.0])
@pytest.mark.parametrize("middle", [(0.0, 0.0, -3.0), (-1.2, -0.3, -2.6), (1.1, -0.2, -3.6)])
def test_a_subject_is_found_wherever_it_stands(middle: Middle, tilt: float) -> None:
    found, subject = look(middle, tilt)
    assert found is not None and found.score > LEAST_AREA
    seen = point_image(plate_depth(middle, standing(tilt))[0], CAMERA)[subject]
    np.testing.assert_allclose(in_world(found, tilt), np.median(seen @ standing(tilt)[:3, :3].T, axis=0), atol=0.06)


def test_an_empty_room_has_no_subject() -> None:
    assert look(None)[0] is None


def test_an_image_without_depth_has_no_subject() -> None:
    depth = torch.zeros(CAMERA.height, CAMERA.width)
    assert finder().find(depth, to_gravity(standing())) is None


def test_nothing_is_found_where_it_is_not_though_it_is_elsewhere() -> None:
    assert look((-1.2, 0.0, -2.6), near=np.array([2.0, 0.0, 4.9]))[0] is None


def test_a_subject_that_moves_is_followed() -> None:
    near = None
    for x in np.linspace(-1.0, 1.0, 6).tolist():
        found, subject = look((x, 0.0, -3.0), near=near)
        assert found is not None
        assert found.middle[0] == pytest.approx(x, abs=0.06) and found.middle[2] == pytest.approx(3.0, abs=0.01)
        assert (found.mask & subject).sum() > 0.85 * (found.mask | subject).sum()
        near = found.middle


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_the_mask_lies_on_the_pixels_of_the_subject(tilt: float) -> None:
    found, subject = look((0.7, -0.2, -3.0), tilt)
    assert found is not None
    mask = found.mask
    assert mask.shape == subject.shape
    assert (mask & subject).sum() > 0.85 * (mask | subject).sum()
    assert not (mask & ~subject).any()  # what is seen beside it is the wall
    assert subject.ravel()[found.pixels].all()
    assert mask.ravel()[found.pixels].mean() > 0.95
    assert len(np.unique(found.pixels)) == len(found.pixels) == len(found.canonical) == len(found.deviations)


def test_coordinates_are_those_of_their_pixels() -> None:
    tilt = 20.0
    found, _ = look((0.7, -0.2, -3.0), tilt)
    assert found is not None
    depth, _ = plate_depth((0.7, -0.2, -3.0), standing(tilt))
    points = point_image(depth, CAMERA).reshape(-1, 3)[found.pixels]
    expected = SCALE * points @ to_gravity(standing(tilt)).numpy().T
    offsets = found.canonical - expected  # the crop's origin, the same for all
    np.testing.assert_allclose(offsets, np.broadcast_to(offsets.mean(axis=0), offsets.shape), atol=1e-4)


ABOVE = 0.1
"""Canonical units from one landmark to the other."""


class LandmarkNetwork(PlateNetwork):
    """Says, too, where the middle of a plate is, and a point above it."""

    def forward(self, crop: Tensor) -> PixelCoordinates:
        said = super().forward(crop)
        inside = (said.foreground > 0)[:, None]
        middle = (crop[:, :3] * inside).sum((2, 3)) / inside.sum((2, 3)).clamp_min(1)
        positions = torch.stack((middle, middle + torch.tensor([0.0, ABOVE, 0.0])), dim=1)
        canonical = torch.tensor([[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]]).expand(len(crop), -1, -1)
        deviations = torch.tensor([0.01, 0.02]).log().expand(len(crop), -1)
        return dataclasses.replace(said, landmarks=Landmarks(canonical, positions, deviations))


@pytest.mark.parametrize("tilt", [0.0, 20.0])
def test_landmarks_are_where_the_network_says_in_the_axes_of_the_camera(tilt: float) -> None:
    middle, pose = (0.7, -0.2, -3.0), standing(tilt)
    finder = SubjectFinder(LandmarkNetwork(), SCALE, CAMERA, torch.device("cpu"))
    found = finder.find(torch.from_numpy(plate_depth(middle, pose)[0]), to_gravity(pose))
    assert found is not None and found.landmarks is not None
    in_world = found.landmarks.positions @ pose[:3, :3].T
    np.testing.assert_allclose(in_world[0], middle, atol=0.08)
    np.testing.assert_allclose(in_world[1] - in_world[0], [0, ABOVE / SCALE, 0], atol=1e-5)
    np.testing.assert_allclose(found.landmarks.deviations, [0.01, 0.02], rtol=1e-5)
    np.testing.assert_allclose(found.landmarks.canonical, [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6]])


def test_a_network_without_landmarks_says_none() -> None:
    found, _ = look((0.7, -0.2, -3.0))
    assert found is not None and found.landmarks is None


class CountingNetwork(PlateNetwork):
    """Remembers how many crops of which size it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: dict[int, int] = {}

    def forward(self, crop: Tensor) -> PixelCoordinates:
        self.shown[crop.shape[-1]] = self.shown.get(crop.shape[-1], 0) + len(crop)
        return super().forward(crop)


def test_on_a_cpu_only_places_where_a_glance_shows_something_are_looked_at() -> None:
    network = CountingNetwork()
    size, finder = network.config.size, SubjectFinder(network, SCALE, CAMERA, torch.device("cpu"))
    empty, pose = plate_depth(None, standing())[0], standing()
    assert finder.find_all(torch.from_numpy(empty), to_gravity(pose)) == []
    assert set(network.shown) == {size // 2}
    depth, subject = plate_depth((0.7, -0.2, -3.0), pose)
    (found,) = finder.find_all(torch.from_numpy(depth), to_gravity(pose))
    assert (found.mask & subject).sum() > 0.85 * (found.mask | subject).sum()
    assert 0 < network.shown[size] < network.shown[size // 2] / 2
