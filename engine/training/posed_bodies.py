"""Posed bodies of a registered dataset for one batch, one after the other in single tensors, dressed if asked for."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.training.flow_samples import FlowSampler

_WAVES = 6
"""Sines that the thickness of clothes is made of."""


@dataclass(frozen=True, eq=False)
class PosedBodies:
    """M bodies, in the axes and units of the dataset."""

    vertices: Tensor
    """(V, 3) float32, posed"""
    canonical: Tensor
    """(V, 3) float32"""
    faces: Tensor
    """(T, 3) int64 rows of `vertices`"""
    body_of_vertex: Tensor
    """(V,) int64"""
    body_of_face: Tensor
    """(T,) int64"""
    count: int
    """M"""


class BodySource:
    """Takes frames of a dataset from its vertices on the device, whatever their topologies."""

    def __init__(self, sampler: FlowSampler) -> None:
        self._sampler = sampler
        ends = [*sampler.first_canonical.tolist(), len(sampler.canonical)]
        self._vertices_of_identity = torch.tensor(np.diff(ends), device=sampler.canonical.device)
        self._triangles_of_identity = sampler.first_area.diff()
        identities = sampler.identity_of_frame
        self._vertices = self._vertices_of_identity[identities].tolist()
        self._triangles = self._triangles_of_identity[identities].tolist()
        lowest, centres = [], []
        for row, count in zip(sampler.first_posed.tolist(), self._vertices, strict=True):
            posed = sampler.posed[row : row + count].float()
            lowest.append(posed[:, 1].amin())
            centres.append(posed.mean(0))
        self.lowest = torch.stack(lowest)
        """(N,) of each frame, along y"""
        self.centres = torch.stack(centres)
        """(N, 3) mean vertex of each frame"""

    @property
    def frames(self) -> int:
        """N"""
        return len(self._vertices)

    def random_vertices(self, frames: Tensor, uniform: Tensor) -> Tensor:
        """A posed vertex (B, 3) of each of ``frames`` (B,), chosen by ``uniform`` (B,) in [0, 1)."""
        counts = self._vertices_of_identity[self._sampler.identity_of_frame[frames]]
        picks = torch.minimum((uniform * counts).long(), counts - 1)
        return self._sampler.posed[self._sampler.first_posed[frames] + picks].float()

    def pack(self, frames: Tensor, on_host: list[int]) -> PosedBodies:
        """The bodies of ``frames`` (M,); ``on_host`` says the same, so that nobody waits for the device."""
        sampler = self._sampler
        identities = sampler.identity_of_frame[frames]
        vertices, triangles = self._vertices_of_identity[identities], self._triangles_of_identity[identities]
        owner, within = _ragged(vertices, sum(self._vertices[frame] for frame in on_host))
        owner_of_face, face = _ragged(triangles, sum(self._triangles[frame] for frame in on_host))
        starts = vertices.cumsum(0) - vertices
        return PosedBodies(
            sampler.posed[sampler.first_posed[frames][owner] + within].float(),
            sampler.canonical[sampler.first_canonical[identities][owner] + within],
            sampler.faces[sampler.first_face[identities][owner_of_face] + face] + starts[owner_of_face, None],
            owner,
            owner_of_face,
            len(on_host),
        )


def dressed(bodies: PosedBodies, thickness: Tensor, waves: Tensor) -> Tensor:
    """Vertices (V, 3) pushed out along their normals by what varies smoothly over each body, from 0 to a largest value.

    Args:
        thickness: (M,) the largest
        waves: (M, K, 4) standard normal, K sines over the canonical surface
    """
    corners = bodies.vertices[bodies.faces]  # (T, 3 corners, 3)
    normals = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    of_vertices = torch.zeros_like(bodies.vertices)
    of_vertices.index_add_(0, bodies.faces.flatten(), normals.repeat_interleave(3, dim=0))
    of_vertices = torch.nn.functional.normalize(of_vertices, dim=-1)
    turns, shifts = 2 * math.pi * 2.5 * waves[..., :3], math.pi * waves[..., 3]
    total = torch.zeros(len(bodies.vertices), device=bodies.vertices.device)
    for turn, shift in zip(turns.unbind(1), shifts.unbind(1), strict=True):
        phase = (bodies.canonical * turn[bodies.body_of_vertex]).sum(-1) + shift[bodies.body_of_vertex]
        total += phase.sin()
    fraction = (0.5 + total / (2 * math.sqrt(waves.shape[1]))).clamp(0, 1)
    return bodies.vertices + (thickness[bodies.body_of_vertex] * fraction)[:, None] * of_vertices


def draw_waves(bodies: int, generator: torch.Generator) -> Tensor:
    """Random numbers (M, K, 4) for `dressed`, on the device of ``generator``."""
    return torch.randn((bodies, _WAVES, 4), generator=generator, device=generator.device)


def _ragged(counts: Tensor, total: int) -> tuple[Tensor, Tensor]:
    """Of ``total`` elements, the group (total,) that each belongs to and its place (total,) within that."""
    groups = torch.arange(len(counts), device=counts.device)
    owner = torch.repeat_interleave(groups, counts, output_size=total)
    starts = counts.cumsum(0) - counts
    return owner, torch.arange(total, device=counts.device) - starts[owner]
