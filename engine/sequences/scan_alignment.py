"""How a scan may be turned: all ways to lay its axes on those of a model, by what training poses leave over."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

if TYPE_CHECKING:
    from engine.models.model import NeuralParametricModel

_POSES, _POINTS = 96, 256
"""Training poses that a scan is compared with, and points of each."""
_HEADINGS_DEGREES = 0.0, 45.0
_SAME_UP = 0.9
"""Cosine of the angle between two verticals that are one."""


@dataclass(frozen=True, eq=False)
class Turn:
    """One way to bring a scan into the world of a model."""

    rotation: NDArray[np.float64]
    """(3, 3) of the scan's axes"""
    shift: NDArray[np.float64]
    """(3,) metres, after it"""
    residual_m: float
    """Mean distance both ways from the mean subject in the nearest training pose."""

    @property
    def up(self) -> NDArray[np.float64]:
        """(3,) of the world, in the scan's axes"""
        return self.rotation[1]


def turns(points: NDArray[np.float64], model: "NeuralParametricModel") -> list[Turn]:
    """All turns of a scan, the likeliest first.

    Its own axes and its principal ones are laid on those of the world in each of the 24 ways that keep them
    right-handed, and between two headings; the middle comes to that of the training pose.

    Args:
        points: (N, 3) of the surface, spread evenly, metres
    """
    rng = np.random.default_rng(0)
    some = points[rng.choice(len(points), min(_POINTS, len(points)), replace=False)]
    centre = np.median(points, axis=0)
    seen = torch.tensor(some - centre, dtype=torch.float32, device=model.device)
    poses = _training_poses(model)
    middles = poses.median(1, keepdim=True).values
    found = []
    for rotation in _rotations(points - centre):
        turned = seen @ torch.tensor(rotation.T, dtype=torch.float32, device=seen.device)
        apart = torch.cdist(turned[None].expand(len(poses), -1, -1), poses - middles)
        residuals = (apart.amin(2).mean(1) + apart.amin(1).mean(1)) / 2
        best = int(residuals.argmin())
        middle = middles[best, 0].double().cpu().numpy()
        found.append(Turn(rotation, middle - rotation @ centre, float(residuals[best])))
    return sorted(found, key=lambda turn: turn.residual_m)


def likeliest_ups(found: list[Turn], count: int) -> list[Turn]:
    """The likeliest of ``found``, of ``count`` different verticals."""
    chosen: list[Turn] = []
    for turn in found:
        if all(turn.up @ other.up < _SAME_UP for other in chosen):
            chosen.append(turn)
    return chosen[:count]


def _rotations(centred: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    from scipy.spatial.transform import Rotation

    principal = np.linalg.eigh(centred.T @ centred)[1].T
    principal *= np.sign(np.linalg.det(principal))
    return [
        Rotation.from_euler("y", heading, degrees=True).as_matrix() @ way @ axes
        for axes in (np.eye(3), principal)
        for way in Rotation.create_group("O").as_matrix()
        for heading in _HEADINGS_DEGREES
    ]


@torch.no_grad()
def _training_poses(model: "NeuralParametricModel") -> Tensor:
    """Points (U, N, 3) of the mean subject in training poses, world, metres."""
    from engine.surface.extract import extract_surface, pose_vertices

    assert model.pose_codes is not None
    similarity, code = model.info.similarity, model.shape_codes.mean(dim=0)
    mesh = extract_surface(model, code, 48)
    picks = np.random.default_rng(0).choice(len(mesh.vertices), min(_POINTS, len(mesh.vertices)), replace=False)
    count = len(model.pose_codes)
    rows = np.linspace(0, count - 1, min(_POSES, count)).round().astype(int)
    posed = [pose_vertices(model, code, model.pose_codes[row], mesh.vertices[picks]) for row in rows]
    return torch.tensor(similarity.to_world(np.stack(posed)), dtype=torch.float32, device=model.device)
