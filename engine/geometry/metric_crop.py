"""Crops of depth images that are as large as a model's cube, in axes that gravity gives.

A window with the side of the model's cube (``1 / scale`` metres) is laid around an anchor at the anchor's depth, and
resampled by the nearest pixel to S x S. What a pixel sees is told relative to the anchor, in canonical units and in
*gravity-aligned axes*: x right, y up, z towards the camera, without the camera's tilt and roll. A subject looks the
same there from near and far, and through whatever camera; only its heading and what perspective hides remain.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

CAMERA_UP = 0.0, -1.0, 0.0
"""Of a camera in its own axes; it takes the place of gravity for subjects that have no vertical."""
LIMIT = 1.0
"""Canonical units: what is farther than this before or behind the anchor is left out."""
CHANNELS = 4
"""Of `MetricCrop.channels`: x, y, z and validity."""


@dataclass(frozen=True, eq=False)
class CropAnchor:
    """A point on or in the subject of each image."""

    pixel: Tensor
    """(B, 2) column and row, pixel centres at +0.5"""
    depth: Tensor
    """(B,) along the optical axis, positive, in the unit of the depth images"""


@dataclass(frozen=True, eq=False)
class MetricCrop:
    """Crops of B images, S x S pixels each."""

    channels: Tensor
    """(B, 4, S, S) float32: the point that is seen, minus the anchor, in gravity-aligned axes and canonical units; then
    1 where there is one. All zero where there is none, outside the image, and beyond `LIMIT`."""
    source: Tensor
    """(B, S, S) int64, ``row * W + column`` of the pixel that each crop pixel shows; 0 outside the image."""
    valid: Tensor
    """(B, S, S) bool, whether `channels` hold a point."""


def metric_crop(
    depth: Tensor, intrinsics: Tensor, anchor: CropAnchor, to_gravity: Tensor, scale: float, size: int = 192
) -> MetricCrop:
    """Cut a window of ``1 / scale`` around each anchor.

    Args:
        depth: (B, H, W) along the optical axis in metres; 0 and what is not finite is invalid.
        intrinsics: (B, 4) or (4,): fx, fy, cx, cy in pixels.
        to_gravity: (B, 3, 3) rotations from camera axes (x right, y down, z forward) to gravity-aligned ones, as
            `gravity_aligned` gives them.
        scale: canonical units per metre.
        size: S.
    """
    batch, height, width = depth.shape
    assert anchor.pixel.shape == (batch, 2) and anchor.depth.shape == (batch,), (anchor.pixel.shape, depth.shape)
    assert to_gravity.shape == (batch, 3, 3) and intrinsics.shape in ((4,), (batch, 4)), intrinsics.shape
    fx, fy, cx, cy = (value[:, None, None] for value in intrinsics.float().expand(batch, 4).unbind(-1))
    middle = anchor.depth.float()[:, None, None]
    offsets = (torch.arange(size, device=depth.device) + 0.5) / size - 0.5  # of the window
    window = 1 / (scale * middle)  # in the plane Z = 1
    columns = (anchor.pixel[:, 0, None, None] + offsets * window * fx).floor().long()  # (B, 1, S)
    rows = (anchor.pixel[:, 1, None, None] + offsets[:, None] * window * fy).floor().long()  # (B, S, 1)
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    source = torch.where(inside, rows * width + columns, 0)
    z = depth.flatten(1).gather(1, source.flatten(1)).view(source.shape).float()
    valid = inside & torch.isfinite(z) & (z > 0) & (((z - middle) * scale).abs() <= LIMIT)
    z = torch.where(valid, z, middle)
    anchor_x = (anchor.pixel[:, 0, None, None] - cx) / fx * middle
    anchor_y = (anchor.pixel[:, 1, None, None] - cy) / fy * middle
    x, y = (columns + 0.5 - cx) / fx * z - anchor_x, (rows + 0.5 - cy) / fy * z - anchor_y
    camera = torch.stack((x, y, z - middle), dim=1)  # (B, 3, S, S)
    points = torch.einsum("bij,bjrc->birc", to_gravity.float() * scale, camera) * valid[:, None]
    return MetricCrop(torch.cat((points, valid[:, None].float()), dim=1), source, valid)


def gravity_aligned(up: Tensor) -> Tensor:
    """Rotations (B, 3, 3) from camera axes to x right, y up, z towards the camera.

    Args:
        up: (B, 3) against gravity, of any length, in camera axes (x right, y down, z forward). Where a camera looks
            straight up or down, its own up takes the place of its viewing direction.
    """
    assert up.ndim == 2 and up.shape[1] == 3, up.shape
    up = torch.nn.functional.normalize(up, dim=-1)
    back, down = up.new_tensor([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    steep = up[:, 2:].abs() > 0.999
    # looking straight down, the upper edge of the picture is what lies ahead; looking up it is what lies behind
    towards = torch.where(steep, -down * up[:, 2:].sign(), back)
    towards = torch.nn.functional.normalize(towards - (towards * up).sum(-1, keepdim=True) * up, dim=-1)
    return torch.stack((torch.linalg.cross(up, towards), up, towards), dim=1)
