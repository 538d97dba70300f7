"""A ball that walks past a depth camera, the meshes that it is, and a method that gives what it is told to."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import trimesh

from engine.core.config import Config
from engine.core.progress import Progress
from engine.geometry.camera import PinholeCamera
from engine.geometry.mesh import Mesh
from engine.geometry.ray_casting import render_depth
from engine.methods.method import FitResult, MethodInputs, Requirements
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence, regular_times

CAMERA = PinholeCamera(160, 120, 143.0, 144.0, 80.0, 60.0)
RADIUS, FAR = 0.5, 3.0
"""Of the ball, and how far from the camera its path is; metres."""
STEP = 0.1
"""Metres per frame, along x."""
RATE = 10.0


def ball(subdivisions: int = 3, radius: float = RADIUS) -> Mesh:
    made = trimesh.creation.icosphere(subdivisions, radius)
    return Mesh(np.asarray(made.vertices, np.float32), np.asarray(made.faces, np.int32))


def centres(count: int) -> np.ndarray:
    """(F, 3) world, which is that of the camera."""
    return np.stack([np.array([STEP * (frame - (count - 1) / 2), 0.0, FAR]) for frame in range(count)])


def ball_meshes(count: int) -> MeshSequence:
    """Where the ball is."""
    mesh = ball()
    vertices = (mesh.vertices + centres(count)[:, None]).astype(np.float32)
    return mesh_sequence("ball", vertices, mesh.faces, [f"{i:06d}" for i in range(count)], regular_times(count, RATE))


def ball_depths(count: int, empty: Sequence[int] = ()) -> list[np.ndarray]:
    """Depth images (H, W) of the ball; nothing is seen in the frames ``empty``."""
    meshes = ball_meshes(count)
    return [
        np.zeros((CAMERA.height, CAMERA.width), np.float32)
        if frame in empty
        else render_depth(mesh.vertices, mesh.faces, CAMERA, np.eye(4))
        for frame, mesh in enumerate(meshes)
    ]


def ball_sequence(count: int = 6, empty: Sequence[int] = ()) -> DepthSequence:
    """The ball as it is seen."""
    depths, meshes = ball_depths(count, empty), ball_meshes(count)
    return DepthSequence("ball", Path("ball"), CAMERA, meshes.frame_names, meshes.times_s, lambda i: depths[i])


def moved(meshes: MeshSequence, rows: Sequence[int], by: Sequence[float]) -> MeshSequence:
    """``meshes`` with those of ``rows`` ``by`` (3,) metres elsewhere."""
    return meshes.map(lambda row, v: v + np.array(by, np.float32) if row in rows else v)


class TellsConfig(Config):
    """Nothing to choose."""


class Tells:
    """A method that gives a result made beforehand, or by a function that may fail."""

    id = "tells"
    title = "What it is told"
    config_type = TellsConfig
    requires = Requirements()

    def __init__(self, result: FitResult | Callable[[DepthSequence], FitResult]) -> None:
        self.result = result

    def fit(self, source: DepthSequence, inputs: MethodInputs, config: TellsConfig, progress: Progress) -> FitResult:
        progress.stage("tell", 1)
        result = self.result if isinstance(self.result, FitResult) else self.result(source)
        return replace(result, interrupted=result.interrupted or progress.cancelled())
