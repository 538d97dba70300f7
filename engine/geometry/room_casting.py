"""Planes and boxes met by the rays of many images at once, in closed form and without meshes."""

import torch
from torch import Tensor


def cast_plane(origins: Tensor, directions: Tensor, points: Tensor, normals: Tensor) -> Tensor:
    """Ray parameters (B, H, W) at which rays meet a plane of their image; infinite where they do not.

    Args:
        origins: (B, 3)
        directions: (B, H, W, 3)
        points: (B, 3) on the planes
        normals: (B, 3) of any length
    """
    steepness = torch.einsum("brci,bi->brc", directions, normals)
    height = ((points - origins) * normals).sum(-1)[:, None, None]
    distance = height / steepness
    return torch.where((distance > 0) & torch.isfinite(distance), distance, torch.inf)


def cast_boxes(origins: Tensor, directions: Tensor, centres: Tensor, halves: Tensor, headings: Tensor) -> Tensor:
    """Ray parameters (B, H, W) at which rays enter the first of the K boxes of their image; infinite without one.

    The slab method (Kay and Kajiya 1986). A box that a ray begins in is not there for it.

    Args:
        origins: (B, 3)
        directions: (B, H, W, 3)
        centres: (B, K, 3)
        halves: (B, K, 3) half the lengths of their sides; a box with a side that is not positive is not there
        headings: (B, K) radians about +y by which the boxes are turned
    """
    nearest = torch.full(directions.shape[:3], torch.inf, device=directions.device)
    for centre, half, heading in zip(centres.unbind(1), halves.unbind(1), headings.unbind(1), strict=True):
        start, rays = _turned(origins - centre, heading), _turned(directions, heading[:, None, None])
        entry = torch.full_like(nearest, -torch.inf)
        leaving = torch.full_like(nearest, torch.inf)
        for axis in range(3):
            offset, speed = start[:, None, None, axis], rays[..., axis]
            speed = torch.where(speed.abs() < 1e-12, 1e-12, speed)
            one, other = (-half[:, None, None, axis] - offset) / speed, (half[:, None, None, axis] - offset) / speed
            entry = torch.maximum(entry, torch.minimum(one, other))
            leaving = torch.minimum(leaving, torch.maximum(one, other))
        met = (entry <= leaving) & (entry > 0) & (half > 0).all(-1)[:, None, None]
        nearest = torch.where(met, torch.minimum(nearest, entry), nearest)
    return nearest


def _turned(vectors: Tensor, heading: Tensor) -> Tensor:
    """Vectors (..., 3) in the axes of what is turned by ``heading`` (...) about +y."""
    sine, cosine = heading.sin(), heading.cos()
    x, y, z = vectors.unbind(-1)
    return torch.stack((cosine * x - sine * z, y, sine * x + cosine * z), dim=-1)
