"""What the first fit of a process has to load and to compile on a GPU, done before it is waited for."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.similarity import Similarity
from engine.methods.method import LoadedModel, MethodInputs
from engine.methods.npm.config import FitConfig
from engine.methods.npm.sequence import fit_sequence
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence

FRAMES = 8
_SEMI_AXES = np.array([0.12, 0.4, 0.1])
"""Of a figure in canonical units, about as tall and as wide as what models are of."""
_WIDTH, _HEIGHT, _FOCAL = 160, 120, 140.0


def warm_up(model: NeuralParametricModel) -> None:
    """Fit ``model`` to an ellipsoid in `FRAMES` frames, and forget it; nothing on a CPU.

    A GPU loads every kernel when it is first used, and Triton is imported and asked then: a second and a half of a
    process that fits one recording. Meanwhile that can be read by other threads.
    """
    if model.device.type != "cuda":
        return
    with TemporaryDirectory(prefix="npm-studio-") as folder:
        inputs = MethodInputs(Path(folder), model.device, model=LoadedModel(Path(folder), model))
        fit_sequence(ellipsoid(model.info.similarity), inputs, FitConfig(steps=4, resolution=64), Progress())


def ellipsoid(similarity: Similarity) -> DepthSequence:
    """An ellipsoid of the size of the subjects of ``similarity``, at rest before the front camera."""
    camera = PinholeCamera(_WIDTH, _HEIGHT, _FOCAL, _FOCAL, _WIDTH / 2, _HEIGHT / 2)
    pose = front_camera_to_world(similarity)
    world_to_camera = np.linalg.inv(pose).astype(np.float64)
    depth = _depth_of_ellipsoid(camera, world_to_camera, similarity)
    return DepthSequence(
        name="ellipsoid",
        root=Path(),
        camera=camera,
        frame_names=tuple(f"{frame:02d}" for frame in range(FRAMES)),
        times_s=np.arange(FRAMES) / 30.0,
        read_frame=lambda _: depth,
        cameras_to_world=np.repeat(pose[None], FRAMES, 0),
    )


def _depth_of_ellipsoid(
    camera: PinholeCamera, world_to_camera: NDArray[np.float64], similarity: Similarity
) -> NDArray[np.float32]:
    """(H, W) metres, 0 where the ray passes by: the nearer root of |(t r - m) / a|^2 = 1 of each ray r."""
    columns, rows = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    rays = np.stack(((columns - camera.cx) / camera.fx, (rows - camera.cy) / camera.fy, np.ones_like(rows)), axis=-1)
    axes = _SEMI_AXES / similarity.scale
    middle = world_to_camera[:3, :3] @ similarity.centre + world_to_camera[:3, 3]
    scaled, from_here = rays / axes, middle / axes
    square, half = (scaled**2).sum(-1), scaled @ from_here
    root = half**2 - square * (from_here @ from_here - 1)
    depth = np.where(root > 0, (half - np.sqrt(np.maximum(root, 0))) / square, 0.0)
    return depth.astype(np.float32)
