"""Corresponding points of canonical and posed meshes, drawn on the training device at every step.

A sample is a point on the surface moved along the face normal, with the same face, barycentric coordinates and offset
on both meshes (Palafox et al. 2021). Only the registered vertices are kept in memory.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset


@dataclass(frozen=True, eq=False)
class FlowSampler:
    """Registered vertices on the training device, one mesh after the other; identities may differ in topology."""

    canonical: Tensor
    """(sum of V over identities, 3) float32"""
    posed: Tensor
    """(sum of V over frames, 3), the type that they are stored in"""
    faces: Tensor
    """(sum of T over topologies, 3) int64, indices within a mesh"""
    cumulative_areas: Tensor
    """(sum of T over identities,) float64, of the canonical faces: from i to i + 1 for identity i"""
    identity_of_frame: Tensor
    """(N,) int64"""
    first_canonical: Tensor
    """(I,) row of each identity's first vertex in `canonical`"""
    first_posed: Tensor
    """(N,) row of each frame's first vertex in `posed`"""
    first_face: Tensor
    """(I,) row of each identity's first triangle in `faces`"""
    first_area: Tensor
    """(I + 1,) row of each identity's first triangle in `cumulative_areas`, and their number"""

    @staticmethod
    def load(dataset: RegisteredDataset, device: torch.device, progress: Progress | None = None) -> "FlowSampler":
        """Read the registered vertices of all frames that ``dataset`` labels to ``device``.

        Raises:
            InputError: an array is missing or damaged, or a label names a frame that does not exist.
        """
        progress = progress or Progress()
        if not dataset.labels:
            raise InputError(dataset.root / "labels.json", "lists no frames", "make the dataset again")
        canonical, areas, first_face = [], [], []
        topologies: dict[bytes, int] = {}
        faces: list[Tensor] = []
        parts: list[Tensor] = []
        row_of: dict[tuple[int, str, str], int] = {}
        rows = 0
        progress.stage("read frames", len(dataset.identities))
        for identity in range(len(dataset.identities)):
            triangles = torch.from_numpy(dataset.faces(identity).astype(np.int64))
            vertices = torch.tensor(dataset.canonical(identity))
            key = triangles.numpy().tobytes()
            if key not in topologies:
                topologies[key] = sum(map(len, faces))
                faces.append(triangles)
            first_face.append(topologies[key])
            canonical.append(vertices)
            areas.append(identity + _cumulative_areas(vertices, triangles))
            for name in dataset.sequences_of(identity):
                frames = torch.from_numpy(np.array(dataset.sequence(identity, name)))
                if frames.shape[1] != len(vertices):
                    what = f"{dataset.root}: {dataset.identities[identity]}, {name}"
                    raise InputError(what, f"has {frames.shape[1]} vertices, its canonical mesh {len(vertices)}")
                for row, sample in enumerate(dataset.samples_of(identity, name)):
                    row_of[identity, name, sample] = rows + row * len(vertices)
                rows += len(frames) * len(vertices)
                parts.append(frames.flatten(0, 1).to(device))
            progress.advance(identity + 1)
        return FlowSampler(
            canonical=torch.cat(canonical).to(device),
            posed=torch.cat(parts),
            faces=torch.cat(faces).to(device),
            cumulative_areas=torch.cat(areas).to(device),
            identity_of_frame=torch.tensor([label.identity for label in dataset.labels], device=device),
            first_canonical=_starts(canonical)[:-1].to(device),
            first_posed=torch.tensor([row_of[f.identity, f.sequence, f.sample] for f in dataset.labels], device=device),
            first_face=torch.tensor(first_face, device=device),
            first_area=_starts(areas).to(device),
        )

    def draw(
        self,
        frames: Tensor,
        points: int,
        sigmas: tuple[float, ...],
        generator: torch.Generator,
        mine: slice = slice(None),
    ) -> tuple[Tensor, Tensor]:
        """Corresponding canonical and posed points (B', P, 3) for ``frames[mine]``; equal parts of P for each sigma.

        Random numbers are drawn for all ``frames`` (B,): those of a frame do not depend on ``mine``.
        """
        device = frames.device
        uniform = torch.rand((4, len(frames), points), generator=generator, device=device)[:, mine]
        frames = frames[mine]
        identities = self.identity_of_frame[frames]
        picks = torch.searchsorted(self.cumulative_areas, identities[:, None] + uniform[0].double(), right=True)
        # rounding may step over the end of an identity
        picks = torch.minimum(picks, self.first_area[identities + 1, None] - 1) - self.first_area[identities, None]
        corners = self.faces[self.first_face[identities, None] + picks]  # (B, P, 3) vertex indices
        root = uniform[1].sqrt()
        barycentric = torch.stack((1 - root, root * (1 - uniform[2]), root * uniform[2]), dim=-1)  # (B, P, 3)
        offsets = (2 * uniform[3] - 1) * spread(sigmas, points, device)
        return (
            _points_along_normals(self.canonical, self.first_canonical[identities], corners, barycentric, offsets),
            _points_along_normals(self.posed, self.first_posed[frames], corners, barycentric, offsets),
        )


@lru_cache(maxsize=16)  # a copy to the device waits for it, and cannot be part of a CUDA graph
def spread(values: tuple[float, ...], count: int, device: torch.device) -> Tensor:
    """(count,) each of ``values`` for an equal part, in order."""
    return torch.tensor(values, device=device).repeat_interleave(-(-count // len(values)))[:count]


def _cumulative_areas(vertices: Tensor, faces: Tensor) -> Tensor:
    """Running fraction (T,) float64 of the surface in the triangles, ending in 1."""
    corners = vertices[faces].double()  # (T, 3, 3)
    areas = torch.linalg.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]).norm(dim=-1)
    running = areas.cumsum(0)
    return running / running[-1]


def _starts(parts: list[Tensor]) -> Tensor:
    """(len(parts) + 1,) rows at which each part begins when they are put one after the other."""
    return torch.tensor([0] + [len(part) for part in parts]).cumsum(0)


def _points_along_normals(
    vertices: Tensor, first: Tensor, corners: Tensor, barycentric: Tensor, offsets: Tensor
) -> Tensor:
    """(B, P, 3) from vertices (R, 3), first rows (B,), corners (B, P, 3), barycentric (B, P, 3), offsets (B, P)."""
    flat = (first[:, None, None] + corners).flatten()
    triangles = vertices[flat].view(*corners.shape, 3).float()  # (B, P, 3 corners, 3)
    normals = torch.linalg.cross(
        triangles[..., 1, :] - triangles[..., 0, :], triangles[..., 2, :] - triangles[..., 0, :]
    )
    normals = normals / normals.norm(dim=-1, keepdim=True).clamp_min(1e-20)
    return (triangles * barycentric[..., None]).sum(-2) + offsets[..., None] * normals
