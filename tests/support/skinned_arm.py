"""A small skinned body: an arm of three bones, one of them without a joint that moves, which grows and fattens."""

import numpy as np
import torch
import trimesh
from scipy.spatial.transform import Rotation
from torch import Tensor

from engine.geometry.similarity import Similarity
from engine.methods.skinned.body import PoseSpace, Rest, SkinnedBody

PARENTS = (-1, 0, 1, 2)
LENGTH, RADIUS = 0.6, 0.08
"""Of the arm, metres; it points up."""
SIMILARITY = Similarity(0.5, (0.0, 0.3, 0.0))


def skinned_arm(bends: bool = False) -> SkinnedBody:
    """With four bones: the root, two that turn, and a stiff end; the shape lengthens it, turns a bone and fattens it.

    Args:
        bends: whether turned joints also bulge the surface at rest
    """
    mesh = trimesh.creation.capsule(LENGTH, RADIUS, (12, 8)).subdivide()
    points = torch.tensor(np.array(mesh.vertices)[:, [1, 2, 0]])
    heads = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.1, 0.0], [0.0, 0.35, 0.0], [0.0, 0.5, 0.0]], dtype=torch.float64)
    reach = torch.stack([torch.exp(-(((points[:, 1] - y) / 0.1) ** 2)) for y in (0.0, 0.2, 0.42, 0.58)], 1) + 1e-3
    turned = _rotations([[0, 0.1, 0], [0.2, 0, 0.1], [0, 0, 0.3], [0.1, 0.1, 0]])
    parents = [max(parent, 0) for parent in PARENTS]

    def rest(shape: Tensor) -> Rest:
        stretch = torch.stack((1 + 0.1 * shape[1], 1 + 0.2 * shape[0], 1 + 0.1 * shape[1]))
        angle = 0.1 * shape[0]
        one, zero = torch.ones_like(angle), torch.zeros_like(angle)
        twist = torch.stack((angle.cos(), zero, angle.sin(), zero, one, zero, -angle.sin(), zero, angle.cos()))
        orientations, at = twist.view(3, 3) @ turned, heads * stretch
        offsets = (orientations[parents].mT @ (at - at[parents])[..., None])[..., 0]
        return Rest(points * stretch, at, orientations, offsets)

    random = np.random.default_rng(0)
    smooth = torch.tensor(random.normal(0, 0.05, (3, 3, 27)))
    return SkinnedBody(
        name="arm",
        parents=PARENTS,
        reference=_rotations([[0, 0, 0], [0.1, 0, 0], [0, 0.2, 0.1], [0.3, 0, 0]]),
        weights=reach / reach.sum(1, keepdim=True),
        faces=torch.tensor(np.array(mesh.faces)).long(),
        rest=rest,
        shapes=2,
        poses=PoseSpace(
            torch.tensor([1, 2]),
            _rotations([[0, 0, 0.2], [0.3, 0, 0]]),
            torch.tensor(random.normal(0, 0.3, (2, 3, 6))),
        ),
        canonical=_rotations([[0, 0, 0], [0, 0, 0.1], [0.1, 0, 0], [0, 0, 0]]),
        similarity=SIMILARITY,
        pose_directions=torch.einsum("vc,cdp->vdp", points, smooth) if bends else None,
    )


def _rotations(vectors: list[list[float]]) -> Tensor:
    return torch.tensor(Rotation.from_rotvec(np.array(vectors)).as_matrix())
