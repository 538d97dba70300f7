"""The Anny body model as plain arrays: rest shapes of identities, kinematic chain, linear blend skinning.

Everything here is in metres, Y up, bodies facing +z with their left side towards +x. Anny itself is Z up and faces
-y: ``(x, y, z) -> (x, z, -y)`` maps one to the other. A hand has axes of its own: fingers up, palm towards +z, so that
the thumb of a right hand points to +x and that of a left hand to -x.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.geometry.repair.hole_caps import flat_caps
from external.anny.cavities import cavity_masks, close_cavities

if TYPE_CHECKING:
    from torch import Tensor

Array = NDArray[np.float64]

_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


@dataclass(frozen=True, eq=False)
class Rig:
    """What all identities share: topology, bones and skinning weights of the closed surface.

    Anny's mesh has four components; only the body is kept (no eyes, teeth and tongue), with its eye sockets and mouth
    closed. Bones are ordered so that a parent comes before its children; bone 0 is the root, between the hips, or at
    the wrist of a hand.
    """

    bone_names: tuple[str, ...]
    bone_parents: tuple[int, ...]
    """Index of each bone's parent, -1 for the root."""
    reference_rotations: Array
    """(B, 3, 3) orientations of the bones in the reference pose, which joint rotations are relative to."""
    weights: NDArray[np.float32]
    """(V, B) skinning weights, rows sum to 1."""
    faces: NDArray[np.int32]
    """(T, 3) outward triangles."""

    @cached_property
    def sparse_weights(self) -> Any:
        """The weights (V, B) as a scipy CSR matrix: a vertex follows only a few bones."""
        from scipy.sparse import csr_matrix

        return csr_matrix(self.weights)

    def bone(self, name: str) -> int:
        return self.bone_names.index(name)

    def subset(self, vertices: NDArray[np.int64], faces: NDArray[np.int32]) -> "Rig":
        """The same bones moving only ``vertices`` (indices, (W,)), with ``faces`` (T, 3) between them."""
        return Rig(self.bone_names, self.bone_parents, self.reference_rotations, self.weights[vertices], faces)


@dataclass(frozen=True, eq=False)
class RestBody:
    """One identity at rest: ``vertices`` (V, 3) in metres, bone orientations (B, 3, 3) and bone heads (B, 3)."""

    vertices: Array
    bone_rotations: Array
    bone_heads: Array


class AnnyModel:
    """Anny with its blend shapes: makes rest bodies from phenotypes.

    The first creation on a machine takes a minute or two, as Anny then builds its cache.

    Args:
        hand: ``L`` or ``R`` for that hand alone, cut at the wrist and closed there; the whole body otherwise.
        extrapolates: phenotypes below 0 and above 1 go on as between; else they are as at 0 and 1.
    """

    def __init__(self, hand: Literal["", "L", "R"] = "", extrapolates: bool = False) -> None:
        import torch
        from anny import Anny
        from scipy.sparse import coo_matrix
        from scipy.sparse.csgraph import connected_components

        # These names are what the deprecated `anny.create_hand_model` stands for.
        part = {"rig": f"anny-hand.{hand}", "topology": f"hand.{hand}"} if hand else {}
        self._model = Anny(
            **part, extrapolate_phenotypes=extrapolates, skinning_method="lbs", pose_parameterization="local-ref"
        )
        faces = self._model.get_triangular_faces().numpy()
        edges = np.concatenate([faces[:, :2], faces[:, 1:]])
        count = len(self._model.template_vertices)
        links = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
        component = connected_components(links, directed=False)[1]
        largest = component == np.bincount(component).argmax()
        if not hand:
            template = self._model.template_vertices.double().numpy()
            faces = close_cavities(template, faces, cavity_masks(self._model, faces))
        faces = faces[largest[faces[:, 0]]]
        body = np.unique(faces)
        new_index = np.full(count, -1)
        new_index[body] = np.arange(len(body))
        weights = torch.zeros(count, self._model.bone_count, dtype=torch.float64)
        weights.scatter_add_(1, self._model.vertex_bone_indices.long(), self._model.vertex_bone_weights.double())
        names = tuple(self._model.bone_labels)
        rotations = self._model.reference_bone_orientations.double().numpy()
        self._body = body
        self._axes = _hand_axes(rotations, names, hand) if hand else _TO_Y_UP
        faces = new_index[faces].astype(np.int32)
        self.rig = Rig(
            names,
            tuple(int(p) for p in self._model.bone_parents),
            self._axes @ rotations,
            weights.numpy()[body].astype(np.float32),
            np.concatenate([faces, flat_caps(faces).astype(np.int32)]) if hand else faces,
        )

    def rest_bodies(self, phenotypes: Sequence[Mapping[str, float]]) -> list[RestBody]:
        """Rest bodies of identities given by Anny's phenotypes (``gender``, ``age``, ``muscle``, ... in [0, 1])."""
        import torch

        names = phenotypes[0].keys()
        columns = {name: torch.tensor([p[name] for p in phenotypes], dtype=torch.float64) for name in names}
        with torch.inference_mode():
            parts = [part.numpy() for part in self.rest_tensors(columns)]
        return [RestBody(*one) for one in zip(*parts, strict=True)]

    def rest_tensors(self, phenotypes: "Mapping[str, Tensor]") -> "tuple[Tensor, Tensor, Tensor]":
        """The parts of `RestBody`, (N, V, 3), (N, B, 3, 3) and (N, B, 3), differentiable in ``phenotypes`` (N,) each.

        All are double precision, on the CPU.
        """
        import torch

        rest = self._model.get_rest_model(self._model.get_phenotype_blendshape_coefficients(**phenotypes))
        axes, poses = torch.from_numpy(self._axes), rest["rest_bone_poses"]
        vertices = rest["rest_vertices"][:, torch.from_numpy(self._body)] @ axes.T
        return vertices, axes @ poses[:, :, :3, :3], poses[:, :, :3, 3] @ axes.T


def _hand_axes(bones: Array, names: Sequence[str], side: str) -> Array:
    """Rotation (3, 3) from Anny's axes to those of a hand, from the orientations of its ``bones`` (B, 3, 3).

    Anny's bones have y along the bone, z towards the palm and x as the hinge that a finger curls about.
    """
    along, hinge = (
        sum(bones[names.index(f"{name}.{side}")][:, column] for name in ("finger3-1", "finger4-1")) for column in (1, 0)
    )
    y = along / np.linalg.norm(along)
    z = np.cross(hinge, y)
    z = z / np.linalg.norm(z)
    return np.stack([np.cross(y, z), y, z])


def bone_transforms(rig: Rig, body: RestBody, rotations: Array) -> Array:
    """World poses (F, B, 4, 4) of the bones for joint ``rotations`` (F, B, 3, 3), the root's head at the origin.

    A joint rotation turns its bone and all that hangs on it about the bone's head. It is given in the axes of the
    body (x left, y up, z front) as they lie in the reference pose, whatever the bone's own orientation (Anny's
    'local-ref' parameterization).
    """
    frames, bones = rotations.shape[:2]
    assert rotations.shape == (frames, len(rig.bone_names), 3, 3), rotations.shape
    reference, heads = rig.reference_rotations, body.bone_heads
    poses = np.zeros((frames, bones, 4, 4))
    poses[..., 3, 3] = 1.0
    poses[:, 0, :3, :3] = rotations[:, 0] @ reference[0]
    for bone in range(1, bones):
        parent = rig.bone_parents[bone]
        offset = heads[bone] - heads[parent]
        # The reference pose turns whatever hangs on a bone, except on the root: that keeps the skeleton as at rest.
        offset = (body.bone_rotations[parent] if parent > 0 else reference[0]).T @ offset
        above = poses[:, parent]
        poses[:, bone, :3, :3] = above[:, :3, :3] @ (reference[parent].T @ rotations[:, bone] @ reference[bone])
        poses[:, bone, :3, 3] = above[:, :3, 3] + above[:, :3, :3] @ offset
    return poses


def skin(rig: Rig, body: RestBody, poses: Array) -> NDArray[np.float32]:
    """Linear blend skinning: posed vertices (F, V, 3) in metres for bone ``poses`` (F, B, 4, 4)."""
    turns = poses[..., :3, :3] @ body.bone_rotations.swapaxes(-1, -2)  # rest to posed
    shifts = poses[..., :3, 3] - (turns @ body.bone_heads[..., None])[..., 0]
    affine = np.concatenate([turns, shifts[..., None]], axis=-1).astype(np.float32)  # (F, B, 3, 4)
    posed = np.empty((len(poses), len(body.vertices), 3), np.float32)
    rest = np.concatenate([body.vertices, np.ones((len(body.vertices), 1))], axis=1).astype(np.float32)
    for frame, matrices in enumerate(affine):
        blended = (rig.sparse_weights @ matrices.reshape(-1, 12)).reshape(-1, 3, 4)
        posed[frame] = np.einsum("vij,vj->vi", blended, rest)
    return posed
