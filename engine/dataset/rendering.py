"""Depth sequences rendered from registered datasets, with their ground truth."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from engine.dataset.depth_sequence import save_depth_sequence
from engine.dataset.registered import RegisteredDataset
from engine.errors import Cancelled, InputError
from engine.files import replacing_folder
from engine.geometry.camera import REFERENCE_CAMERA, PinholeCamera, front_camera_to_world
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.geometry.ray_casting import DepthRenderer
from engine.progress import Progress


def render_sequence(
    dataset: RegisteredDataset,
    identity: int,
    sequence: str,
    out: Path,
    camera: PinholeCamera = REFERENCE_CAMERA,
    device: torch.device | str = "cpu",
    file_format: Literal["png", "npz"] = "png",
    progress: Progress | None = None,
) -> int:
    """Render one sequence of ``dataset`` as seen by the front camera; returns the number of frames written.

    Writes ``out/intrinsics.json``, ``out/depth/<frame>`` and the true meshes ``out/truth/<frame>.ply`` in canonical
    units. A user who stops the work keeps the frames made so far.

    Raises:
        InputError: ``out`` holds something else, or the surface of a frame is outside the camera's view.
        Cancelled: stopped before the first frame.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / "intrinsics.json").is_file()):
        raise InputError(out, "exists and is not a depth sequence", "name a new folder")
    progress = progress or Progress()
    frames = dataset.sequence(identity, sequence)
    if len(frames) == 0:
        raise InputError(f"{dataset.root}: sequence {sequence}", "has no frames")
    if not np.isfinite(frames).all():
        raise InputError(f"{dataset.root}: sequence {sequence}", "has vertices that are not finite")
    faces, similarity = dataset.faces(identity), dataset.similarity_of(identity)
    renderer = DepthRenderer(faces, camera, device)
    camera_to_world = front_camera_to_world(similarity)
    written = 0

    def images(truth: Path) -> Iterator[NDArray[np.float32]]:
        nonlocal written
        progress.stage("render", len(frames))
        for index, frame in enumerate(frames):
            if progress.cancelled():
                if written == 0:
                    raise Cancelled
                return
            vertices = np.asarray(frame, np.float32)
            depth_m = renderer.render(similarity.to_world(vertices), camera_to_world)
            if not depth_m.any():
                raise InputError(f"{dataset.root}: {sequence}/{index:06d}", "is outside the camera's view")
            save_compact_ply(Mesh(vertices, faces), truth / f"{index:06d}.ply")
            yield depth_m
            written += 1
            progress.advance(written)

    with replacing_folder(out / "truth") as truth:
        save_depth_sequence(out, images(truth), camera, camera_to_world, dataset.frame_rate, file_format=file_format)
    return written
