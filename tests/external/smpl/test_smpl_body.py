from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from external.smpl.body import posed, rotation_matrices, shaped
from external.smpl.model_file import BodyModel, load_body_model
from tests.support.smpl_files import (
    Arrays,
    body_arrays,
    hand_arrays,
    readable_skinning,
    write_body_pickle,
    write_hand_pickle,
)


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return body_arrays(subdivisions=1)


@pytest.fixture(scope="module")
def model(arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> BodyModel:
    return load_body_model(write_body_pickle(tmp_path_factory.mktemp("models") / "SMPL_MALE.pkl", arrays))


def test_skinning_agrees_with_the_formulas_written_out(arrays: Arrays, model: BodyModel) -> None:
    random = np.random.default_rng(0)
    for _ in range(3):
        betas, pose = random.normal(size=10), random.normal(0, 0.7, 72)
        vertices, joints = posed(model, betas, pose)
        expected_vertices, expected_joints = readable_skinning(arrays, betas, pose)
        np.testing.assert_allclose(vertices, expected_vertices, atol=1e-12)
        np.testing.assert_allclose(joints, expected_joints, atol=1e-12)


def test_a_t_pose_replaces_template_and_shape_and_gives_the_joints(arrays: Arrays, model: BodyModel) -> None:
    random = np.random.default_rng(1)
    clothed, pose = arrays.v_template * 1.1 + random.normal(0, 0.01, (42, 3)), random.normal(0, 0.5, 72)
    vertices, joints = posed(model, random.normal(size=10), pose, clothed)
    expected_vertices, expected_joints = readable_skinning(arrays, np.zeros(0), pose, clothed)
    np.testing.assert_allclose(vertices, expected_vertices, atol=1e-12)
    np.testing.assert_allclose(joints, expected_joints, atol=1e-12)


def test_many_poses_at_once_are_each_as_alone(arrays: Arrays, model: BodyModel) -> None:
    random = np.random.default_rng(2)
    poses = random.normal(0, 0.5, (4, 72))
    clothed = arrays.v_template + random.normal(0, 0.01, (4, 42, 3))
    together, joints = posed(model, np.zeros(0), poses, clothed)
    for frame in range(4):
        alone, own_joints = posed(model, np.zeros(0), poses[frame], clothed[frame])
        np.testing.assert_allclose(together[frame], alone, atol=1e-13)
        np.testing.assert_allclose(joints[frame], own_joints, atol=1e-13)


def test_the_zero_pose_is_the_shape_itself_and_a_turn_of_the_root_is_rigid(model: BodyModel) -> None:
    betas = np.linspace(-1, 1, 10)
    vertices, _ = posed(model, betas, np.zeros(72))
    np.testing.assert_allclose(vertices, shaped(model, betas), atol=1e-14)
    turned, joints = posed(model, betas, np.concatenate([[0, np.pi / 2, 0], np.zeros(69)]))
    root = joints[0]
    np.testing.assert_allclose(turned[:, 0] - root[0], vertices[:, 2] - root[2], atol=1e-12)
    np.testing.assert_allclose(turned[:, 1], vertices[:, 1], atol=1e-12)


def test_shape_coefficients_beyond_the_models_are_left_out(model: BodyModel) -> None:
    betas = np.linspace(-1, 1, 16)
    np.testing.assert_array_equal(shaped(model, betas), shaped(model, betas[:10]))


def test_rotation_matrices_of_tiny_and_of_large_angles() -> None:
    from scipy.spatial.transform import Rotation

    vectors = np.random.default_rng(3).normal(size=(50, 3)) * np.logspace(-14, 1, 50)[:, None]
    np.testing.assert_allclose(rotation_matrices(vectors), Rotation.from_rotvec(vectors).as_matrix(), atol=1e-12)
    np.testing.assert_array_equal(rotation_matrices(np.zeros(3)), np.eye(3))


def test_bodies_agree_with_the_smplx_package(arrays: Arrays, model: BodyModel) -> None:
    smplx = pytest.importorskip("smplx", reason="the optional package smplx is not installed")
    import torch

    struct = smplx.utils.Struct(**_as_numpy(arrays))
    body = smplx.SMPL("", data_struct=struct, vertex_ids=defaultdict(int), dtype=torch.float64)
    random = np.random.default_rng(4)
    betas, pose = random.normal(size=(1, 10)), random.normal(0, 0.6, (1, 72))
    result = body(
        betas=torch.tensor(betas), global_orient=torch.tensor(pose[:, :3]), body_pose=torch.tensor(pose[:, 3:])
    )
    vertices, joints = posed(model, betas[0], pose[0])
    # smplx adds 1e-8 to rotation vectors
    np.testing.assert_allclose(vertices, result.vertices[0].detach().numpy(), atol=1e-6)
    np.testing.assert_allclose(joints, result.joints[0, :24].detach().numpy(), atol=1e-6)


def test_hands_agree_with_the_smplx_package(tmp_path: Path) -> None:
    smplx = pytest.importorskip("smplx", reason="the optional package smplx is not installed")
    import torch

    arrays = hand_arrays(subdivisions=1)
    hand = load_body_model(write_hand_pickle(tmp_path / "MANO_RIGHT.pkl", arrays))
    struct = smplx.utils.Struct(**_as_numpy(arrays), hands_components=hand.hands_components, hands_mean=hand.hands_mean)
    assert struct.shapedirs.shape == (len(arrays.v_template), 3, 10)
    random = np.random.default_rng(5)
    betas, pose = random.normal(size=10), random.normal(0, 0.4, 48)
    expected = smplx.lbs.lbs(
        torch.tensor(betas)[None],
        torch.tensor(pose)[None],
        torch.tensor(arrays.v_template),
        torch.tensor(arrays.shapedirs),
        torch.tensor(arrays.posedirs.reshape(-1, 135).T),
        torch.tensor(arrays.J_regressor),
        torch.tensor([-1, *arrays.kintree_table[0][1:].astype(int)]),
        torch.tensor(arrays.weights),
    )
    np.testing.assert_allclose(posed(hand, betas, pose)[0], expected[0][0].numpy(), atol=1e-6)


def _as_numpy(arrays: Arrays) -> dict[str, np.ndarray]:
    return {**vars(arrays), "kintree_table": arrays.kintree_table.astype(np.int64), "f": arrays.f.astype(np.int64)}
