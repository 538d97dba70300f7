"""Meshes of many codes one after the other, as many of them computed together as keep a GPU busy."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice

import torch
from torch import Tensor

from engine.geometry.mesh import Mesh
from engine.models.model import NeuralParametricModel
from engine.surface.extract import extract_surfaces, pose_vertices
from engine.surface.folded import FoldedDecoder, not_cancelled

Codes = tuple[Tensor, Tensor | None]
"""Shape code (Cs,), and pose code (Cp,) or None for the canonical pose."""


def extract_meshes(
    model: NeuralParametricModel,
    codes: Iterable[Codes],
    resolution: int,
    cancelled: Callable[[], bool] = not_cancelled,
) -> Iterator[Mesh]:
    """The mesh of each of ``codes``, in order, canonical units.

    A shape that comes several times in a row is contoured once. On a GPU its poses are computed together, and so are
    several shapes. A shape code without a surface inside the cube gives empty meshes.

    Args:
        resolution: grid nodes per axis

    Raises:
        Cancelled: ``cancelled`` said so.
    """
    runs = (list(group) for _, group in groupby(codes, lambda one: one[0].cpu().numpy().tobytes()))
    while several := list(islice(runs, _shapes_together(model, resolution))):
        shapes = torch.stack([run[0][0] for run in several])
        surfaces = extract_surfaces(model, shapes, resolution, cancelled=cancelled)
        for run, canonical in zip(several, surfaces, strict=True):
            if canonical.is_empty:
                yield from len(run) * [canonical]
                continue
            shape_code, step = run[0][0], _posed_together(model, canonical)
            for start in range(0, len(run), step):
                yield from _posed(model, canonical, shape_code, [pose for _, pose in run[start : start + step]])


def _posed(
    model: NeuralParametricModel, canonical: Mesh, shape_code: Tensor, pose_codes: Sequence[Tensor | None]
) -> Iterator[Mesh]:
    """``canonical`` in each of ``pose_codes`` (Cp,), or as it is for None."""
    codes = [code for code in pose_codes if code is not None]
    if len(codes) > 1:
        assert model.pose_decoder is not None
        vertices = torch.from_numpy(canonical.vertices).to(model.device)
        poses = torch.stack(codes).to(model.device)
        both = torch.cat((shape_code.to(poses).expand(len(poses), -1), poses), dim=1)
        points = vertices.repeat(len(poses), 1)
        rows = torch.arange(len(poses), device=poses.device).repeat_interleave(len(vertices))
        moved = points + FoldedDecoder(model.pose_decoder, both)(points, rows)
        posed = iter(moved.reshape(len(poses), -1, 3).cpu().numpy())
    else:
        posed = (pose_vertices(model, shape_code, code, canonical.vertices) for code in codes)
    for code in pose_codes:
        yield canonical if code is None else Mesh(next(posed), canonical.faces)


def _shapes_together(model: NeuralParametricModel, resolution: int) -> int:
    """Shapes whose search keeps a GPU busy between two kernel launches; a CPU gains nothing from more than one."""
    return min(16, max(1, 4 * (256 // resolution) ** 2)) if model.device.type == "cuda" else 1


def _posed_together(model: NeuralParametricModel, mesh: Mesh) -> int:
    """Poses of ``mesh`` that fill a GPU for some milliseconds; a CPU gains nothing from more than one."""
    return max(1, (1 << 17) // len(mesh.vertices)) if model.device.type == "cuda" else 1
