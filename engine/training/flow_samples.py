"""Corresponding points of canonical and posed meshes, drawn on the training device at every step.

A sample is a point on the surface moved along the face normal, with the same face, barycentric coordinates and offset
on both meshes (Palafox et al. 2021). Only the registered vertices are kept in memory.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.dataset.registered import RegisteredDataset
from engine.progress import Progress


@dataclass(frozen=True, eq=False)
class FlowSampler:
    """Registered vertices on the training device."""

    canonical: Tensor
    """(I, V, 3) float32"""
    posed: Tensor
    """(N, V, 3), the type that they are stored in"""
    identity_of_frame: Tensor
    """(N,) int64"""
    faces: Tensor
    """(T, 3) int64"""
    cumulative_areas: Tensor
    """(I, T) float32, of the canonical faces, ending in 1"""

    @staticmethod
    def load(dataset: RegisteredDataset, device: torch.device, progress: Progress | None = None) -> "FlowSampler":
        """Read all registered vertices of ``dataset`` to ``device``."""
        progress = progress or Progress()
        faces = torch.from_numpy(dataset.faces.astype(np.int64)).to(device)
        canonical = torch.stack([torch.tensor(dataset.canonical(i)) for i in range(len(dataset.identities))])
        parts: list[Tensor] = []
        progress.stage("read frames", len(dataset.identities))
        for identity in range(len(dataset.identities)):
            for name in dataset.sequences_of(identity):
                parts.append(torch.from_numpy(np.array(dataset.sequence(identity, name))).to(device))
            progress.advance(identity + 1)
        posed = torch.cat(parts)
        assert len(posed) == len(dataset.labels), (len(posed), len(dataset.labels))
        identity_of_frame = torch.tensor([label.identity for label in dataset.labels], device=device)
        canonical = canonical.to(device)
        corners = canonical[:, faces]  # (I, T, 3, 3)
        areas = torch.linalg.cross(corners[:, :, 1] - corners[:, :, 0], corners[:, :, 2] - corners[:, :, 0]).norm(
            dim=-1
        )
        cumulative = areas.double().cumsum(1)
        return FlowSampler(canonical, posed, identity_of_frame, faces, (cumulative / cumulative[:, -1:]).float())

    def draw(
        self, frames: Tensor, points: int, sigmas: tuple[float, ...], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Corresponding canonical and posed points (B, P, 3) for ``frames`` (B,); equal shares of P for each sigma."""
        device = frames.device
        count = len(frames)
        identities = self.identity_of_frame[frames]
        uniform = torch.rand((4, count, points), generator=generator, device=device)
        picks = torch.searchsorted(self.cumulative_areas[identities], uniform[0], right=True)
        corners = self.faces[picks.clamp(max=len(self.faces) - 1)]  # (B, P, 3) vertex indices
        root = uniform[1].sqrt()
        barycentric = torch.stack((1 - root, root * (1 - uniform[2]), root * uniform[2]), dim=-1)  # (B, P, 3)
        sigma = torch.tensor(sigmas, device=device).repeat_interleave(-(-points // len(sigmas)))[:points]
        offsets = (2 * uniform[3] - 1) * sigma
        return (
            _points_along_normals(self.canonical, identities, corners, barycentric, offsets),
            _points_along_normals(self.posed, frames, corners, barycentric, offsets),
        )


def _points_along_normals(
    vertices: Tensor, rows: Tensor, corners: Tensor, barycentric: Tensor, offsets: Tensor
) -> Tensor:
    """(B, P, 3) from vertices (R, V, 3), rows (B,), corners (B, P, 3), barycentric (B, P, 3), offsets (B, P)."""
    flat = (rows[:, None, None] * vertices.shape[1] + corners).flatten()
    triangles = vertices.flatten(0, 1)[flat].view(*corners.shape, 3).float()  # (B, P, 3 corners, 3)
    normals = torch.linalg.cross(
        triangles[..., 1, :] - triangles[..., 0, :], triangles[..., 2, :] - triangles[..., 0, :]
    )
    normals = normals / normals.norm(dim=-1, keepdim=True).clamp_min(1e-20)
    return (triangles * barycentric[..., None]).sum(-2) + offsets[..., None] * normals
