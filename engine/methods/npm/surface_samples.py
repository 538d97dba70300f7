"""Points on the model's canonical surface that follow the shape code while it is optimised."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from engine.core.errors import InputError
from engine.geometry.mesh import vertex_normals
from engine.geometry.signed_distance import sample_surface
from engine.models.model import NeuralParametricModel
from engine.surface.extract import extract_surface

RESOLUTION = 64
"""Grid of the coarse mesh: fine enough for normals, and contoured again every few steps."""
POOL_SIZE = 6000
"""Samples that the points of all steps are drawn from, several times what one step takes."""
_PARTS_OF_ONE = 2.0**48
"""Of which whole numbers count, when sums must not depend on their order."""


@dataclass(frozen=True, eq=False)
class SurfaceSamples:
    """Samples of the surface of one shape code, and the coarse mesh that they lie on."""

    points: Tensor
    """(P, 3) canonical, area-uniform"""
    normals: Tensor
    """(P, 3) canonical unit normals"""
    corners: Tensor
    """(P, 3) int64: mesh vertices around each sample"""
    barycentric: Tensor
    """(P, 3)"""
    vertices: Tensor
    """(V, 3) canonical vertices of the coarse mesh"""
    faces: Tensor
    """(T, 3) int64"""


def sample_model_surface(
    model: NeuralParametricModel, shape_code: Tensor, seed: int = 0, resolution: int = RESOLUTION
) -> SurfaceSamples:
    """Samples of the surface of ``shape_code`` (Cs,)."""
    mesh = extract_surface(model, shape_code.detach(), resolution)
    if mesh.is_empty:  # a code far outside the training codes: nothing to follow
        raise InputError(model.info.name, "a shape code has no surface inside the cube", "train the model longer")
    picks, barycentric = sample_surface(mesh.vertices, mesh.faces, POOL_SIZE, np.random.default_rng(seed))
    normals = vertex_normals(mesh.vertices, mesh.faces)
    device = model.device
    corners = torch.from_numpy(mesh.faces[picks].astype(np.int64)).to(device)
    weights = torch.from_numpy(barycentric.astype(np.float32)).to(device)
    vertices = torch.from_numpy(mesh.vertices).to(device)
    points = (vertices[corners] * weights[..., None]).sum(1)
    point_normals = (torch.from_numpy(normals).to(device)[corners] * weights[..., None]).sum(1)
    point_normals = torch.nn.functional.normalize(point_normals, dim=-1)
    faces = torch.from_numpy(mesh.faces.astype(np.int64)).to(device)
    return SurfaceSamples(points, point_normals, corners, weights, vertices, faces)


def thinned(samples: SurfaceSamples, count: int) -> SurfaceSamples:
    """The first ``count`` of ``samples``, whose order is random, on the same mesh."""
    return replace(
        samples,
        points=samples.points[:count],
        normals=samples.normals[:count],
        corners=samples.corners[:count],
        barycentric=samples.barycentric[:count],
    )


def posed_normals(samples: SurfaceSamples, posed_vertices: Tensor) -> Tensor:
    """Unit normals (F, P, 3) of the samples on posed meshes ``posed_vertices`` (F, V, 3)."""
    triangles = posed_vertices[:, samples.faces]  # (F, T, 3, 3)
    face_normals = torch.linalg.cross(triangles[:, :, 1] - triangles[:, :, 0], triangles[:, :, 2] - triangles[:, :, 0])
    vertex = sums_at_vertices(face_normals, samples.faces, posed_vertices.shape[1])
    mixed = (vertex[:, samples.corners] * samples.barycentric[..., None]).sum(2)
    return torch.nn.functional.normalize(mixed, dim=-1)


def sums_at_vertices(values: Tensor, faces: Tensor, count: int) -> Tensor:
    """Sums (F, V, 3) of ``values`` (F, T, 3) of the triangles ``faces`` (T, 3) that each of ``count`` vertices has.

    On a GPU in whole numbers: it adds in any order, in which sums of floats differ in their last digits, and a fit
    makes millimetres of that in a few steps.
    """
    if values.device.type == "cuda":
        return _exact_sums(values, faces, count)
    sums = values.new_zeros(len(values), count, 3)
    for corner in range(3):
        sums.index_add_(1, faces[:, corner], values)
    return sums


def _exact_sums(values: Tensor, faces: Tensor, count: int) -> Tensor:
    """The same whatever the order of ``faces``, for values below 1000."""
    whole = (values.double() * _PARTS_OF_ONE).round().long()
    sums = whole.new_zeros(len(values), count, 3)
    for corner in range(3):
        sums.index_add_(1, faces[:, corner], whole)
    return (sums.double() / _PARTS_OF_ONE).to(values.dtype)
