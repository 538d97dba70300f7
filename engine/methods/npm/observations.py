"""What a depth camera saw, as tensors in canonical space on the fitting device."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from engine.core.errors import Cancelled, InputError
from engine.core.progress import Progress
from engine.geometry.depth import point_and_normal_images
from engine.geometry.similarity import Similarity
from engine.sequences.camera_path import stands_still
from engine.sequences.depth_sequence import DepthSequence

POINTS_PER_FRAME = 8192
"""Random points of each frame that the steps draw from, ten times what one step takes."""
MAP_WIDTH = 240
"""Pixels of the reduced depth maps in a row, at least: a limb is still several wide."""
FEWEST_PIXELS = 50
"""A frame with fewer pixels that have a normal shows nothing to fit."""
_NEAREST_DEPTH = 1e-3
"""Canonical units in front of the camera that points behind it are projected from."""


@dataclass(frozen=True, eq=False)
class Observations:
    """All frames of a sequence; canonical units throughout."""

    points: Tensor
    """(F, M, 3) random observed points"""
    normals: Tensor
    """(F, M, 3) their unit normals, towards the camera"""
    maps: Tensor
    """(F, h, w, 6) point and normal of each pixel of the (reduced) depth maps; normal zero where unknown"""
    depth: Tensor
    """(F, h, w) depth along the optical axis, 0 where nothing was seen"""
    silhouette: Tensor
    """(F, h, w) int32: flat index of the nearest pixel that saw something"""
    rotations: Tensor
    """(C, 3, 3) canonical to camera axes: of each frame, or one of all frames where the camera stands still"""
    translations: Tensor
    """(C, 3) canonical origin in camera axes"""
    intrinsics: tuple[float, float, float, float]
    """fx, fy, cx, cy in pixels of the reduced maps"""

    def __len__(self) -> int:
        return len(self.points)

    def at(self, frames: Tensor) -> "Observations":
        """Those of ``frames`` (f,) alone."""
        maps = self.points, self.normals, self.maps, self.depth, self.silhouette
        points, normals, pixels, depth, silhouette = (each[frames.to(each.device)] for each in maps)
        rotations, translations = self._cameras_of(frames)
        return Observations(points, normals, pixels, depth, silhouette, rotations, translations, self.intrinsics)

    def camera_centres(self, frames: Tensor) -> Tensor:
        """Of ``frames`` (f,), or of all where the camera stands still: (f or 1, 3), canonical."""
        rotations, translations = self._cameras_of(frames)
        return -(rotations.transpose(1, 2) @ translations[..., None])[..., 0]

    def project(self, frames: Tensor, points: Tensor) -> tuple[Tensor, Tensor]:
        """Pixel positions (f, N, 2) in the reduced maps and depths (f, N) of canonical ``points`` (f, N, 3).

        Each of ``frames`` (f,) sees its own points.
        """
        rotations, translations = self._cameras_of(frames)
        return self._project(points, rotations, translations[:, None])

    def project_all(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Pixel positions (C, U, N, 2) and depths (C, U, N) of canonical ``points`` (U, N, 3), seen by every camera."""
        return self._project(points, self.rotations[:, None], self.translations[:, None, None])

    def _cameras_of(self, frames: Tensor) -> tuple[Tensor, Tensor]:
        if len(self.rotations) == 1:
            return self.rotations, self.translations
        frames = frames.to(self.rotations.device)
        return self.rotations[frames], self.translations[frames]

    def _project(self, points: Tensor, rotations: Tensor, translations: Tensor) -> tuple[Tensor, Tensor]:
        fx, fy, cx, cy = self.intrinsics
        camera = points @ rotations.transpose(-2, -1) + translations
        z = camera[..., 2].clamp_min(_NEAREST_DEPTH)
        return torch.stack((fx * camera[..., 0] / z + cx, fy * camera[..., 1] / z + cy), dim=-1), camera[..., 2]

    def pixel_index(self, pixels: Tensor) -> tuple[Tensor, Tensor]:
        """Flat index (...) into a map of the pixel that holds each of ``pixels`` (..., 2), and whether it is inside."""
        height, width = self.depth.shape[1:]
        column, row = pixels[..., 0].floor().long(), pixels[..., 1].floor().long()
        inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
        return row.clamp(0, height - 1) * width + column.clamp(0, width - 1), inside


def observe(
    sequence: DepthSequence,
    similarity: Similarity,
    device: torch.device,
    points_per_frame: int = POINTS_PER_FRAME,
    seed: int = 0,
    progress: Progress | None = None,
) -> Observations:
    """Read ``sequence`` and bring it to the canonical space of a model with ``similarity``.

    Raises:
        InputError: a frame cannot be read or shows next to nothing.
        Cancelled: asked to stop.
    """
    progress = progress or Progress()
    progress.stage("read depth", len(sequence))
    camera = sequence.camera
    stride = max(1, camera.width // MAP_WIDTH)
    poses = np.stack([sequence.camera_at(frame) for frame in range(len(sequence))])
    rotations = poses[:, :3, :3]  # camera to canonical axes
    centres = similarity.to_canonical(poses[:, :3, 3]).astype(np.float64)
    generator = np.random.default_rng(seed)
    points, normals, maps, depths, silhouettes = [], [], [], [], []
    for frame in range(len(sequence)):
        if progress.cancelled():
            raise Cancelled
        depth_m = sequence.depth_m(frame)
        grid, grid_normals = point_and_normal_images(depth_m, camera)
        seen = np.isfinite(grid_normals[..., 0])
        if seen.sum() < FEWEST_PIXELS:
            raise InputError(
                f"{sequence.root}: frame {sequence.frame_names[frame]}", "shows nothing to fit", "remove the frame"
            )
        rotation, centre = rotations[frame], centres[frame]
        # numbers everywhere: masked-out pixels must not turn gradients into NaN
        grid = np.nan_to_num(similarity.scale * grid @ rotation.T + centre).astype(np.float32)
        grid_normals = np.nan_to_num(grid_normals @ rotation.T).astype(np.float32)
        picks = generator.choice(np.flatnonzero(seen), points_per_frame)
        points.append(grid.reshape(-1, 3)[picks])
        normals.append(grid_normals.reshape(-1, 3)[picks])
        small = depth_m[::stride, ::stride] * np.float32(similarity.scale)
        nearest = distance_transform_edt(small <= 0, return_distances=False, return_indices=True)
        silhouettes.append((nearest[0] * small.shape[1] + nearest[1]).astype(np.int32))
        depths.append(small)
        maps.append(np.concatenate((grid, grid_normals), -1)[::stride, ::stride])
        progress.advance(frame + 1)

    def stack(arrays: list[np.ndarray]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(np.stack(arrays))).to(device)

    # reduced pixel j is the full pixel s j, whose centre is s j + 0.5: u_reduced = (u - 0.5) / s + 0.5
    fx, fy = camera.fx / stride, camera.fy / stride
    cx, cy = (camera.cx - 0.5) / stride + 0.5, (camera.cy - 0.5) / stride + 0.5
    cameras = 1 if stands_still(sequence.cameras_to_world) else len(sequence)
    to_camera = rotations[:cameras].transpose(0, 2, 1)
    translation = -(to_camera @ centres[:cameras, :, None])[..., 0]
    return Observations(
        stack(points), stack(normals), stack(maps), stack(depths), stack(silhouettes),
        torch.tensor(to_camera, dtype=torch.float32, device=device),
        torch.tensor(translation, dtype=torch.float32, device=device),
        (fx, fy, cx, cy),
    )  # fmt: skip
