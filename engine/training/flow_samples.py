"""Corresponding points of canonical and posed meshes, drawn on the training device at every step.

A sample is a point on the surface moved along the face normal, with the same face, barycentric coordinates and offset
on both meshes (Palafox et al. 2021). Only the registered vertices are kept in memory.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.dataset.registered import RegisteredDataset
from engine.errors import InputError
from engine.model import FrameLabel
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
        """Read the registered vertices of all frames that ``dataset`` labels to ``device``, in label order.

        Raises:
            InputError: an array is missing or damaged, or a label names a frame that does not exist.
        """
        progress = progress or Progress()
        faces = torch.from_numpy(dataset.faces.astype(np.int64)).to(device)
        canonical = torch.stack([torch.tensor(dataset.canonical(i)) for i in range(len(dataset.identities))])
        parts: list[Tensor] = []
        first_row: dict[tuple[int, str], tuple[int, int]] = {}  # of each sequence, and its number of frames
        rows = 0
        progress.stage("read frames", len(dataset.identities))
        for identity in range(len(dataset.identities)):
            for name in dataset.sequences_of(identity):
                frames = torch.from_numpy(np.array(dataset.sequence(identity, name)))
                first_row[identity, name] = rows, len(frames)
                rows += len(frames)
                parts.append(frames.to(device))
            progress.advance(identity + 1)
        if not dataset.labels:
            raise InputError(dataset.root / "labels.json", "lists no frames", "make the dataset again")
        order = torch.tensor(
            [_row(dataset, label, *first_row[label.identity, label.sequence]) for label in dataset.labels]
        )
        posed = torch.cat(parts)
        if not torch.equal(order, torch.arange(len(posed))):  # a merged, subsampled or reordered label file
            posed = posed[order.to(device)]
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


def _row(dataset: RegisteredDataset, label: FrameLabel, first: int, count: int) -> int:
    """Row of a labelled frame when all sequences are read one after the other."""
    if not label.sample.isdecimal() or int(label.sample) >= count:
        raise InputError(dataset.root / "labels.json", f"names frame {label}, which has {count} frames", "label again")
    return first + int(label.sample)


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
