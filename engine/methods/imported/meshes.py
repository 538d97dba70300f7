"""Meshes of a folder or a GLB file, joined to the frames of a recording."""

from collections.abc import Callable, Iterator

import numpy as np

from engine.core.errors import Cancelled, ConfigField, InputError, Notice, remedy
from engine.core.progress import Progress
from engine.geometry.mesh import Mesh
from engine.methods.imported.config import ImportConfig
from engine.methods.method import FitResult
from engine.sequences.depth_sequence import DepthSequence
from engine.sequences.mesh_sequence import MeshSequence
from engine.sequences.named_meshes import Matching, NamedMeshes, match, open_meshes

_METRES = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_PLAUSIBLE_RATIO = 20.0
"""A mesh this many times larger or smaller than what the camera saw of the subject has another unit."""


def import_meshes(source: DepthSequence, config: ImportConfig, progress: Progress) -> FitResult:
    """The meshes of ``config`` as the result of a fit to ``source``, all read once.

    Progress stage: "read meshes".

    Raises:
        InputError: there are none, one is damaged, they do not go with the frames, or their unit cannot be right.
        Cancelled: asked to stop.
    """
    found = open_meshes(config.meshes)
    matching = match(found.names, source.frame_names, config.meshes)
    chosen, frames = matching.meshes, matching.frames
    for notice in _notices(matching, found, source, config):
        progress.notice(notice)
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


def _notices(matching: Matching, found: NamedMeshes, source: DepthSequence, config: ImportConfig) -> Iterator[Notice]:
    """How meshes and frames were matched, and what has no partner."""
    if matching.notice is not None:
        yield matching.notice
    without = len(source) - len(matching.frames)
    if without:
        yield Notice(
            f"{config.meshes}: {len(matching.frames)} of {len(source)} frames have a mesh, others are left out"
        )
    beside = len(found.names) - len(matching.meshes)
    if beside:
        yield Notice(f"{config.meshes}: {beside} of {len(found.names)} meshes have no frame and are left out")


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
