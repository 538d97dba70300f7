"""A skinned body: a shape places bones at rest, joints turn them, and a surface follows by linear blend skinning.

Each bone has an orientation at rest, which may change with the shape, and one in the reference pose, in which all
joints are at zero: a joint turns its bone, and all that hangs on it, about the bone's head, in the axes of the body as
they lie in the reference pose. Where both orientations are the identity these are the joints of SMPL (Loper et al.
2015); Anny calls them 'local-ref'. All lengths are metres; the head of the root is at the origin.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from engine.geometry.rigid_alignment import rotation_matrices
from engine.geometry.similarity import Similarity

Part = TypeVar("Part")


class Rest(NamedTuple):
    """One shape at rest."""

    vertices: Tensor
    """(V, 3)"""
    heads: Tensor
    """(B, 3) where bones begin"""
    orientations: Tensor
    """(B, 3, 3)"""
    offsets: Tensor
    """(B, 3) of each head from that of the parent, in the axes of the parent's bone; zero for the root"""


@dataclass(frozen=True, eq=False)
class PoseSpace:
    """Poses as numbers in standard deviations, which are expected to be independent: a Gaussian of rotation vectors."""

    moving: Tensor
    """(A,) int64 bones whose joints move; all others stay at zero"""
    mean: Tensor
    """(A, 3, 3) rotations of these joints in the mean pose"""
    directions: Tensor
    """(A, 3, K) what a standard deviation of each number adds to the rotation vectors that follow the mean rotations"""

    def vectors(self, poses: Tensor) -> Tensor:
        """Rotation vectors (F, A, 3) of ``poses`` (F, K) in standard deviations."""
        return torch.einsum("adk,fk->fad", self.directions, poses)


@dataclass(frozen=True, eq=False)
class SkinnedBody:
    """What all shapes of one body model have in common."""

    name: str
    parents: tuple[int, ...]
    """(B,) of each bone, before it; -1 for the root, which comes first"""
    reference: Tensor
    """(B, 3, 3) orientations of the bones in the reference pose"""
    weights: Tensor
    """(V, B) skinning weights, whose rows sum to 1"""
    faces: Tensor
    """(T, 3) int64"""
    rest: Callable[[Tensor], Rest]
    """From the shape (S,) in standard deviations; differentiable in it, in double precision, on the CPU"""
    shapes: int
    """S"""
    poses: PoseSpace
    canonical: Tensor
    """(B, 3, 3) rotations of all joints in the canonical pose"""
    similarity: Similarity
    """World (metres, the head of the root at the origin) to canonical space"""
    shape_names: tuple[str, ...] = ()
    """What the numbers that `shape_values` gives mean"""
    shape_values: Callable[[Tensor], Tensor] = lambda shape: shape
    """The parameters of the body model as its own package takes them, from the shape (S,)"""
    pose_directions: Tensor | None = None
    """(V, 3, 9 (B - 1)) what vertices at rest move by for each entry of the rotations of all joints but the root's,
    less those of the identity"""
    knows_coordinates: bool = True
    """Whether its surface in the canonical pose is what coordinate networks have learned; else it only lies near it"""

    def __post_init__(self) -> None:
        count = len(self.parents)
        assert self.reference.shape == self.canonical.shape == (count, 3, 3)
        assert self.weights.ndim == 2 and self.weights.shape[1] == count
        assert self.poses.directions.shape[:2] == (*self.poses.mean.shape[:1], 3)
        if self.pose_directions is not None:
            assert self.pose_directions.shape == (len(self.weights), 3, 9 * (count - 1))

    def to(self, device: torch.device, dtype: torch.dtype) -> "SkinnedBody":
        """With all tensors there, numbers in ``dtype``; shapes at rest are still made on the CPU."""
        return _moved(self, device, dtype)

    def rest_of(self, shape: Tensor) -> Rest:
        """At rest, where this body is, of ``shape`` (S,)."""
        like = self.weights
        return Rest(*(part.to(like) for part in self.rest(shape.detach().double().cpu())))

    @cached_property
    def ancestors(self) -> Tensor:
        """(B, A) 1 where a moving joint is that of a bone or of one that it hangs on."""
        result = torch.zeros(len(self.parents), len(self.poses.moving))
        column = {bone: place for place, bone in enumerate(self.poses.moving.tolist())}
        for bone, parent in enumerate(self.parents):
            if parent >= 0:
                result[bone] = result[parent]
            if bone in column:
                result[bone, column[bone]] = 1
        return result.to(self.weights)

    @cached_property
    def movers(self) -> Tensor:
        """(B,) int64 the place among the moving joints of the one that a bone hangs on at last; A where there is none.

        Bones between which no joint moves are one stiff part.
        """
        count = len(self.poses.moving)
        column = {bone: place for place, bone in enumerate(self.poses.moving.tolist())}
        result: list[int] = []
        for bone, parent in enumerate(self.parents):
            result.append(column.get(bone, count if parent < 0 else result[parent]))
        return torch.tensor(result, device=self.weights.device)

    def joint_rotations(self, poses: Tensor) -> Tensor:
        """Rotations (F, B, 3, 3) of all joints of ``poses`` (F, K) in standard deviations."""
        rotations = torch.eye(3).to(poses).expand(len(poses), len(self.parents), 3, 3).clone()
        rotations[:, self.poses.moving] = self.poses.mean @ rotation_matrices(self.poses.vectors(poses))
        return rotations


@dataclass(frozen=True, eq=False)
class PosedBones:
    """Where bones are in each frame, metres, the head of the root at the origin."""

    rotations: Tensor
    """(F, B, 3, 3) of the joints"""
    turns: Tensor
    """(F, B, 3, 3) orientations of the bones"""
    heads: Tensor
    """(F, B, 3)"""
    transforms: Tensor
    """(F, B, 3, 4) from the body at rest"""


def pose_bones(body: SkinnedBody, rest: Rest, rotations: Tensor) -> PosedBones:
    """The bones of a shape with the joints at ``rotations`` (F, B, 3, 3)."""
    reference, turns, heads = (
        body.reference,
        [rotations[:, 0] @ body.reference[0]],
        [torch.zeros_like(rotations[:, 0, 0])],
    )
    local = reference[list(body.parents)].mT @ rotations @ reference  # of the root it means nothing
    for bone, parent in list(enumerate(body.parents))[1:]:
        heads.append(heads[parent] + turns[parent] @ rest.offsets[bone])
        turns.append(turns[parent] @ local[:, bone])
    turned, placed = torch.stack(turns, 1), torch.stack(heads, 1)
    linear = turned @ rest.orientations.mT
    shift = placed - (linear @ rest.heads[..., None])[..., 0]
    return PosedBones(rotations, turned, placed, torch.cat((linear, shift[..., None]), -1))


def bend_features(rotations: Tensor) -> Tensor:
    """What `SkinnedBody.pose_directions` are multiplied by, (F, 9 (B - 1)), of joint ``rotations`` (F, B, 3, 3)."""
    return (rotations[:, 1:] - torch.eye(3).to(rotations)).flatten(1)


def blended(weights: Tensor, transforms: Tensor) -> Tensor:
    """Mixed transforms (F, N, 3, 4) by ``weights`` (N, B), or (F, N, B), of ``transforms`` (F, B, 3, 4)."""
    return (weights @ transforms.flatten(2)).unflatten(-1, (3, 4))


def applied(affine: Tensor, points: Tensor) -> Tensor:
    """Points (F, N, 3) of ``points`` (F or 1, N, 3) under ``affine`` (F, N, 3, 4)."""
    return (affine[..., :3] @ points[..., None])[..., 0] + affine[..., 3]


def skinned_vertices(body: SkinnedBody, rest: Rest, rotations: Tensor, vertices: Tensor | None = None) -> Tensor:
    """Vertices (F, V, 3), metres, the head of the root at the origin, for joint ``rotations`` (F, B, 3, 3).

    Args:
        vertices: (W,) indices of those that are wanted; all by default
    """
    bones = pose_bones(body, rest, rotations)
    chosen = slice(None) if vertices is None else vertices
    points = rest.vertices[chosen][None]
    if body.pose_directions is not None:
        points = points + torch.einsum("vdp,fp->fvd", body.pose_directions[chosen], bend_features(rotations))
    return applied(blended(body.weights[chosen], bones.transforms), points)


def _moved(part: Part, device: torch.device, dtype: torch.dtype) -> Part:
    changed: dict[str, Any] = {}
    for field in fields(part):  # type: ignore[arg-type]
        value = getattr(part, field.name)
        if isinstance(value, Tensor):
            changed[field.name] = value.to(device, dtype if value.is_floating_point() else None)
        elif isinstance(value, PoseSpace):
            changed[field.name] = _moved(value, device, dtype)
    return replace(part, **changed)  # type: ignore[type-var]
