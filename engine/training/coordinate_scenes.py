"""Random scenes for the coordinate network: where the camera is, what stands around the subject, and who else.

Everything is in canonical units, in the axes of the dataset (y up); the subject stays where its frame has it and the
camera goes around it.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.geometry.room_casting import cast_boxes, cast_plane
from engine.training.config import CoordinateStage

_FURNITURE = 3
_BOXES = _FURNITURE + 2
_NUMBERS = 24 + 7 * _BOXES


@dataclass(frozen=True, eq=False)
class SceneNumbers:
    """Random numbers behind B scenes."""

    uniform: Tensor
    """(B, U) in [0, 1)"""
    normal: Tensor
    """(B, 8) standard normal"""

    def __getitem__(self, rows: slice) -> "SceneNumbers":
        return SceneNumbers(self.uniform[rows], self.normal[rows])


def draw_scenes(count: int, generator: torch.Generator) -> SceneNumbers:
    device = generator.device
    return SceneNumbers(
        torch.rand((count, _NUMBERS), generator=generator, device=device),
        torch.randn((count, 8), generator=generator, device=device),
    )


@dataclass(frozen=True, eq=False)
class Cameras:
    """B cameras that look at anchors."""

    rotation: Tensor
    """(B, 3, 3) OpenCV camera axes to the axes of the dataset"""
    position: Tensor
    """(B, 3)"""
    ray: Tensor
    """(B, 2) x and y of the ray to the anchor where it has Z = 1"""
    distance: Tensor
    """(B,) depth of the anchor"""
    heading: Tensor
    """(B,) radians about +y from the z axis to the camera"""

    @property
    def up(self) -> Tensor:
        """(B, 3) against gravity, in camera axes."""
        return self.rotation[:, 1]

    def directions(self, size: int) -> Tensor:
        """Rays (B, S, S, 3) with Z = 1 through the pixels of crops around the anchors, in the axes of the dataset."""
        offsets = ((torch.arange(size, device=self.ray.device) + 0.5) / size - 0.5) / self.distance[:, None]
        x = (self.ray[:, 0, None] + offsets)[:, None, :].expand(-1, size, -1)
        y = (self.ray[:, 1, None] + offsets)[:, :, None].expand(-1, -1, size)
        return torch.einsum("brcj,bij->brci", torch.stack((x, y, torch.ones_like(x)), dim=-1), self.rotation)

    def intrinsics(self, size: int) -> Tensor:
        """(B, 4) fx, fy, cx, cy of the crops; the anchor is in their middle."""
        focal = size * self.distance
        return torch.stack((focal, focal, size / 2 - focal * self.ray[:, 0], size / 2 - focal * self.ray[:, 1]), dim=1)


def place_cameras(anchors: Tensor, numbers: SceneNumbers, config: CoordinateStage) -> Cameras:
    """Cameras at random headings, tilts and distances, with the ``anchors`` (B, 3) anywhere in their picture."""
    heading = math.pi * (2 * numbers.uniform[:, 0] - 1)
    tilt = torch.deg2rad(_between(numbers.uniform[:, 1], *config.tilt_degrees))
    roll = torch.deg2rad(config.roll_degrees * numbers.normal[:, 0])
    distance = _between(numbers.uniform[:, 2], *config.distances)
    ray = torch.stack((1.1 * numbers.uniform[:, 3] - 0.55, 0.8 * numbers.uniform[:, 4] - 0.4), dim=1)
    zero = torch.zeros_like(heading)
    back = torch.stack((tilt.cos() * heading.sin(), tilt.sin(), tilt.cos() * heading.cos()), dim=1)
    right = torch.stack((heading.cos(), zero, -heading.sin()), dim=1)
    down = torch.linalg.cross(right, back)
    sine, cosine = roll.sin()[:, None], roll.cos()[:, None]
    rotation = torch.stack((cosine * right + sine * down, cosine * down - sine * right, -back), dim=2)
    seen = torch.cat((ray, torch.ones_like(ray[:, :1])), dim=1) * distance[:, None]
    return Cameras(rotation, anchors - torch.einsum("bij,bj->bi", rotation, seen), ray, distance, heading)


def choose_anchors(centres: Tensor, on_surface: Tensor, company: Tensor, numbers: SceneNumbers) -> Tensor:
    """Points (B, 3) around the mean vertex (B, 3), or on the surface (B, 3); close to it where there is ``company``."""
    direction = torch.nn.functional.normalize(numbers.normal[:, 1:4], dim=-1)
    reach = torch.where(company, 0.08, 0.25) * numbers.uniform[:, 5]
    near = centres + reach[:, None] * direction
    return torch.where((numbers.uniform[:, 6] < 0.3)[:, None], on_surface, near)


def floor_heights(lowest: Tensor, numbers: SceneNumbers) -> Tensor:
    """Heights (B,) of the floor: at the lowest vertex (B,), for some that jump below it."""
    jump = torch.where(numbers.uniform[:, 7] < 0.1, 0.15 * numbers.uniform[:, 8], 0.0)
    return lowest - jump + 0.006 * numbers.normal[:, 4]


def company_offsets(cameras: Cameras, numbers: SceneNumbers) -> tuple[Tensor, Tensor]:
    """Where a second body stands from the subject, x and z (B, 2), and how it is turned about +y (B,)."""
    angle = 2 * math.pi * numbers.uniform[:, 9]
    away = _between(numbers.uniform[:, 10], 0.18, 0.5)
    sideways, nearer = away * angle.sin(), away * angle.cos()
    return _in_world(cameras.heading, sideways, nearer), 2 * math.pi * numbers.uniform[:, 11]


def cast_surroundings(
    cameras: Cameras, directions: Tensor, anchors: Tensor, floors: Tensor, numbers: SceneNumbers
) -> Tensor:
    """Depth (B, S, S) of floor, walls and boxes; infinite where there are none."""
    uniform, origins = numbers.uniform, cameras.position
    up = torch.zeros_like(anchors)
    up[:, 1] = 1.0
    ground = torch.where(up > 0, floors[:, None], anchors)
    floor = cast_plane(origins, directions, ground, up)
    # a camera below the floor would see nothing else
    depth = _where(floor, (uniform[:, 12] < 0.85) & (origins[:, 1] > floors + 0.02))
    behind = cameras.heading + 0.4 * numbers.normal[:, 5]
    side = torch.where(uniform[:, 17] < 0.5, behind + math.pi / 2, behind - math.pi / 2)
    for heading, nearest, away, there in (
        (behind, 0.1, uniform[:, 13], uniform[:, 14] < 0.65),
        (side, 0.25, uniform[:, 15], uniform[:, 16] < 0.25),
    ):
        normals = torch.stack((heading.sin(), torch.zeros_like(heading), heading.cos()), dim=1)
        points = anchors - (nearest * (1.2 / nearest) ** away)[:, None] * normals
        in_room = ((origins - points) * normals).sum(-1) > 0.02  # the camera, as the subject
        depth = torch.minimum(depth, _where(cast_plane(origins, directions, points, normals), there & in_room))
    centres, halves, headings = _boxes(cameras, anchors, floors, uniform[:, 24:].unflatten(1, (_BOXES, 7)))
    return torch.minimum(depth, cast_boxes(origins, directions, centres, halves, headings))


def _boxes(cameras: Cameras, anchors: Tensor, floors: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Furniture beside and behind, something in front, and a table; absent ones have no size. See `cast_boxes`."""
    present, *numbers = uniform.unbind(2)  # (B, K) each
    sideways = torch.where(numbers[0] < 0.5, -1.0, 1.0) * _between(numbers[0] * 2 % 1, 0.18, 0.6)
    nearer = _between(numbers[1], -0.6, 0.3)
    widths = _between(numbers[2], 0.02, 0.22), _between(numbers[3], 0.02, 0.22)
    height = _between(numbers[4].square(), 0.08, 0.8)
    ground = floors[:, None].expand_as(present)
    middle, half_height = ground + height / 2, height / 2
    kinds = torch.arange(_BOXES, device=anchors.device)
    front, table = kinds == _FURNITURE, kinds == _FURNITURE + 1
    farthest = (0.6 * cameras.distance[:, None]).clamp_max(0.5)
    sideways = torch.where(front | table, 0.6 * numbers[0] - 0.3, sideways)
    nearer = torch.where(front, 0.07 + (farthest - 0.07) * numbers[1], torch.where(table, 0.4 * numbers[1], nearer))
    middle = torch.where(front, anchors[:, 1, None] + 0.7 * numbers[5] - 0.35, middle)
    half_height = torch.where(front, 0.015 + 0.12 * numbers[4], half_height)
    middle = torch.where(table, ground + 0.22 + 0.12 * numbers[5], middle)
    half_height = torch.where(table, 0.006 + 0.02 * numbers[4], half_height)
    wide, deep = (torch.where(front, 0.6 * width, torch.where(table, width + 0.06, width)) for width in widths)
    place = _in_world(cameras.heading[:, None], sideways, nearer) + anchors[:, None, ::2]
    centres = torch.stack((place[..., 0], middle, place[..., 1]), dim=-1)
    there = present < torch.where(front, 0.25, torch.where(table, 0.15, 0.4))
    halves = torch.stack((wide, half_height, deep), dim=-1) * there[..., None]
    return centres, halves, cameras.heading[:, None] + 2 * math.pi * (numbers[5] * 7 % 1)


def _in_world(heading: Tensor, sideways: Tensor, nearer: Tensor) -> Tensor:
    """x and z (..., 2) of what lies to the camera's right and towards the camera."""
    sine, cosine = heading.sin(), heading.cos()
    return torch.stack((cosine * sideways + sine * nearer, cosine * nearer - sine * sideways), dim=-1)


def _where(depth: Tensor, present: Tensor) -> Tensor:
    return torch.where(present[:, None, None], depth, torch.inf)


def _between(uniform: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * uniform
