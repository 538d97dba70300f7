import math

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.geometry.camera import PinholeCamera
from engine.geometry.metric_crop import LIMIT, CropAnchor, MetricCrop, gravity_aligned, metric_crop
from engine.geometry.ray_casting import DepthRenderer
from tests.support.surfaces import block

CAMERA = PinholeCamera(64, 48, 60.0, 62.0, 31.0, 25.5)
SCALE = 0.5
LEVEL = torch.tensor([[0.0, -1.0, 0.0]])


def intrinsics(camera: PinholeCamera) -> Tensor:
    return torch.tensor([camera.fx, camera.fy, camera.cx, camera.cy])


def slow_crop(depth: Tensor, camera: PinholeCamera, pixel: Tensor, z: float, rotation: Tensor, size: int) -> MetricCrop:
    """One image, pixel by pixel, in float64."""
    channels, source = np.zeros((4, size, size)), np.zeros((size, size), np.int64)
    valid = np.zeros((size, size), bool)
    window = 1 / SCALE / z
    anchor = np.array([(float(pixel[0]) - camera.cx) / camera.fx, (float(pixel[1]) - camera.cy) / camera.fy, 1]) * z
    for i in range(size):
        for j in range(size):
            column = math.floor(float(pixel[0]) + ((j + 0.5) / size - 0.5) * window * camera.fx)
            row = math.floor(float(pixel[1]) + ((i + 0.5) / size - 0.5) * window * camera.fy)
            if not (0 <= column < camera.width and 0 <= row < camera.height):
                continue
            source[i, j] = row * camera.width + column
            here = float(depth[row, column])
            if not (math.isfinite(here) and here > 0 and abs(here - z) * SCALE <= LIMIT):
                continue
            point = np.array([(column + 0.5 - camera.cx) / camera.fx, (row + 0.5 - camera.cy) / camera.fy, 1]) * here
            channels[:3, i, j] = SCALE * (rotation.double().numpy() @ (point - anchor))
            channels[3, i, j], valid[i, j] = 1, True
    return MetricCrop(torch.from_numpy(channels)[None], torch.from_numpy(source)[None], torch.from_numpy(valid)[None])


def test_a_crop_shows_the_pixels_and_points_that_a_slow_twin_finds() -> None:
    generator = torch.Generator().manual_seed(0)
    depth = 1 + 4 * torch.rand((3, CAMERA.height, CAMERA.width), generator=generator)
    depth[0, :10], depth[1, 20:30, 5:20], depth[2, 5:9] = 0, torch.nan, torch.inf
    pixels = torch.tensor([[31.3, 20.2], [4.1, 40.7], [60.5, 3.5]])  # two of them close to an edge
    distances = torch.tensor([2.5, 1.7, 3.1])
    rotations = gravity_aligned(torch.tensor([[0.1, -1.0, 0.05], [0.0, -0.8, -0.6], [0.3, -0.9, 0.2]]))
    found = metric_crop(depth, intrinsics(CAMERA), CropAnchor(pixels, distances), rotations, SCALE, 24)
    for row in range(3):
        slow = slow_crop(depth[row], CAMERA, pixels[row], float(distances[row]), rotations[row], 24)
        assert torch.equal(found.source[row], slow.source[0])
        assert torch.equal(found.valid[row], slow.valid[0])
        torch.testing.assert_close(found.channels[row].double(), slow.channels[0], atol=1e-6, rtol=1e-5)
        assert 0.05 < found.valid[row].float().mean() < 0.95


def test_what_the_network_said_of_a_crop_pixel_goes_back_to_the_pixel_that_it_shows() -> None:
    depth = torch.full((1, CAMERA.height, CAMERA.width), 3.0)
    numbers = torch.arange(depth.numel()).float()
    depth += 1e-4 * numbers.view_as(depth)
    anchor = CropAnchor(torch.tensor([[30.2, 22.7]]), torch.tensor([3.1]))
    crop = metric_crop(depth, intrinsics(CAMERA), anchor, gravity_aligned(LEVEL), SCALE, 32)
    z = anchor.depth - crop.channels[0, 2] / SCALE  # the camera looks along -z
    torch.testing.assert_close((z[crop.valid[0]] - 3) / 1e-4, numbers[crop.source[0][crop.valid[0]]], atol=0.05, rtol=0)


def seen(distance: float, tilt: float, focal: float, subject: tuple[np.ndarray, np.ndarray]) -> MetricCrop:
    """A box at the origin, the near side of which is the anchor, from straight before it and above."""
    camera = PinholeCamera(400, 400, focal, focal, 190.0, 210.0)
    pose = np.eye(4)
    back = np.array([0.0, math.sin(tilt), math.cos(tilt)])
    pose[:3, 0], pose[:3, 2] = (1, 0, 0), -back
    pose[:3, 1] = np.cross(pose[:3, 2], pose[:3, 0])
    pose[:3, 3] = distance * back
    vertices, faces = subject
    depth = torch.from_numpy(DepthRenderer(faces, camera).render(vertices, pose))[None]
    up = torch.from_numpy(pose[:3, :3].T @ (0, 1, 0)).float()[None]
    anchor = CropAnchor(torch.tensor([[camera.cx, camera.cy]]), torch.tensor([distance]))
    return metric_crop(depth, intrinsics(camera), anchor, gravity_aligned(up), SCALE, 48)


def test_a_subject_has_the_same_size_and_place_from_near_and_far_and_through_any_lens() -> None:
    plate = block((-0.3, -0.5, -0.01), (0.4, 0.6, 0.01))
    near, far, wide = (seen(*view, plate) for view in ((2.0, 0.0, 300.0), (5.0, 0.0, 700.0), (2.0, 0.0, 210.0)))
    for other in (far, wide):
        assert (near.valid != other.valid).float().mean() < 0.01  # a pixel at the outline
        both = near.valid & other.valid
        assert (near.channels - other.channels).abs().amax(1)[both].max() < 0.02  # the nearest pixel, not the exact one


def test_the_tilt_of_the_camera_is_gone_from_the_points() -> None:
    """The corners of a plate are where they are in the world, seen from level or from above."""
    plate = block((-0.3, -0.5, -0.01), (0.4, 0.6, 0.01))
    for tilt in (0.0, 0.5, -0.3):
        crop = seen(3.0, tilt, 500.0, plate)
        points = crop.channels[0, :3][:, crop.valid[0]] / SCALE
        np.testing.assert_allclose(points.amin(1), (-0.3, -0.5, -0.01), atol=0.05)  # a pixel
        np.testing.assert_allclose(points.amax(1), (0.4, 0.6, 0.01), atol=0.05)


@pytest.mark.parametrize("angle", [-math.pi / 2, -1.5, -0.4, 0.0, 0.7, 1.5, math.pi / 2])
def test_axes_by_gravity_are_a_rotation_with_the_camera_behind_their_z(angle: float) -> None:
    """A camera that looks down by ``angle`` and has no roll."""
    up = torch.tensor([[0.0, -math.cos(angle), -math.sin(angle)]])
    rotation = gravity_aligned(3 * up)[0]
    torch.testing.assert_close(rotation @ rotation.T, torch.eye(3), atol=1e-5, rtol=0)
    assert torch.linalg.det(rotation) > 0.999
    torch.testing.assert_close(rotation[1], up[0], atol=1e-5, rtol=0)
    torch.testing.assert_close(rotation[0], torch.tensor([1.0, 0.0, 0.0]), atol=1e-4, rtol=0)
    expected = torch.tensor([0.0, -math.sin(angle), -math.cos(angle)])  # the viewing direction
    torch.testing.assert_close(rotation @ torch.tensor([0.0, 0.0, 1.0]), expected, atol=1e-4, rtol=0)


def test_the_roll_of_the_camera_is_gone_too() -> None:
    rolled = gravity_aligned(torch.tensor([[0.5, -math.sqrt(0.75), 0.0]]))[0]
    torch.testing.assert_close(rolled @ torch.tensor([0.5, -math.sqrt(0.75), 0.0]), torch.tensor([0.0, 1.0, 0.0]))
    torch.testing.assert_close(rolled @ torch.tensor([0.0, 0.0, 1.0]), torch.tensor([0.0, 0.0, -1.0]))
