"""Depth sequences rendered from registered datasets, with their ground truth.

One view is a sequence folder (`engine.sequences.depth_sequence`), several are ``view_0``, ``view_1``, ... that are
complete sequences each. The true surface is the same in all of them: the files of the others are hard links to those
of view 0, or copies where the file system has no links. Ground truth of a sequence::

    truth/              the true surface of each frame, `engine.sequences.truth`
    truth/<frame>.npz   with correspondences: per pixel the triangle that it sees, face (H, W) int32, -1 for none, and
                        barycentric (H, W, 2) float16, the weights of its first two corners (the third has the rest)
    canonical.ply       with correspondences: the canonical mesh, whose triangles are those of all frames
"""

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from engine.core.errors import Cancelled, InputError
from engine.core.files import read_json, replacing_folder, write_json
from engine.core.progress import Progress
from engine.dataset.registered import RegisteredDataset
from engine.geometry.camera import REFERENCE_CAMERA, PinholeCamera, front_camera_to_world, orbit
from engine.geometry.mesh import Mesh
from engine.geometry.ply import save_compact_ply
from engine.geometry.ray_casting import DepthRenderer, SurfaceHits
from engine.geometry.sensor_noise import KinectNoise, add_noise, frame_generator
from engine.geometry.similarity import Similarity
from engine.sequences.depth_png import SENSOR_MAXIMUM
from engine.sequences.export_sequence import SequenceFormat, frame_name, writing_sequence
from engine.sequences.intrinsics_file import DEFAULT_DEPTH_SCALE, camera_of, camera_to_world_of
from engine.sequences.mesh_sequence import regular_times
from engine.sequences.several_views import LIST
from engine.sequences.truth import ARRAYS, DESCRIPTION, save_truth

LARGEST_SIDE = 4096
"""Pixels of a camera that is rendered; a file that asks for more is refused before an image is made."""
_FEWEST_UNITS = 200
"""Stored units across the cube, with fewer of which a depth image shows steps instead of a surface."""


def render_sequence(
    dataset: RegisteredDataset,
    identity: int,
    sequence: str,
    out: Path,
    camera: PinholeCamera = REFERENCE_CAMERA,
    camera_to_world: ArrayLike | None = None,
    views: int = 1,
    file_format: SequenceFormat = "png",
    noise: KinectNoise | None = None,
    seed: int = 0,
    correspondences: bool = False,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> int:
    """Render one sequence of ``dataset``; returns the number of frames written.

    Writes ``out`` with one view; ``out/view_<i>`` with several, and ``out/views.json``, by which they are fitted
    together. A user who stops the work keeps the frames made so far.

    Args:
        camera_to_world: (4, 4) pose of view 0 in world metres; the front camera's when absent. The others orbit the
            vertical axis through the canonical origin, see `engine.geometry.camera.orbit`.
        noise: added to the depth images and not to the ground truth; drawn from ``seed``, the view and the frame.
        correspondences: whether to write what each pixel sees.

    Raises:
        InputError: ``out`` holds something else, or the surface of a frame is outside a camera's view.
        Cancelled: stopped before the first frame.
    """
    folders = [out] if views == 1 else [out / f"view_{view}" for view in range(views)]
    _check_out(out, folders)
    progress = progress or Progress()
    frames = _checked_frames(dataset, identity, sequence)
    faces, similarity, rate = dataset.faces(identity), dataset.similarity_of(identity), dataset.frame_rate
    poses = orbit(front_camera_to_world(similarity) if camera_to_world is None else camera_to_world, similarity, views)
    scale = _depth_scale(similarity, poses)
    renderer = DepthRenderer(faces, camera, device)
    progress.stage("render", len(frames))
    with ExitStack() as stack:
        truths = [stack.enter_context(replacing_folder(folder / "truth")) for folder in folders]
        writers = [
            stack.enter_context(writing_sequence(folder, camera, pose, rate, file_format, scale))
            for folder, pose in zip(folders, poses, strict=True)
        ]
        names: list[str] = []
        while (written := len(names)) < len(frames) and not progress.cancelled():
            vertices = np.asarray(frames[written], np.float32)
            what = f"{dataset.root}: {sequence}/{written:06d}"
            hits = _trace(renderer, similarity.to_world(vertices), poses, what)
            names.append(frame_name(written, rate, file_format))
            if correspondences:
                _write_hits(truths, names[-1], hits)
            depths = hits.depth_m.cpu()
            for view, write in enumerate(writers):
                depth = depths[view : view + 1]
                if noise is not None:
                    depth = add_noise(depth, camera, noise, frame_generator(seed, written, view))
                write(depth[0].numpy())
            progress.advance(len(names))
        if not names:
            raise Cancelled
        times_s = regular_times(len(names), rate)
        canonical = dataset.canonical(identity)
        save_truth(truths[0], frames[: len(names)], faces, names, times_s, similarity, canonical)
        for truth in truths[1:]:
            for file in (ARRAYS, DESCRIPTION):
                _link(truths[0] / file, truth / file)
    for folder in folders:
        if correspondences:
            save_compact_ply(Mesh(canonical, faces), folder / "canonical.ply")
        else:
            (folder / "canonical.ply").unlink(missing_ok=True)
    if views > 1:
        write_json(out / LIST, {"views": [folder.name for folder in folders]})
    return len(names)


def _depth_scale(similarity: Similarity, poses: NDArray[np.float64]) -> float:
    """Stored units per metre at which cameras at ``poses`` (N, 4, 4) see the cube: 1000, or a power of ten that suits.

    The far side of the cube, and as much again beside it, must fit into 16 bits, and be told apart well enough.
    """
    side = 1 / similarity.scale
    farthest = max(float(np.linalg.norm(pose[:3, 3] - similarity.centre)) for pose in poses) + 1.5 * side
    scale = DEFAULT_DEPTH_SCALE
    while farthest * scale >= SENSOR_MAXIMUM:
        scale /= 10
    while side * scale < _FEWEST_UNITS and farthest * scale * 10 < SENSOR_MAXIMUM:
        scale *= 10
    return scale


def _checked_frames(dataset: RegisteredDataset, identity: int, sequence: str) -> NDArray[np.floating]:
    """The canonical vertices (F, V, 3) of a sequence that can be rendered."""
    frames = dataset.sequence(identity, sequence)
    if len(frames) == 0:
        raise InputError(f"{dataset.root}: sequence {sequence}", "has no frames")
    if not np.isfinite(frames).all():
        raise InputError(f"{dataset.root}: sequence {sequence}", "has vertices that are not finite")
    return frames


def _trace(
    renderer: DepthRenderer, vertices_world: NDArray[np.float32], poses: NDArray[np.float64], what: str
) -> SurfaceHits:
    """What cameras at ``poses`` (N, 4, 4) see of one frame.

    Raises:
        InputError: one of them sees nothing.
    """
    hits = renderer.trace(vertices_world, poses)
    seen = (hits.depth_m > 0).flatten(1).any(dim=1).tolist()
    if not all(seen):
        which = f" of view {seen.index(False)}" if len(seen) > 1 else ""
        raise InputError(what, f"is outside the camera's view{which}", "use another camera")
    return hits


def load_camera(path: Path) -> tuple[PinholeCamera, NDArray[np.float64] | None]:
    """The camera of an ``intrinsics.json`` and its ``camera_to_world`` (4, 4), None when the file has none.

    Raises:
        InputError: the file is missing, does not describe a camera, or one of more than `LARGEST_SIDE` pixels a side.
    """
    description = read_json(path, "give an intrinsics.json, or `reference`")
    camera = camera_of(description, path)
    if max(camera.width, camera.height) > LARGEST_SIDE:
        problem = f"is a camera of {camera.width}x{camera.height} pixels"
        raise InputError(path, problem, f"use at most {LARGEST_SIDE} on a side")
    return camera, camera_to_world_of(description, path) if "camera_to_world" in description else None


def _write_hits(truths: list[Path], name: str, hits: SurfaceHits) -> None:
    """Write what the pixels of one frame see below each of the folders ``truths``, one per view."""
    face, barycentric = hits.face.cpu().numpy(), hits.barycentric.cpu().numpy().astype(np.float16)
    for view, truth in enumerate(truths):
        np.savez_compressed(truth / f"{name}.npz", face=face[view], barycentric=barycentric[view])


def _link(first: Path, other: Path) -> None:
    try:
        os.link(first, other)
    except OSError:
        shutil.copyfile(first, other)


def _check_out(out: Path, folders: list[Path]) -> None:
    """Refuse to write over anything but an earlier rendering with at most as many views.

    Raises:
        InputError: naming ``out``.
    """
    single = folders == [out]
    what = "a rendered depth sequence" if single else f"a folder of at most {len(folders)} rendered views"
    if not out.exists():
        return
    found = [out] if single or not out.is_dir() else sorted(set(out.iterdir()) - {out / LIST})
    if not all(folder in folders and (_is_rendered(folder) or _is_empty(folder)) for folder in found):
        raise InputError(out, f"exists and is not {what}", "name a new folder")


def _is_rendered(folder: Path) -> bool:
    return (folder / "intrinsics.json").is_file() and (folder / "truth").is_dir()


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
