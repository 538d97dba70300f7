"""Which vertices of registered bodies are the landmarks, the same on all bodies."""

import torch
from torch import Tensor

from engine.geometry.farthest_points import farthest_points
from engine.training.flow_samples import FlowSampler

_EVEN = 0.8
"""Fraction of the landmarks that are spread evenly over the surface."""


def landmark_vertices(sampler: FlowSampler, count: int, learned: FlowSampler | None = None) -> Tensor:
    """Vertices (I, K) of each identity, within its mesh; the first are farthest from each other.

    The last ones lie where the surface moves most, as hands and feet do, which are small: the distance of a vertex from
    the landmarks counts by the square of how far it moves about the middle of the body.

    Bodies with the topology of the first have the same vertices; of others those are taken that lie nearest to them
    once the canonical meshes fill the same box.

    Args:
        learned: the bodies that a network learns from, whose first has the say; by default those of ``sampler``
    """
    of_first = sampler if learned is None else learned
    first, faces = _canonical(of_first, 0), _faces(of_first, 0)
    even = round(_EVEN * count)
    chosen = farthest_points(first, even)
    chosen = torch.cat((chosen, farthest_points(first, count - even, chosen, _movement(of_first).square())))
    boxed = _in_box(first)[chosen]
    rows = []
    for identity in range(len(sampler.first_canonical)):
        own = _canonical(sampler, identity)
        if len(own) == len(first) and torch.equal(_faces(sampler, identity), faces):
            rows.append(chosen)
        else:
            rows.append(torch.cdist(boxed, _in_box(own)).argmin(1))
    return torch.stack(rows)


def _movement(sampler: FlowSampler) -> Tensor:
    """Root mean square distances (V,) of the first body's vertices from where they are on average, about its middle."""
    first = int(sampler.identity_of_frame[0])
    count = len(_canonical(sampler, first))
    starts = sampler.first_posed[sampler.identity_of_frame == first].tolist()
    posed = torch.stack([sampler.posed[start : start + count].float() for start in starts])
    posed = posed - posed.mean(1, keepdim=True)
    return (posed - posed.mean(0)).square().sum(-1).mean(0).sqrt()


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
