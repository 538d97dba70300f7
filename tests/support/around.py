"""A doll seen by cameras all around it, whose recordings know one world."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from engine.geometry.camera import PinholeCamera, front_camera_to_world, orbit
from engine.geometry.mesh import Mesh
from engine.geometry.ray_casting import render_depth
from engine.sequences.camera_path import World
from engine.sequences.depth_sequence import save_depth_sequence
from engine.surface.extract import extract_surface, pose_vertices
from tests.support.present import present
from tests.support.toy_model import toy_model

CAMERA = PinholeCamera(120, 90, 107.0, 107.0, 60.0, 45.0)
IDENTITY, FRAMES, RATE = 1, 3, 10.0


def doll_meshes() -> list[Mesh]:
    """A doll between two of its training poses in each frame, metres, where models expect it."""
    model = toy_model()
    similarity = model.info.similarity
    mesh = extract_surface(model, model.shape_codes[IDENTITY], 48)
    first, last = (present(model.pose_codes)[row] for row in model.frames_of(IDENTITY)[:2])
    codes = [first + float(share) * (last - first) for share in np.linspace(0.3, 0.7, FRAMES)]
    posed = [pose_vertices(model, model.shape_codes[IDENTITY], code, mesh.vertices) for code in codes]
    return [Mesh(similarity.to_world(vertices).astype(np.float32), mesh.faces) for vertices in posed]


def poses_around(views: int) -> np.ndarray:
    """(views, 4, 4) of cameras at equal angles; the first is in front."""
    similarity = toy_model().info.similarity
    return orbit(front_camera_to_world(similarity), similarity, views)


def record(folder: Path, pose: np.ndarray, stated: np.ndarray | None, times_s: Sequence[float] | None = None) -> Path:
    """What a camera at ``pose`` (4, 4) sees of the doll, its pose ``stated`` as this one (4, 4)."""
    depths = [render_depth(mesh.vertices, mesh.faces, CAMERA, pose) for mesh in doll_meshes()]
    timing = RATE if times_s is None else np.asarray(times_s)
    save_depth_sequence(folder, depths, CAMERA, stated, timing, file_format="npz", world=World.PLACED)
    return folder


def recorded_around(folder: Path, views: int) -> list[Path]:
    """A recording by each of ``views`` cameras."""
    return [record(folder / f"view_{view}", pose, pose) for view, pose in enumerate(poses_around(views))]
