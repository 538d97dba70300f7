"""An ellipsoid that bends towards a depth camera, and the meshes that it is."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import trimesh

from engine.geometry.mesh import Mesh
from engine.geometry.ray_casting import render_depth
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence, mesh_sequence, regular_times
from tests.support.walking_ball import CAMERA, RATE

RADII = (0.15, 0.6, 0.2)
FAR = 2.0
BEND = 0.25
"""By which its ends are nearer to the camera in each frame: this times y squared; per metre."""


def bent_meshes(count: int) -> MeshSequence:
    """Straight in the first frame; metres, axes of the camera, which are those of the world."""
    sphere = trimesh.creation.icosphere(3, 1.0)
    straight = np.asarray(sphere.vertices) * RADII
    vertices = np.repeat(straight[None], count, 0)
    vertices[..., 2] += FAR - BEND * np.arange(count)[:, None] * straight[:, 1] ** 2
    names = [f"{frame:06d}" for frame in range(count)]
    faces = np.asarray(sphere.faces, np.int32)
    return mesh_sequence("bent", vertices.astype(np.float32), faces, names, regular_times(count, RATE))


def bent_sequence(count: int, empty: Sequence[int] = ()) -> DepthSequence:
    """The ellipsoid as it is seen; nothing is seen in the frames ``empty``."""
    meshes = bent_meshes(count)
    depths = [np.zeros((CAMERA.height, CAMERA.width), np.float32)] * count
    for frame in set(range(count)) - set(empty):
        mesh = meshes.read(frame)
        depths[frame] = render_depth(mesh.vertices, mesh.faces, CAMERA, np.eye(4))
    return DepthSequence("bent", Path("bent"), CAMERA, meshes.frame_names, meshes.times_s, lambda frame: depths[frame])


def template() -> Mesh:
    return bent_meshes(1).read(0)
