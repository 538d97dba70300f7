"""What encoders see in training: occupancy grids of registered frames, rendered on the fly or read from files.

A grid has R nodes per axis at ``linspace(-0.5, 0.5, R)`` of canonical space, as in
`engine.dataset.preparation.view_grids`. All valid pixels of a rendered image count, as they do in a fit; grids of
files leave out those without a surface around them, which on clean depth are few.
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.preparation.view_grids_torch import occupied_nodes
from engine.dataset.registered import RegisteredDataset
from engine.geometry import sensor_noise
from engine.geometry.camera import FRONT_DISTANCE, REFERENCE_CAMERA, PinholeCamera
from engine.geometry.ray_casting import BatchDepthRenderer
from engine.geometry.sensor_noise import KinectNoise, NoiseDraws, add_noise
from engine.geometry.similarity import Similarity
from engine.training.config import EncoderStage
from engine.training.flow_samples import FlowSampler

CAMERA = PinholeCamera(
    REFERENCE_CAMERA.width // 2,
    REFERENCE_CAMERA.height // 2,
    REFERENCE_CAMERA.fx / 2,
    REFERENCE_CAMERA.fy / 2,
    (REFERENCE_CAMERA.cx - 0.5) / 2 + 0.5,
    (REFERENCE_CAMERA.cy - 0.5) / 2 + 0.5,
)
"""Every second row and column of the reference camera, as a fit keeps them; still finer than the grids."""
NOISE = KinectNoise(lateral_deviation=KinectNoise.lateral_deviation / 2)
"""Of its pixels, which are twice as large."""
DISTANCES = 0.9 * FRONT_DISTANCE, 1.3 * FRONT_DISTANCE
"""Canonical units between the camera and the origin."""


class EncoderInputs(Protocol):
    """Where the grids of a dataset's frames come from."""

    def draw(self, frames: Tensor, mine: slice, generator: torch.Generator) -> Tensor:
        """Occupied nodes (B', R, R, R) bool of ``frames[mine]``, rows (B,) of the dataset's labels.

        Random numbers are drawn for all ``frames``: what a frame gets does not depend on ``mine``.
        """
        ...


@runtime_checkable
class OccupancyStore(Protocol):
    """A store of meshes that may have occupancy grids of its frames."""

    def occupancy_grids(self, identity: str, sequence: str, sample: str, resolution: int) -> list[NDArray[np.bool_]]:
        """(R, R, R) of each view.

        Raises:
            InputError: there is none of this resolution, or a file is damaged.
        """
        ...


class RenderedInputs:
    """Depth of registered frames seen by random cameras, a fraction of it with the noise of a sensor."""

    def __init__(self, sampler: FlowSampler, similarity: Similarity, config: EncoderStage) -> None:
        """
        Args:
            sampler: the registered vertices, on the device that renders.
            similarity: of the model; says how large a canonical unit is to the sensor.
        """
        self._sampler, self._similarity, self._config = sampler, similarity, config
        self._identities = sampler.identity_of_frame.tolist()
        self._first_posed = sampler.first_posed.tolist()
        self._first_face = sampler.first_face.tolist()
        self._triangles = sampler.first_area.diff().tolist()
        ends = [*sampler.first_canonical.tolist(), len(sampler.canonical)]
        self._vertices = np.diff(ends).tolist()
        self._rays = torch.from_numpy(CAMERA.rays()).to(sampler.posed.device)
        self._renderer = BatchDepthRenderer(CAMERA, sampler.posed.device)

    def draw(self, frames: Tensor, mine: slice, generator: torch.Generator) -> Tensor:
        """See `EncoderInputs`; waits for the device."""
        config, count = self._config, len(frames)
        uniform = torch.rand((count, 4), generator=generator, device=frames.device)
        draws = sensor_noise.draw((count, CAMERA.height, CAMERA.width), generator) if config.noise > 0 else None
        poses = camera_poses(uniform[mine, :3].cpu().numpy(), config)
        depth = self._depth(frames[mine].tolist(), poses) / self._similarity.scale  # metres
        if draws is not None:
            draws = NoiseDraws(draws.disparity[mine], draws.lateral[mine], draws.dropout[mine])
            noisy = (uniform[mine, 3] < config.noise)[:, None, None]
            depth = torch.where(noisy, add_noise(depth, CAMERA, NOISE, draws), depth)
        to_canonical = torch.from_numpy(poses.astype(np.float32)).to(depth.device)
        seen = self._rays * (depth * self._similarity.scale)[..., None]  # (B', H, W, 3) camera axes, canonical units
        rotation, centre = to_canonical[:, None, None, :3, :3], to_canonical[:, None, None, :3, 3]
        points = (seen[..., None, :] * rotation).sum(-1) + centre
        return occupied_nodes(points, depth > 0, config.resolution)

    def _depth(self, frames: list[int], poses: NDArray[np.float64]) -> Tensor:
        """(B, H, W) canonical units"""
        vertices, faces = [], []
        for frame in frames:
            identity = self._identities[frame]
            row, triangle = self._first_posed[frame], self._first_face[identity]
            vertices.append(self._sampler.posed[row : row + self._vertices[identity]])
            faces.append(self._sampler.faces[triangle : triangle + self._triangles[identity]])
        return self._renderer.render(vertices, faces, poses)


class FileInputs:
    """Grids that come with the dataset; of a frame that was seen by several cameras, a random view."""

    def __init__(self, packed: Tensor, first: Tensor, views: Tensor, resolution: int) -> None:
        """
        Args:
            packed: (V, R^3 / 8) uint8, eight nodes each, the first of them highest.
            first: (N,) row of each frame's first view.
            views: (N,) number of its views.
        """
        self._packed, self._first, self._views, self._resolution = packed, first, views, resolution
        self._shifts = torch.arange(7, -1, -1, dtype=torch.uint8, device=packed.device)

    @staticmethod
    def load(
        dataset: RegisteredDataset, resolution: int, device: torch.device, progress: Progress | None = None
    ) -> "FileInputs":
        """Read the grids of all frames that ``dataset`` labels to ``device``.

        Raises:
            InputError: a frame has no grid of this resolution, or a file is damaged.
        """
        progress = progress or Progress()
        progress.stage("read grids", len(dataset.labels))
        packed, views = [], []
        for done, label in enumerate(dataset.labels, start=1):
            stored = dataset.stored[label.identity]
            if not isinstance(stored.store, OccupancyStore):
                raise InputError(dataset.root, f"has no occupancy grids of {stored.name}", "set inputs: rendered")
            grids = stored.store.occupancy_grids(stored.name, label.sequence, label.sample, resolution)
            if any(grid.shape != (resolution,) * 3 for grid in grids):
                what = f"{dataset.root}: {stored.name}/{label}"
                raise InputError(what, f"has an occupancy grid that is not of {resolution} nodes per axis")
            packed += [torch.from_numpy(np.packbits(grid.ravel())) for grid in grids]
            views.append(len(grids))
            progress.advance(done)
        first = torch.tensor([0, *views]).cumsum(0)[:-1]
        return FileInputs(
            torch.stack(packed).to(device), first.to(device), torch.tensor(views, device=device), resolution
        )

    def draw(self, frames: Tensor, mine: slice, generator: torch.Generator) -> Tensor:
        """See `EncoderInputs`."""
        uniform = torch.rand(len(frames), generator=generator, device=frames.device)[mine]
        views = self._views[frames[mine]]
        picks = self._first[frames[mine]] + torch.minimum((uniform * views).long(), views - 1)
        bits = (self._packed[picks][..., None] >> self._shifts) & 1  # (B', R^3 / 8, 8)
        return bits.bool().view(len(picks), *(self._resolution,) * 3)


def camera_poses(uniform: NDArray[np.floating], config: EncoderStage) -> NDArray[np.float64]:
    """Poses (B, 4, 4), camera axes to canonical space, of cameras that look at its origin.

    Args:
        uniform: (B, 3) numbers in [0, 1): azimuth and elevation within the limits of ``config``, and distance.
    """
    assert uniform.ndim == 2 and uniform.shape[1] == 3, uniform.shape
    azimuth, elevation = np.radians(
        (2 * uniform[:, :2].astype(np.float64) - 1) * (config.azimuth_degrees, config.elevation_degrees)
    ).T
    distance = DISTANCES[0] + (DISTANCES[1] - DISTANCES[0]) * uniform[:, 2]
    # the way back to the camera, and the camera's right and down
    back = np.stack(
        (np.cos(elevation) * np.sin(azimuth), np.sin(elevation), np.cos(elevation) * np.cos(azimuth)), axis=1
    )
    right = np.stack((np.cos(azimuth), np.zeros_like(azimuth), -np.sin(azimuth)), axis=1)
    poses = np.tile(np.eye(4), (len(uniform), 1, 1))
    poses[:, :3, 0], poses[:, :3, 1], poses[:, :3, 2] = right, np.cross(right, back), -back
    poses[:, :3, 3] = back * distance[:, None]
    return poses
