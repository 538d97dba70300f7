"""Small depth images that noise is tried on, and the readable twins of what noises share."""

import math

import numpy as np
import torch

from engine.geometry.camera import PinholeCamera

CAMERA = PinholeCamera(64, 48, 57.3, 57.6, 32.0, 24.0)


def wall(depth: float, batch: int = 1) -> torch.Tensor:
    return torch.full((batch, CAMERA.height, CAMERA.width), depth)


def plate_before_wall() -> torch.Tensor:
    """A plate at 1 m in front of a wall at 2 m, and nothing in the last columns."""
    depth = wall(2.0)
    depth[0, 12:36, 16:40] = 1.0
    depth[0, :, 56:] = 0
    return depth


def corner() -> torch.Tensor:
    """A floor half a metre below the camera that ends at a wall two metres away."""
    down = torch.tensor((np.arange(CAMERA.height) + 0.5 - CAMERA.cy) / CAMERA.fy, dtype=torch.float32)
    column = torch.where(down > 0.25, 0.5 / down.clamp(min=1e-3), torch.tensor(2.0))
    return column[None, :, None].repeat(1, 1, CAMERA.width)


def ball() -> torch.Tensor:
    rows, columns = np.mgrid[: CAMERA.height, : CAMERA.width]
    depth = 1.5 - 0.02 * np.sqrt(np.maximum(400 - (rows - 24.0) ** 2 - (columns - 30.0) ** 2, 0))
    return torch.tensor(np.where(depth < 1.5, depth, 0), dtype=torch.float32)[None]


def slope_of(steepest_degrees: float) -> float:
    """Relative change of the depth from pixel to pixel at which a surface counts as broken off."""
    return math.tan(math.radians(steepest_degrees)) / ((CAMERA.fx + CAMERA.fy) / 2)


def is_broken(z: float, other: float, pixels: int, slope: float) -> bool:
    return abs(z - other) > slope * min(z, other) * pixels


def at_edge(depth: np.ndarray, row: int, column: int, slope: float) -> bool:
    """Whether one of the four neighbours of a pixel is on the other side of a discontinuity."""
    height, width = depth.shape
    neighbours = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
    inside = [(r, c) for r, c in neighbours if 0 <= r < height and 0 <= c < width]
    return any(is_broken(float(depth[row, column]), float(depth[place]), 1, slope) for place in inside)


def field_at(nodes: np.ndarray, row: int, column: int, cell: int) -> float:
    """Between four nodes (N, M), as far from the mean as they are on the average."""
    down, right = (row + 0.5) / cell, (column + 0.5) / cell
    r, c = int(down), int(right)
    a, b = down - r, right - c
    weights = [(1 - a) * (1 - b), (1 - a) * b, a * (1 - b), a * b]
    values = [nodes[r, c], nodes[r, c + 1], nodes[r + 1, c], nodes[r + 1, c + 1]]
    mean = sum(weight * float(value) for weight, value in zip(weights, values, strict=True))
    return mean / math.sqrt(sum(weight**2 for weight in weights))


def share(value: float) -> float:
    """The part of normal numbers that is below ``value``."""
    return 0.5 * (1 + math.erf(value / math.sqrt(2)))
