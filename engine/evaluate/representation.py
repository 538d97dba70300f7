"""What a model can represent: its surfaces and motions against the truth, for codes that are given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.core.errors import InputError
from engine.dataset.registered import RegisteredDataset
from engine.evaluate.measures import compare_samples, draw_samples
from engine.geometry.signed_distance import is_inside, sample_surface
from engine.models.model import NeuralParametricModel
from engine.models.networks.decoder import Decoder
from engine.surface.extract import extract_surface
from engine.surface.folded import SignedDistance

SAMPLES = 100_000
RESOLUTION = 256
_IOU_POINTS, _STRAY_POINTS = 500_000, 200_000
_MARGIN = 0.02  # beyond the bounding box of the truth, canonical units
_POINTS_AT_ONCE = {"cpu": 1 << 15, "cuda": 1 << 18}


@dataclass(frozen=True)
class SurfaceFigures:
    """A canonical surface against the true one; definitions as in `engine.evaluate.metrics`."""

    iou: float
    chamfer_l2: float | None
    floor: float | None
    """Chamfer-l2 of two independent samplings of the true surface; None like ``chamfer_l2`` where not asked for."""


def surface_metrics(
    model: NeuralParametricModel,
    shape_code: Tensor,
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    generator: np.random.Generator,
    chamfer: bool = True,
) -> SurfaceFigures:
    """The surface of ``shape_code`` (Cs,) against the true one.

    The IoU takes the sign of the network at random points, without a mesh between: most of them around the truth, the
    rest in the whole cube, so that what the network makes up elsewhere counts too.

    Args:
        vertices: (V, 3), canonical units
        faces: (T, 3)
        chamfer: extract and compare the mesh too

    Raises:
        InputError: the code has no surface.
    """
    low, high = vertices.min(axis=0) - _MARGIN, vertices.max(axis=0) + _MARGIN
    distance = SignedDistance(model, shape_code)

    def in_learned(points: NDArray[np.float32]) -> NDArray[np.bool_]:
        inside: NDArray[np.bool_] = (distance(torch.from_numpy(points).to(model.device)) < 0).cpu().numpy()
        return inside

    near = generator.uniform(low, high, (_IOU_POINTS, 3)).astype(np.float32)
    anywhere = generator.uniform(-0.5, 0.5, (_STRAY_POINTS, 3)).astype(np.float32)
    elsewhere = ((anywhere < low) | (anywhere > high)).any(axis=1)
    learned, true = in_learned(near), is_inside(near, vertices, faces)
    share = float(np.prod(high - low)) / len(near)  # volume that a point stands for
    stray = in_learned(anywhere[elsewhere]).sum() / len(anywhere)
    iou = float((learned & true).sum() * share / max((learned | true).sum() * share + stray, share))
    if not chamfer:
        return SurfaceFigures(iou, None, None)
    mesh = extract_surface(model, shape_code, RESOLUTION)
    if mesh.is_empty:
        raise InputError(model.info.name, "has a code without any surface", "train it for longer")
    truth = draw_samples(vertices, faces, SAMPLES, generator)
    found = compare_samples(*draw_samples(mesh.vertices, mesh.faces, SAMPLES, generator), *truth)["chamfer_l2"]
    floor = compare_samples(*draw_samples(vertices, faces, SAMPLES, generator), *truth)["chamfer_l2"]
    return SurfaceFigures(iou, found, floor)


def corresponding_points(
    dataset: RegisteredDataset,
    identity: int,
    frames: Sequence[tuple[str, int]],
    points: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Random surface points (P, 3) of an identity, by area, and where they are (F, P, 3) in F of its frames.

    Args:
        frames: sequence, and position in it, of each frame.
    """
    faces, canonical = dataset.faces(identity), dataset.canonical(identity)
    triangles, barycentric = sample_surface(canonical, faces, points, generator)
    corners = faces[triangles]  # (P, 3)

    def at(vertices: NDArray[np.floating]) -> NDArray[np.float32]:
        found: NDArray[np.float32] = np.einsum("pkc,pk->pc", vertices[corners].astype(np.float64), barycentric).astype(
            np.float32
        )
        return found

    posed = [at(dataset.sequence(identity, sequence)[position]) for sequence, position in frames]
    return at(canonical), np.stack(posed)


@torch.no_grad()
def deformation_errors(
    model: NeuralParametricModel, shape_codes: Tensor, pose_codes: Tensor, canonical: Tensor, posed: Tensor
) -> Tensor:
    """Distances (B, P) between where the model moves points and where they are, canonical units, in float32.

    Args:
        shape_codes: (B, Cs)
        pose_codes: (B, Cp)
        canonical: (B, P, 3)
        posed: (B, P, 3)
    """
    rows = max(1, _POINTS_AT_ONCE[posed.device.type] // posed.shape[1])
    parts = (value.split(rows) for value in (shape_codes, pose_codes, canonical, posed))
    return torch.cat(
        [(model.pose(s, p, c, half=False) - target).norm(dim=-1) for s, p, c, target in zip(*parts, strict=True)]
    )


def multiply_adds(decoder: Decoder) -> int:
    """Multiplications and additions per point, the code folded into the biases (see `engine.surface.folded`)."""
    total, config = 0, decoder.config
    for index in range(config.layers + 1):
        weight = decoder.layer(index).weight
        assert isinstance(weight, Tensor)
        outputs, inputs = weight.shape
        total += outputs * (inputs - (decoder.code_size if index in (0, config.skip_layer) else 0))
    return total
