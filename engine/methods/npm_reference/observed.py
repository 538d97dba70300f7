"""What the published recipe sees of a recording: points of each frame, and a grid of signed distances to them."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.dataset.preparation.view_grids import camera_to_canonical
from engine.dataset.preparation.view_grids_torch import partial_sdf_grids
from engine.geometry.depth import point_image
from engine.geometry.similarity import Similarity
from engine.sequences.depth_sequence import DepthSequence


@dataclass(frozen=True, eq=False)
class Observed:
    """F frames in canonical space, all on one device."""

    sdf: Tensor
    """(F, N, N, N) distance to the nearest visible point, negative behind the visible surface"""
    valid: Tensor
    """(F, N, N, N) bool: false farther behind it than `engine.dataset.preparation.view_grids.TRUNCATION`"""
    points: Tensor
    """(M, 3) visible points of all frames, one frame after the other"""
    counts: Tensor
    """(F,) of the points of each frame, none of them zero"""

    def __post_init__(self) -> None:
        assert self.sdf.shape == self.valid.shape and len(self.sdf) == len(self.counts), self.sdf.shape
        assert self.points.ndim == 2 and self.points.shape[1] == 3, self.points.shape

    def __len__(self) -> int:
        return len(self.counts)

    def draw(self, frames: Tensor, count: int, generator: torch.Generator) -> Tensor:
        """``count`` points of each of ``frames`` (...), drawn with replacement: (..., count, 3)."""
        uniform = torch.rand((*frames.shape, count), generator=generator, device=frames.device, dtype=torch.float64)
        first = self.counts.cumsum(0) - self.counts
        return self.points[first[frames][..., None] + (uniform * self.counts[frames][..., None]).long()]

    def medians(self) -> Tensor:
        """(F, 3) of the points of each frame."""
        return torch.stack([points.median(0).values for points in self.points.split(self.counts.tolist())])


def observe_grids(
    sequence: DepthSequence,
    similarity: Similarity,
    resolution: int,
    device: torch.device,
    dtype: torch.dtype = torch.float32,
    progress: Progress | None = None,
) -> Observed:
    """What ``sequence`` shows, which is the subject alone, at its place; every frame shows something.

    Progress stage: "grids". A frame of 256 nodes per axis takes 80 MB.

    Raises:
        InputError: a frame cannot be read.
        Cancelled: asked to stop.
    """
    progress = progress or Progress()
    progress.stage("grids", len(sequence))
    size = (len(sequence), *(resolution,) * 3)
    sdf = torch.empty(size, device=device, dtype=dtype)
    valid = torch.empty(size, dtype=torch.bool, device=device)
    points = []
    for frame in range(len(sequence)):
        if progress.cancelled():
            raise Cancelled
        depth_m, pose = sequence.depth_m(frame), sequence.camera_at(frame)
        affine = camera_to_canonical(pose, similarity)
        image = point_image(depth_m, sequence.camera)
        points.append(image[image[..., 2] > 0] @ affine[:, :3].T + affine[:, 3])
        depths, poses = torch.from_numpy(depth_m)[None].to(device), torch.from_numpy(pose)
        parts = partial_sdf_grids(depths, sequence.camera, poses, similarity, resolution)
        sdf[frame], valid[frame] = (part[0] for part in parts)
        progress.advance(frame + 1)
    counts = torch.tensor([len(part) for part in points], device=device)
    return Observed(sdf, valid, torch.from_numpy(np.concatenate(points)).to(device, dtype), counts)
