"""Files of SMPL and MANO as skinned bodies that are fitted."""

from pathlib import Path

import numpy as np
import pytest
import torch

from engine.core.errors import InputError
from engine.geometry.similarity import Similarity
from engine.methods.skinned.body import skinned_vertices
from engine.methods.skinned.material import canonical_vertices
from engine.methods.skinned.posable import SkinnedPosable
from engine.methods.skinned.pose_space import rotation_vectors
from engine.methods.skinned.provider import WantedBody, load_body
from external.smpl.body import posed
from external.smpl.hands import load_hand
from external.smpl.model_file import BodyModel, load_body_model
from tests.support.smpl_files import body_arrays, hand_arrays, write_body_pickle, write_hand_pickle

SIMILARITY = Similarity(0.4, (0.0, 0.125, 0.0))


def body_of(file: Path | None) -> WantedBody:
    return WantedBody("human bodies", None, SIMILARITY, file)


def hand_of(file: Path | None) -> WantedBody:
    return WantedBody("human hands", "right", SIMILARITY, file)


@pytest.fixture(scope="module")
def smpl(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_body_pickle(tmp_path_factory.mktemp("smpl") / "SMPL_NEUTRAL.pkl", body_arrays())


@pytest.fixture(scope="module")
def mano(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hand_pickle(tmp_path_factory.mktemp("mano") / "MANO_RIGHT.pkl", hand_arrays())


def file_model(name: str, path: Path) -> BodyModel:
    return load_body_model(path) if name == "smpl" else load_hand(path, "right")[0]


@pytest.mark.parametrize("name", ["smpl", "mano"])
def test_vertices_are_those_of_the_formula_of_smpl(name: str, smpl: Path, mano: Path) -> None:
    path = smpl if name == "smpl" else mano
    body, model = load_body(name, body_of(path) if name == "smpl" else hand_of(path)), file_model(name, path)
    generator = torch.Generator().manual_seed(0)
    betas = torch.randn(body.shapes, generator=generator).double()
    poses = torch.randn(3, body.poses.directions.shape[-1], generator=generator).double()
    rotations = body.joint_rotations(poses)
    rest = body.rest_of(betas)
    found = skinned_vertices(body, rest, rotations).numpy()
    vertices, joints = posed(model, betas.numpy(), rotation_vectors(rotations.numpy()).reshape(3, -1))
    np.testing.assert_allclose(found, vertices - joints[:, :1], atol=1e-9)


@pytest.mark.parametrize("name", ["smpl", "mano"])
def test_shapes_and_poses_move_the_surface_as_finite_differences_say(name: str, smpl: Path, mano: Path) -> None:
    body = load_body(name, body_of(smpl) if name == "smpl" else hand_of(mano))
    posable, shape = SkinnedPosable(body, 0, 60), 0.3 * torch.ones(body.shapes).double()
    moves = posable.canonical_moves(shape)
    for number in (0, body.shapes - 1):
        step = torch.zeros_like(shape)
        step[number] = 1e-6
        slope = (posable.canonical(shape + step).points - posable.canonical(shape - step).points) / 2e-6
        torch.testing.assert_close(moves[..., number], slope, rtol=0, atol=1e-6)


def test_a_hand_is_turned_to_the_axes_of_hands(mano: Path) -> None:
    body = load_body("mano", hand_of(mano))
    vertices = canonical_vertices(body, torch.zeros(body.shapes)).numpy()
    centre = -SIMILARITY.scale * np.array(SIMILARITY.centre)
    far = vertices[np.abs(vertices - centre).max(1).argmax()] - centre
    assert far[1] > 3 * np.abs(far[[0, 2]]).max()  # fingers point up
    assert torch.linalg.det(body.canonical[0]).item() == pytest.approx(1)


def test_a_folder_gives_its_neutral_body(smpl: Path) -> None:
    body = load_body("smpl", body_of(smpl.parent))
    assert (body.name, body.shapes, len(body.parents)) == ("SMPL body", 10, 24)


def test_what_is_missing_or_of_something_else_is_said(smpl: Path, mano: Path) -> None:
    with pytest.raises(InputError, match=r"needs its model file.*state the field body_file.*smpl\.is\.tue\.mpg\.de"):
        load_body("smpl", body_of(None))
    with pytest.raises(InputError, match=r"needs its model file.*mano\.is\.tue\.mpg\.de"):
        load_body("mano", hand_of(None))
    with pytest.raises(InputError, match="is of human hands, the network has learned human bodies"):
        load_body("mano", body_of(mano))
    with pytest.raises(InputError, match="not a body model; for hands, state the field body mano"):
        load_body("smpl", body_of(mano))
    with pytest.raises(InputError, match="no such model file"):
        load_body("smpl", body_of(smpl / "elsewhere"))
    with pytest.raises(InputError, match="is not installed; use one of anny"):
        load_body("nobody", body_of(None))
