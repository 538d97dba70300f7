"""Projecting a coarse surface onto the zero level of a shape code that has changed a little."""

from dataclasses import replace

import torch
from torch import Tensor

from engine.geometry.mesh import Mesh, vertex_normals
from engine.surface.octree import Distance

_MAX_INITIAL_OFFSET_CELLS = 2.0
"""That a vertex may be away from the level that it is projected onto."""
_MAX_RESIDUAL_CELLS = 0.5
"""That it may still be away after the first step."""
_OUTLIER_FRACTION = 0.01
"""Of the vertices, which may break these rules: in folds the normal does not lead to the level."""
_MAX_OUTLIER_RESIDUAL_CELLS = 2.0
"""That no vertex may be away after the first step."""
_MAX_EDGE_CELLS = 3.0
"""Between neighbours, which are less than two apart where a surface was contoured."""


def project_onto_level_set(distance: Distance, mesh: Mesh, cell: float, device: torch.device) -> Mesh | None:
    """``mesh`` moved onto the zero level of ``distance``, by two secant steps along its normals; same ``faces``.

    Takes two evaluations per vertex, a fifth of what contouring the same lattice again needs at the least. None when
    the level is too far from the mesh, anywhere. A component that is new is not seen.

    Args:
        distance: signed, at points on ``device``
        cell: edge length of the lattice that ``mesh`` was contoured on, canonical units
    """
    points = torch.from_numpy(mesh.vertices).to(device)
    normals = torch.from_numpy(vertex_normals(mesh.vertices, mesh.faces)).to(device)
    first = distance(points)
    if _too_many_beyond(first, _MAX_INITIAL_OFFSET_CELLS * cell):
        return None
    step = first.clamp(-cell, cell)
    points = points - step[:, None] * normals
    second = distance(points)
    if _too_many_beyond(second, _MAX_RESIDUAL_CELLS * cell) or not bool(
        (second.abs() <= _MAX_OUTLIER_RESIDUAL_CELLS * cell).all()
    ):
        return None
    slope = ((first - second) / torch.where(step == 0, 1.0, step)).clamp(0.5, 2.0)
    # short steps: a vertex that the normal leads astray must not become a spike
    points = points - (second / slope).clamp(-_MAX_RESIDUAL_CELLS * cell, _MAX_RESIDUAL_CELLS * cell)[:, None] * normals
    faces = torch.from_numpy(mesh.faces).to(device).long()
    points = _among_neighbours(points, second.abs() > _MAX_RESIDUAL_CELLS * cell, faces)
    corners = points[faces]
    if bool(((corners - corners.roll(1, dims=1)).norm(dim=-1) > _MAX_EDGE_CELLS * cell).any()):
        return None
    return replace(mesh, vertices=points.cpu().numpy())


def _too_many_beyond(values: Tensor, limit: float) -> bool:
    return bool((values.abs() <= limit).float().mean() < 1 - _OUTLIER_FRACTION)  # NaN counts as beyond


def _among_neighbours(points: Tensor, outliers: Tensor, faces: Tensor) -> Tensor:
    """``points`` (V, 3), those of ``outliers`` (V,) in the middle of their neighbours: they would become spikes."""
    if not bool(outliers.any()):
        return points
    heads, tails = faces.flatten(), faces.roll(1, dims=1).flatten()
    sums = torch.zeros_like(points).index_add_(0, heads, points[tails])
    counts = torch.zeros_like(points[:, :1]).index_add_(0, heads, torch.ones_like(points[tails, :1]))
    return torch.where(outliers[:, None], sums / counts.clamp(min=1), points)
