"""A skinned body as what a fit moves."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.npm.linearisation import Linearised
from engine.methods.npm.posable import SAMPLES
from engine.methods.npm.residuals import SurfaceRows
from engine.methods.npm.surface_samples import SurfaceSamples
from engine.methods.npm.variables import Variables
from engine.methods.skinned.body import (
    PosedBones,
    Rest,
    SkinnedBody,
    applied,
    bend_features,
    blended,
    pose_bones,
    skinned_vertices,
)
from engine.methods.skinned.derivatives import RestDerivatives, by_pose, rest_by_shape, transforms_by_shape
from engine.methods.skinned.material import CanonicalSurface, Material, canonical_vertices, to_canonical

NEAR = 0.1
"""Standard deviations of the shape within which its derivatives are those that were found last."""


class SkinnedPosable:
    """See `engine.methods.npm.posable.Posable`; canonical space is that of the similarity of the body.

    A canonical point is what lies beside the nearest sample of the surface of the shape, in its canonical pose: it has
    the weights of that sample, and keeps its place beside it at rest.
    """

    keeps_shape = False

    def __init__(self, body: SkinnedBody, seed: int = 0, samples: int = SAMPLES) -> None:
        self.body, self.material = body, Material.of(body, samples, seed)
        self._canonical: tuple[Tensor, CanonicalSurface] | None = None
        self._changes: tuple[Tensor, RestDerivatives] | None = None

    @property
    def device(self) -> torch.device:
        return self.body.weights.device

    @property
    def scale(self) -> float:
        return self.body.similarity.scale

    def first(self, frames: int, shape: Tensor) -> Variables:
        """``shape`` (S,) in the mean pose, where the model has it, in ``frames`` frames."""
        like = self.body.weights
        return Variables(
            shape.to(like),
            like.new_zeros(frames, self.body.poses.directions.shape[-1]),
            torch.eye(3).to(like).repeat(frames, 1, 1),
            like.new_zeros(frames, 3),
        )

    def canonical(self, shape: Tensor) -> CanonicalSurface:
        """That of ``shape`` (S,); the last one is kept."""
        if self._canonical is None or not torch.equal(self._canonical[0], shape):
            self._canonical = shape, CanonicalSurface.of(self.body, self.material, shape)
        return self._canonical[1]

    def changes(self, shape: Tensor) -> RestDerivatives:
        """How samples and bones at rest change with ``shape`` (S,): what was found last, while that is near.

        They are derivatives of blend shapes, which hardly change, and take as long as all else of a step of few frames.
        """
        if self._changes is None or bool((self._changes[0] - shape).abs().amax() > NEAR):
            corners, barycentric = self.material.corners.cpu(), self.material.barycentric.double().cpu()

            def points_of(rest: Rest) -> Tensor:
                return (rest.vertices[corners] * barycentric[..., None]).sum(1)

            self._changes = shape, rest_by_shape(self.body, shape, points_of)
        return self._changes[1]

    def posed(self, variables: Variables, rest: Rest) -> PosedBones:
        """The bones in all frames."""
        return pose_bones(self.body, rest, self.body.joint_rotations(variables.poses))

    @torch.no_grad()
    def local(self, variables: Variables, points: Tensor) -> Tensor:
        surface = self.canonical(variables.shape)
        samples = surface.nearest(points)
        at_rest = surface.at_rest(points, samples).expand(len(variables), -1, -1)
        bones = self.posed(variables, surface.rest)
        return self.carried(bones, at_rest, samples.expand(len(variables), -1))[0]

    def carried(self, bones: PosedBones, at_rest: Tensor, samples: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Canonical units (F, N, 3), mixed transforms (F, N, 3, 4), and points at rest as the pose bends them.

        Args:
            at_rest: (F, N, 3) beside ``samples`` (F, N)
        """
        if self.material.bends is not None:
            features = bend_features(bones.rotations)
            at_rest = at_rest + torch.einsum("fndp,fp->fnd", self.material.bends[samples], features)
        affine = blended(self.material.weights[samples], bones.transforms)
        return to_canonical(self.body.similarity, applied(affine, at_rest)), affine, at_rest

    def moves_by_shape(
        self, shape: Tensor, rest: Rest, bones: PosedBones, affine: Tensor, bent: Tensor, samples: Tensor
    ) -> Tensor:
        """How points move with the shape, (F, N, 3, S), canonical units, without the place of the subject.

        Args:
            affine: (F, N, 3, 4) mixed transforms of the points
            bent: (F, N, 3) where they are at rest, as the pose bends them, beside ``samples`` (F, N)
        """
        changes = self.changes(shape)
        of_bones = transforms_by_shape(self.body, rest, bones, changes)  # (F, B, 3, 4, S)
        mixed = (self.material.weights[samples] @ of_bones.flatten(2)).unflatten(-1, of_bones.shape[2:])
        moved = torch.einsum("fnijs,fnj->fnis", mixed[..., :3, :], bent) + mixed[..., 3, :]
        moved = moved + torch.einsum("fnij,fnjs->fnis", affine[..., :3], changes.points[samples])
        return self.scale * moved

    def canonical_moves(self, shape: Tensor) -> Tensor:
        """How the samples move with the shape in the canonical pose, (P, 3, S), canonical units."""
        surface = self.canonical(shape)
        bones = pose_bones(self.body, surface.rest, self.body.canonical[None])
        bent = surface.samples if surface.bends is None else surface.samples + surface.bends
        every = torch.arange(len(bent), device=bent.device)[None]
        return self.moves_by_shape(shape, surface.rest, bones, surface.affine[None], bent[None], every)[0]

    def surface(self, variables: Variables, seed: int) -> "SkinnedSurface":
        """With samples that are the same ones of every shape, whatever the seed."""
        canonical = self.canonical(variables.shape)
        corners = self.material.corners
        vertices = canonical_vertices(self.body, variables.shape)[corners.flatten()]
        faces = torch.arange(len(vertices), device=vertices.device).view(-1, 3)
        one, two = (vertices[faces[:, corner]] - vertices[faces[:, 0]] for corner in (1, 2))
        normals = torch.nn.functional.normalize(torch.linalg.cross(one, two), dim=-1)
        points = (vertices[faces] * self.material.barycentric[..., None]).sum(1)
        samples = SurfaceSamples(points, normals, faces, self.material.barycentric, vertices, faces)
        return SkinnedSurface(self, samples, canonical)


@dataclass(frozen=True, eq=False)
class SkinnedSurface:
    """See `engine.methods.npm.posable.PosableSurface`: each sample has a triangle of its own."""

    posable: SkinnedPosable
    samples: SurfaceSamples
    canonical: CanonicalSurface

    @torch.no_grad()
    def placed(self, variables: Variables) -> Tensor:
        return self._placed(variables, self.posable.material.corners.flatten())

    @torch.no_grad()
    def meshes(self, variables: Variables) -> tuple[Tensor, Tensor]:
        return self._placed(variables, None), self.posable.body.faces

    def _placed(self, variables: Variables, vertices: Tensor | None) -> Tensor:
        body, rest = self.posable.body, self.posable.canonical(variables.shape).rest
        posed = skinned_vertices(body, rest, body.joint_rotations(variables.poses), vertices)
        return variables.place(to_canonical(body.similarity, posed))

    @torch.no_grad()
    def linearise(self, variables: Variables, rows: SurfaceRows, middle: Tensor, shape_moves: bool) -> Linearised:
        posable, directions = self.posable, rows.directions
        now = posable.canonical(variables.shape)
        if rows.samples is None:  # coordinates of the subject as it is: what lies there now
            samples = now.nearest(rows.canonical)
            at_rest = now.at_rest(rows.canonical, samples)
        else:
            samples = rows.samples
            at_rest = self.canonical.at_rest(rows.canonical, samples) + (now.samples - self.canonical.samples)[samples]
        bones = posable.posed(variables, now.rest)
        local, affine, bent = posable.carried(bones, at_rest, samples)
        pulled = directions @ variables.rotations[:, None]  # R^T d, as rows: (F, R, N, 3)
        poses = self._by_poses(variables, bones, affine, bent, samples, pulled)
        shape = pulled.new_zeros(*pulled.shape[:3], 0)
        if shape_moves:
            shape = self._by_shape(variables.shape, now.rest, bones, affine, bent, samples, pulled)
        placed = variables.place(local)
        arms = (placed - middle[:, None])[:, None].expand_as(directions)
        jacobians = torch.cat((poses, torch.linalg.cross(arms, directions), directions), dim=-1)
        return Linearised(placed, jacobians, shape)

    def _by_poses(
        self, variables: Variables, bones: PosedBones, affine: Tensor, bent: Tensor, samples: Tensor, pulled: Tensor
    ) -> Tensor:
        """(F, R, N, K) of points ``bent`` (F, N, 3) at rest, along ``pulled`` (F, R, N, 3)."""
        posable, body, material = self.posable, self.posable.body, self.posable.material
        derivatives, moving = by_pose(body, bones, variables.poses), len(body.poses.moving)
        of_bone, shares = material.bones[samples], material.shares[samples][..., None]  # (F, N, k), and (F, N, k, 1)
        frames = torch.arange(len(samples), device=samples.device)[:, None, None]
        each = bones.transforms[frames, of_bone]  # (F, N, k, 3, 4)
        carried = (each[..., :3] @ bent[:, :, None, :, None])[..., 0] + each[..., 3]
        movers = body.movers[of_bone][..., None].expand(-1, -1, -1, 4)
        moments = bent.new_zeros(*samples.shape, moving + 1, 4)  # of each stiff part: weighted places, and weights
        moments = moments.scatter_add_(2, movers, torch.cat((shares * carried, shares), -1))[:, :, :moving]
        # d . (turn x m - weight shift) = turn . (m x d) - (weight d) . shift, of each stiff part
        along = pulled[:, :, :, None]  # (F, R, N, 1, 3)
        crossed = torch.linalg.cross(moments[:, None, ..., :3], along, dim=-1)
        weighted = moments[:, None, ..., 3:] * along
        features = torch.cat((crossed.flatten(-2), -weighted.flatten(-2)), -1).flatten(1, 2)
        factors = torch.cat((derivatives.turns.flatten(1, 2), derivatives.shifts.flatten(1, 2)), 1)
        result = (features @ factors).view(*pulled.shape[:3], -1)
        if derivatives.bends is not None and material.bends is not None:
            at_rest = torch.einsum("frni,fnij->frnj", pulled, affine[..., :3])
            by_feature = torch.einsum("frnd,fndp->frnp", at_rest, material.bends[samples])
            result = result + (by_feature.flatten(1, 2) @ derivatives.bends).view_as(result)
        return posable.scale * result

    def _by_shape(
        self,
        shape: Tensor,
        rest: Rest,
        bones: PosedBones,
        affine: Tensor,
        bent: Tensor,
        samples: Tensor,
        pulled: Tensor,
    ) -> Tensor:
        """(F, R, N, S) of the same."""
        moves = self.posable.moves_by_shape(shape, rest, bones, affine, bent, samples)
        return torch.einsum("frni,fnis->frns", pulled, moves)
