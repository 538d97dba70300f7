"""Anny bodies and hands as skinned bodies that are fitted."""

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from engine.geometry.similarity import Similarity
from engine.methods.skinned.body import Rest, SkinnedBody
from engine.methods.skinned.pose_space import pose_space
from external.anny import clips
from external.anny import generate as bodies
from external.anny import joints as body_joints
from external.anny.hands import generate as hands
from external.anny.hands import joints as hand_joints
from external.anny.hands import motions as hand_motions
from external.anny.joints import Motion
from external.anny.motions import TRAINING_FAMILIES
from external.anny.rig import AnnyModel, Array, RestBody, Rig

PHENOTYPES = ("gender", "age", "muscle", "weight", "height", "proportions")
"""What the shape is made of, each from 0 to 1."""
_MIDDLE, _SPREAD = 0.5, 0.3
"""Mean and standard deviation that phenotypes are expected to have."""
_CLIPS, _FRAMES = 150, 12
"""Generated motions that say how joints move, and frames of each."""


def anny_body() -> SkinnedBody:
    """The whole body."""
    rotations = body_joints.joint_rotations
    return _skinned(
        AnnyModel(extrapolates=True), "Anny body", rotations, _body_motion, clips.canonical_motion(), bodies.SIMILARITY
    )


def anny_hand(side: Literal["left", "right"]) -> SkinnedBody:
    """The hand of a side, from the wrist."""
    model, rotations = AnnyModel("L" if side == "left" else "R", extrapolates=True), hand_joints.joint_rotations
    canonical = hand_joints.canonical_motion()
    return _skinned(model, f"Anny {side} hand", rotations, _hand_motion, canonical, hands.SIMILARITY)


def _body_motion(random: np.random.Generator) -> Motion:
    return clips.sample_motion(random, clips.choose_family(random, tuple(TRAINING_FAMILIES)), _FRAMES)


def _hand_motion(random: np.random.Generator) -> Motion:
    families: Sequence[str] = tuple(hand_motions.TRAINING_FAMILIES)
    return hand_motions.sample_motion(random, hand_motions.choose_family(random, families), _FRAMES)


def _skinned(
    model: AnnyModel,
    name: str,
    joint_rotations: Callable[[Rig, RestBody, Motion], Array],
    sample: Callable[[np.random.Generator], Motion],
    canonical: Motion,
    similarity: Similarity,
) -> SkinnedBody:
    """How joints move is learned from ``sample`` motions of the mean shape."""
    rig = model.rig
    (mean,) = model.rest_bodies([dict.fromkeys(PHENOTYPES, 0.5)])
    random = np.random.default_rng(0)
    examples = np.concatenate([joint_rotations(rig, mean, sample(random)) for _ in range(_CLIPS)])
    at_canonical = joint_rotations(rig, mean, canonical)[0]
    reference = torch.from_numpy(np.ascontiguousarray(rig.reference_rotations))
    parents = [max(parent, 0) for parent in rig.bone_parents]

    def rest(shape: Tensor) -> Rest:
        values = phenotypes(shape)
        vertices, turns, heads = (
            part[0] for part in model.rest_tensors({name: values[i, None] for i, name in enumerate(PHENOTYPES)})
        )
        # the reference pose turns whatever hangs on a bone, except on the root: see `external.anny.rig`
        above = torch.cat((reference[:1], turns[1:]))[parents]
        offsets = (above.mT @ (heads - heads[parents])[..., None])[..., 0]
        return Rest(vertices, heads, turns, offsets)

    return SkinnedBody(
        name=name,
        parents=tuple(rig.bone_parents),
        reference=reference,
        weights=torch.from_numpy(rig.weights).double(),
        faces=torch.from_numpy(rig.faces).long(),
        rest=rest,
        shapes=len(PHENOTYPES),
        poses=pose_space(examples),
        canonical=torch.from_numpy(at_canonical),
        similarity=similarity,
        shape_names=PHENOTYPES,
        shape_values=phenotypes,
    )


def phenotypes(shape: Tensor) -> Tensor:
    """Values (S,) of ``shape`` (S,) in standard deviations: from 0 to 1, and a little beyond where that fits better."""
    return _MIDDLE + _SPREAD * shape
