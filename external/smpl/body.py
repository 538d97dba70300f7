"""Shape, pose and skinning of a body model by the formula of SMPL (Loper et al. 2015): `shaped`, `posed`."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.transform import Rotation

from external.smpl.model_file import BodyModel

Array = NDArray[np.float64]


def shaped(model: BodyModel, betas: ArrayLike) -> Array:
    """Vertices (V, 3) in the zero pose, in metres, for shape coefficients ``betas`` (B,).

    Coefficients beyond those that the model has are left out, missing ones are zero.
    """
    betas = np.asarray(betas, np.float64)
    assert betas.ndim == 1, betas.shape
    count = min(len(betas), model.shape_directions.shape[2])
    return model.template + model.shape_directions[:, :, :count] @ betas[:count]


def rotation_matrices(vectors: ArrayLike) -> Array:
    """Rotation matrices (..., 3, 3) of rotation vectors (..., 3) in radians."""
    vectors = np.asarray(vectors, np.float64)
    return np.asarray(Rotation.from_rotvec(vectors.reshape(-1, 3)).as_matrix()).reshape(*vectors.shape, 3)


def posed(model: BodyModel, betas: ArrayLike, pose: ArrayLike, t_pose: ArrayLike | None = None) -> tuple[Array, Array]:
    """Vertices (..., V, 3) and joints (..., J, 3) in metres, without translation.

    Args:
        betas: (B,) shape coefficients.
        pose: (..., 3J) rotation vectors in radians, the root's first, each relative to the joint's parent.
        t_pose: (V, 3) or (..., V, 3) vertices in the zero pose instead of the model's own, which ``betas`` would shape:
            a clothed body, for example. Joints are then regressed from these.
    """
    pose = np.asarray(pose, np.float64)
    assert pose.shape[-1] == 3 * model.joints, (pose.shape, model.joints)
    rest = shaped(model, betas) if t_pose is None else np.asarray(t_pose, np.float64)
    assert rest.shape[-2:] == model.template.shape, rest.shape
    rotations = rotation_matrices(pose.reshape(*pose.shape[:-1], model.joints, 3))  # (..., J, 3, 3)
    rest_joints = model.joint_regressor @ rest  # (..., J, 3)

    bends = (rotations[..., 1:, :, :] - np.eye(3)).reshape(*pose.shape[:-1], -1)  # (..., P)
    directions = model.pose_directions.reshape(-1, bends.shape[-1])  # (3V, P)
    corrected = rest + (bends @ directions.T).reshape(*pose.shape[:-1], -1, 3)

    turns, joints = _along_the_tree(model, rotations, np.broadcast_to(rest_joints, (*pose.shape[:-1], model.joints, 3)))
    shifts = joints - (turns @ rest_joints[..., None])[..., 0]  # (..., J, 3): x -> turn x + shift
    moves = np.concatenate([turns.reshape(*shifts.shape[:-1], 9), shifts], axis=-1)  # (..., J, 12)
    blended = model.weights @ moves  # (..., V, 12)
    linear = blended[..., :9].reshape(*blended.shape[:-1], 3, 3)
    return (linear @ corrected[..., None])[..., 0] + blended[..., 9:], joints


def _along_the_tree(model: BodyModel, rotations: Array, rest_joints: Array) -> tuple[Array, Array]:
    """World rotations (..., J, 3, 3) and positions (..., J, 3) of the joints."""
    turns, joints = rotations.copy(), rest_joints.copy()
    for joint, parent in enumerate(model.parents):
        if parent >= 0:
            turns[..., joint, :, :] = turns[..., parent, :, :] @ rotations[..., joint, :, :]
            bone = rest_joints[..., joint, :] - rest_joints[..., parent, :]
            joints[..., joint, :] = joints[..., parent, :] + (turns[..., parent, :, :] @ bone[..., None])[..., 0]
    return turns, joints
