"""Which vertices of registered bodies are the landmarks: spread evenly over the surface, the same on all bodies."""

import torch
from torch import Tensor

from engine.geometry.farthest_points import farthest_points
from engine.training.flow_samples import FlowSampler


def landmark_vertices(sampler: FlowSampler, count: int, learned: FlowSampler | None = None) -> Tensor:
    """Vertices (I, K) of each identity, within its mesh; the first are farthest from each other.

    Bodies with the topology of the first have the same vertices; of others those are taken that lie nearest to them
    once the canonical meshes fill the same box.

    Args:
        learned: the bodies that a network learns from, whose first has the say; by default those of ``sampler``
    """
    of_first = sampler if learned is None else learned
    first, faces = _canonical(of_first, 0), _faces(of_first, 0)
    chosen = farthest_points(first, count)
    boxed = _in_box(first)[chosen]
    rows = []
    for identity in range(len(sampler.first_canonical)):
        own = _canonical(sampler, identity)
        if len(own) == len(first) and torch.equal(_faces(sampler, identity), faces):
            rows.append(chosen)
        else:
            rows.append(torch.cdist(boxed, _in_box(own)).argmin(1))
    return torch.stack(rows)


def _canonical(sampler: FlowSampler, identity: int) -> Tensor:
    ends = [*sampler.first_canonical.tolist(), len(sampler.canonical)]
    return sampler.canonical[ends[identity] : ends[identity + 1]]


def _faces(sampler: FlowSampler, identity: int) -> Tensor:
    start, count = (
        int(sampler.first_face[identity]),
        int(sampler.first_area[identity + 1] - sampler.first_area[identity]),
    )
    return sampler.faces[start : start + count]


def _in_box(points: Tensor) -> Tensor:
    low, high = points.amin(0), points.amax(0)
    return (points - low) / (high - low).clamp_min(1e-9)
