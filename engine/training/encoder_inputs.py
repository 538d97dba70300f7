"""What encoders see in training: occupancy grids of registered frames, rendered on the fly or read from files.

A grid has R nodes per axis at ``linspace(-0.5, 0.5, R)`` of canonical space, as in `engine.prepare.view_grids`.
"""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.dataset.registered import RegisteredDataset
from engine.errors import InputError
from engine.geometry import sensor_noise
from engine.geometry.camera import FRONT_DISTANCE, REFERENCE_CAMERA, PinholeCamera
from engine.geometry.ray_casting import DepthRenderer
from engine.geometry.sensor_noise import KinectNoise, NoiseDraws, add_noise
from engine.geometry.similarity import Similarity
from engine.prepare.view_grids import View, occupancy_grid
from engine.prepare.view_grids_torch import occupancy_grids
from engine.progress import Progress
from engine.training.config import EncoderStage
from engine.training.flow_samples import FlowSampler

CAMERA = PinholeCamera(
    REFERENCE_CAMERA.width // 2,
    REFERENCE_CAMERA.height // 2,
    REFERENCE_CAMERA.fx / 2,
    REFERENCE_CAMERA.fy / 2,
    REFERENCE_CAMERA.cx / 2,
    REFERENCE_CAMERA.cy / 2,
)
"""The reference camera at half its resolution, at which a fit looks at a sequence too; still finer than the grids."""
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
    """Depth of registered frames seen by random cameras, a share of it with the noise of a sensor."""

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
        self._renderers: dict[int, DepthRenderer] = {}  # by the first row of their faces

    def draw(self, frames: Tensor, mine: slice, generator: torch.Generator) -> Tensor:
        """See `EncoderInputs`; waits for the device."""
        config, count = self._config, len(frames)
        uniform = torch.rand((count, 4), generator=generator, device=frames.device)
        draws = sensor_noise.draw((count, CAMERA.height, CAMERA.width), generator) if config.noise > 0 else None
        poses = camera_poses(uniform[mine, :3].cpu().numpy(), config, self._similarity)
        depth = torch.cat([self._depth(*each) for each in zip(frames[mine].tolist(), poses, strict=True)])
        if draws is not None:
            draws = NoiseDraws(draws.disparity[mine], draws.lateral[mine], draws.dropout[mine])
            noisy = (uniform[mine, 3] < config.noise)[:, None, None]
            depth = torch.where(noisy, add_noise(depth, CAMERA, NOISE, draws), depth)
        return _occupancy(depth, poses, self._similarity, config.resolution)

    def _depth(self, frame: int, pose: NDArray[np.float64]) -> Tensor:
        """(1, H, W) metres"""
        identity, first = self._identities[frame], self._first_posed[frame]
        renderer = self._renderer(identity)
        vertices = self._sampler.posed[first : first + self._vertices[identity]].float()
        centre = vertices.new_tensor(self._similarity.centre)
        return renderer.trace(vertices / self._similarity.scale + centre, pose[None]).depth_m

    def _renderer(self, identity: int) -> DepthRenderer:
        first = self._first_face[identity]
        if first not in self._renderers:
            faces = self._sampler.faces[first : first + self._triangles[identity]]
            self._renderers[first] = DepthRenderer(faces.cpu().numpy(), CAMERA, faces.device)
        return self._renderers[first]


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
            subject = dataset.subjects[label.identity]
            if not isinstance(subject.store, OccupancyStore):
                raise InputError(dataset.root, f"has no occupancy grids of {subject.name}", "set inputs: rendered")
            grids = subject.store.occupancy_grids(subject.name, label.sequence, label.sample, resolution)
            if any(grid.shape != (resolution,) * 3 for grid in grids):
                what = f"{dataset.root}: {subject.name}/{label}"
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


def camera_poses(uniform: NDArray[np.floating], config: EncoderStage, similarity: Similarity) -> NDArray[np.float64]:
    """Poses (B, 4, 4), camera axes to world metres, of cameras that look at the canonical origin.

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
    poses[:, :3, 3] = back * distance[:, None] / similarity.scale + similarity.centre
    return poses


def _occupancy(depth: Tensor, poses: NDArray[np.float64], similarity: Similarity, resolution: int) -> Tensor:
    """(B, R, R, R) bool of ``depth`` (B, H, W); on the CPU by the kernel, which is thirty times as fast there."""
    if depth.is_cuda:
        return occupancy_grids(depth, CAMERA, torch.from_numpy(poses), similarity, resolution)
    views = [View(image.numpy(), CAMERA, pose, similarity) for image, pose in zip(depth, poses, strict=True)]
    return torch.from_numpy(np.stack([occupancy_grid(view, resolution).occupied for view in views]))
