"""Meshes of a folder or a GLB file, joined to the frames of a recording."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from engine.core.errors import Cancelled, ConfigField, InputError, Notice, remedy
from engine.core.files import natural_key
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.geometry.ply import load_compact_ply
from engine.methods.imported.config import ImportConfig
from engine.methods.imported.glb import glb_frames
from engine.methods.method import FitResult
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence

ENDINGS = (".ply", ".obj", ".stl", ".off")
_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_PLAUSIBLE_RATIO = 20.0
"""A mesh this many times larger or smaller than what the camera saw of the subject has another unit."""


@dataclass(frozen=True, eq=False)
class NamedMeshes:
    """Meshes in the order of their names, read when they are asked for."""

    names: tuple[str, ...]
    read: Callable[[int], Mesh]


def import_meshes(source: DepthSequence, config: ImportConfig, progress: Progress) -> FitResult:
    """The meshes of ``config`` as the result of a fit to ``source``, all read once.

    Progress stage: "read meshes".

    Raises:
        InputError: there are none, one is damaged, they do not go with the frames, or their unit cannot be right.
        Cancelled: asked to stop.
    """
    found = _of_glb(config.meshes) if config.meshes.suffix.lower() == ".glb" else _of_folder(config.meshes)
    chosen, frames = match(found.names, source.frame_names, config.meshes, progress)
    metres = _METRES[config.unit]

    def read(index: int) -> Mesh:
        mesh = found.read(chosen[index])
        return Mesh((mesh.vertices * np.float32(metres)).astype(np.float32), mesh.faces)

    progress.stage("read meshes", len(chosen))
    first = read(0)
    _check_unit(read, source, frames, config)
    one_topology = True
    for index in range(len(chosen)):
        if progress.cancelled():
            raise Cancelled
        mesh = read(index)
        same = mesh.vertices.shape == first.vertices.shape and np.array_equal(mesh.faces, first.faces)
        one_topology = one_topology and same
        progress.advance(index + 1)
    names = tuple(source.frame_names[frame] for frame in frames)
    times_s = source.times_s[list(frames)]
    meshes = MeshSequence(config.meshes.name, names, times_s, read, one_topology)
    return FitResult(
        meshes, details={"source": str(config.meshes.resolve()), "names": [found.names[i] for i in chosen]}
    )


def match(
    names: tuple[str, ...], frame_names: tuple[str, ...], path: Path, progress: Progress
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Which meshes go with which frames: indices of both, in the order of the frames.

    By name where all meshes have names of frames, otherwise one after the other, which is said.

    Raises:
        InputError: there is another number of meshes than of frames, and not all have names of frames.
    """
    positions = {name: index for index, name in enumerate(frame_names)}
    strangers = [name for name in names if name not in positions]
    if not strangers:
        pairs = sorted((positions[name], index) for index, name in enumerate(names))
        if len(pairs) < len(frame_names):
            progress.notice(
                Notice(f"{path}: {len(pairs)} of {len(frame_names)} frames have a mesh, others are left out")
            )
        return tuple(index for _, index in pairs), tuple(frame for frame, _ in pairs)
    if len(names) != len(frame_names):
        problem = (
            f"has {len(names)} meshes for {len(frame_names)} frames, and {strangers[0]!r} is not the name of a frame"
        )
        raise InputError(path, problem, f"name them after the frames, such as {frame_names[0]}")
    progress.notice(
        Notice(f"{path}: meshes are taken in order, {names[0]!r} for frame {frame_names[0]!r}, as their names differ")
    )
    order = tuple(range(len(names)))
    return order, order


def _of_folder(folder: Path) -> NamedMeshes:
    fix = f"give a folder of {', '.join(ENDINGS)} files, one per frame, or a .glb file"
    if not folder.is_dir():
        raise InputError(folder, "is a file, not a folder" if folder.exists() else "no such folder or file", fix)
    endings = (path for path in folder.iterdir() if path.suffix.lower() in ENDINGS and not path.name.startswith("."))
    paths = sorted(endings, key=natural_key)
    if not paths:
        raise InputError(folder, "has no meshes", fix)
    names = tuple(path.stem for path in paths)
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(folder, f"has several meshes named {twice!r}", "keep one of each frame")
    return NamedMeshes(names, lambda index: load_compact_ply(paths[index]))


def _of_glb(path: Path) -> NamedMeshes:
    frames = glb_frames(path)
    meshes = list(frames.values())
    return NamedMeshes(tuple(frames), lambda index: meshes[index])


def _check_unit(
    read: Callable[[int], Mesh], source: DepthSequence, frames: tuple[int, ...], config: ImportConfig
) -> None:
    """By the first of ``frames`` in which anything was seen."""
    row = next((row for row, frame in enumerate(frames) if source.depth_m(frame).any()), None)
    if row is None:
        return
    pair = source.points_world(frames[row]), read(row).vertices
    seen, size = (float(np.ptp(points, axis=0).max()) for points in pair)
    if not 1 / _PLAUSIBLE_RATIO < size / max(seen, 1e-6) < _PLAUSIBLE_RATIO:
        problem = f"its first mesh is {size:.3g} m large, the recording shows {seen:.3g} m"
        raise InputError(config.meshes, problem, remedy("state {}", ConfigField("unit")))
