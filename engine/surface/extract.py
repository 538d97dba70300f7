"""From codes to meshes."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.geometry.mesh import Mesh
from engine.model import NeuralParametricModel
from engine.surface.folded import FoldedDecoder, FoldedDistance


def dense_field(model: NeuralParametricModel, shape_code: Tensor, resolution: int) -> NDArray[np.float32]:
    line = torch.linspace(-0.5, 0.5, resolution, device=model.device)
    points = torch.stack(torch.meshgrid(line, line, line, indexing="ij"), dim=-1).reshape(-1, 3)
    values = FoldedDistance(model, shape_code)(points)
    return values.reshape(resolution, resolution, resolution).cpu().numpy()


def extract_surface(
    model: NeuralParametricModel,
    shape_code: Tensor,
    resolution: int,
    half: bool = False,
    cancelled: Callable[[], bool] = lambda: False,
) -> Mesh:
    import mcubes

    vertices, faces = mcubes.marching_cubes(dense_field(model, shape_code, resolution), 0.0)
    vertices = vertices / (resolution - 1) - 0.5
    return Mesh(vertices.astype(np.float32), faces.astype(np.int32))


def pose_vertices(
    model: NeuralParametricModel,
    shape_code: Tensor,
    pose_code: Tensor,
    vertices: NDArray[np.float32] | Tensor,
    half: bool = False,
) -> NDArray[np.float32]:
    assert model.pose_decoder is not None
    points = torch.as_tensor(vertices, dtype=torch.float32, device=model.device)
    decoder = FoldedDecoder(model.pose_decoder, torch.cat((shape_code, pose_code)).to(model.device), half)
    return (points + decoder(points)).cpu().numpy()
