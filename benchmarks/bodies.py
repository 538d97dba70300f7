"""Canonical Anny bodies for benchmarks."""

import numpy as np

from external.anny.character import random_numbers
from external.anny.clips import canonical_motion
from external.anny.generate import SIMILARITY
from external.anny.identities import sample_identity
from external.anny.joints import joint_rotations
from external.anny.rig import AnnyModel, bone_transforms, skin


def canonical_bodies(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random bodies in the canonical pose and space: vertices (N, V, 3) float32 and faces (T, 3) int32."""
    model = AnnyModel()
    meshes = []
    for index in range(count):
        body = sample_identity(model, random_numbers(seed, index))[1]
        pose = bone_transforms(model.rig, body, joint_rotations(model.rig, body, canonical_motion()))
        meshes.append(SIMILARITY.to_canonical(skin(model.rig, body, pose)[0]).astype(np.float32))
    return np.stack(meshes), np.asarray(model.rig.faces, np.int32)
