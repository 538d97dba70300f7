"""Anny as a skinned body that is fitted: it is what Anny's own package makes, and is found again in depth images."""

import sys
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera, front_camera_to_world
from engine.geometry.ray_casting import render_depth
from engine.geometry.rigid_alignment import rigid_alignment
from engine.geometry.similarity import Similarity
from engine.methods.job import run_fit
from engine.methods.method import LoadedModel
from engine.methods.request import FitRequest
from engine.methods.run import canonical_surface
from engine.methods.skinned.body import SkinnedBody, skinned_vertices
from engine.methods.skinned.config import SkinnedConfig
from engine.methods.skinned.method import METHOD
from engine.methods.skinned.provider import WantedBody, load_body
from engine.models.checkpoint import load_model
from engine.sequences.depth_sequence import DepthSequence, load_depth_sequence, save_depth_sequence
from external.anny.joints import joint_rotations
from external.anny.provider import BODY
from external.anny.rig import AnnyModel
from external.anny.skinned import PHENOTYPES
from npm_studio.resources import model_path

VALUES = {"gender": 0.9, "age": 0.4, "muscle": 0.3, "weight": 0.8, "height": 0.4, "proportions": 0.2}


@pytest.fixture(scope="module")
def body() -> SkinnedBody:
    return load_body("anny", WantedBody("human bodies", None, Similarity(), None))


@pytest.fixture(scope="module")
def hand() -> SkinnedBody:
    return load_body("anny", WantedBody("human hands", "right", Similarity(), None))


def shape_of(values: dict[str, float]) -> torch.Tensor:
    return torch.tensor([(values[name] - 0.5) / 0.3 for name in PHENOTYPES], dtype=torch.float64)


@pytest.mark.parametrize("part", ["", "R"])
def test_vertices_are_those_of_the_package_of_anny(
    part: Literal["", "R"], body: SkinnedBody, hand: SkinnedBody
) -> None:
    from anny import Anny

    skinned, rig = (hand, AnnyModel(part)) if part else (body, AnnyModel())
    own = {"rig": f"anny-hand.{part}", "topology": f"hand.{part}"} if part else {}
    anny = Anny(**own, skinning_method="lbs", pose_parameterization="local-ref")
    poses = torch.randn(3, skinned.poses.directions.shape[-1], generator=torch.Generator().manual_seed(0)).double()
    rotations = skinned.joint_rotations(poses)
    ours = skinned_vertices(skinned, skinned.rest_of(shape_of(VALUES)), rotations)
    axes = skinned.reference[0] @ anny.reference_bone_orientations[0].double().T  # from those of Anny to ours
    transforms = torch.eye(4).double().repeat(3, len(skinned.parents), 1, 1)
    transforms[..., :3, :3] = axes.T @ rotations @ axes
    phenotypes = {name: torch.tensor([value] * 3).double() for name, value in VALUES.items()}
    theirs = anny(pose_parameters=transforms, phenotype_kwargs=phenotypes)["vertices"][:, rig_vertices(rig)].double()
    turn, shift = rigid_alignment(theirs, ours, torch.ones(ours.shape[:2]).double())  # the place of a hand is our own
    assert (theirs @ turn.mT + shift[:, None] - ours).norm(dim=-1).max() < 1e-5


def rig_vertices(model: AnnyModel) -> torch.Tensor:
    """Which vertices of Anny's mesh the rig has."""
    return torch.from_numpy(model._body)


def test_the_shape_is_told_in_phenotypes(body: SkinnedBody) -> None:
    values = body.shape_values(shape_of(VALUES))
    np.testing.assert_allclose(values, [VALUES[name] for name in PHENOTYPES])
    assert body.shape_names == PHENOTYPES


def test_poses_that_motions_have_are_within_a_few_standard_deviations(body: SkinnedBody) -> None:
    from scipy.spatial.transform import Rotation

    from external.anny.clips import sample_motion
    from external.anny.rig import AnnyModel

    model = AnnyModel()
    mean = model.rest_bodies([dict.fromkeys(PHENOTYPES, 0.5)])[0]
    rotations = joint_rotations(model.rig, mean, sample_motion(np.random.default_rng(5), "reach", 6))
    space = body.poses
    relative = space.mean.numpy().swapaxes(-1, -2) @ rotations[:, space.moving.numpy()]
    vectors = Rotation.from_matrix(relative.reshape(-1, 3, 3)).as_rotvec().reshape(6, -1)
    poses = np.linalg.solve(space.directions.flatten(0, 1).numpy(), vectors.T).T
    assert np.sqrt((poses**2).mean()) < 2
    again = body.joint_rotations(torch.tensor(poses))
    moved = rotations.copy()
    moved[:, 0] = np.eye(3)
    np.testing.assert_allclose(again.numpy(), moved, atol=1e-9)


def test_what_is_no_body_and_no_hand_is_refused() -> None:
    with pytest.raises(InputError, match="has human bodies and human hands, the network has learned fish"):
        BODY.load(WantedBody("fish", None, Similarity(), None))


def test_without_anny_the_line_names_what_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "anny", None)
    with pytest.raises(InputError, match=r"needs the package anny .*; pip install 'anny>=0\.6\.2,<0\.7'"):
        BODY.load(WantedBody("human bodies", None, Similarity(), None))


@pytest.fixture(scope="module")
def seen(body: SkinnedBody, tmp_path_factory: pytest.TempPathFactory) -> tuple[DepthSequence, np.ndarray]:
    """Depth images of a body that moves, and its true vertices (F, V, 3)."""
    shape = shape_of(VALUES)
    model = AnnyModel()
    motion = {"yaw": np.zeros(4), "arm_side.L": np.linspace(0.4, 1.0, 4), "hip_abduct.R": np.linspace(0.1, 0.3, 4)}
    rotations = torch.from_numpy(joint_rotations(model.rig, model.rest_bodies([VALUES])[0], motion))
    vertices = skinned_vertices(body, body.rest_of(shape), rotations).numpy()
    camera, pose = PinholeCamera(320, 288, 252.0, 252.0, 160.0, 144.0), front_camera_to_world(body.similarity)
    faces = body.faces.numpy()
    depths = [render_depth(frame, faces, camera, pose) for frame in vertices]
    folder = tmp_path_factory.mktemp("seen")
    save_depth_sequence(folder, depths, camera, pose, timing=10.0, file_format="npz")
    return load_depth_sequence(folder), vertices


@pytest.mark.slow
def test_a_generated_body_is_found_again_from_its_depth(seen: tuple[DepthSequence, np.ndarray], tmp_path: Path) -> None:
    sequence, true = seen
    folder = model_path("anny-compact")
    loaded = LoadedModel(folder, load_model(folder, torch.device("cpu")))
    run = run_fit(FitRequest(METHOD, SkinnedConfig(steps=12), sequence, tmp_path / "run", loaded))
    found = np.stack([mesh.vertices for mesh in run.meshes])
    assert 1000 * np.linalg.norm(found - true, axis=-1).mean() < 12
    assert (run.verdict, run.frames[0].confidence, run.frames[0].lost) == ("good", None, None)
    with np.load(run.folder / "skinned.npz") as stored:
        parts = {name: stored[name] for name in stored.files}
    assert parts["joint_rotations"].shape == (4, 104, 3) and parts["rotations"].shape == (4, 3, 3)
    np.testing.assert_allclose(parts["parameters"], [VALUES[name] for name in PHENOTYPES], atol=0.2)
    surface = canonical_surface(run)
    assert surface is not None and len(surface.vertices) == true.shape[1]
