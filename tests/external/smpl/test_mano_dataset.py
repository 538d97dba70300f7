from pathlib import Path

import numpy as np
import pytest
import trimesh

from engine.core.errors import InputError
from engine.dataset.registered import load_registered_dataset
from external.smpl.body import shaped
from external.smpl.hands import load_hand, random_hands, recorded_hands
from npm_studio.cli.main import main
from tests.support.present import present
from tests.support.progress import Listener
from tests.support.smpl_files import (
    Arrays,
    hand_arrays,
    readable_skinning,
    write_body_pickle,
    write_hand_pickle,
    write_npz,
)


@pytest.fixture(scope="module")
def arrays() -> Arrays:
    return hand_arrays()


@pytest.fixture(scope="module")
def models(arrays: Arrays, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both hands; the left is the right mirrored."""
    folder = tmp_path_factory.mktemp("mano")
    write_hand_pickle(folder / "MANO_RIGHT.pkl", arrays)
    mirror = np.array([-1.0, 1.0, 1.0])
    left = Arrays(**{**vars(arrays), "v_template": arrays.v_template * mirror, "f": arrays.f[:, ::-1]})
    write_hand_pickle(folder / "MANO_LEFT.pkl", left)
    return folder


def test_the_wrist_is_closed_without_new_vertices_and_outward(arrays: Arrays, models: Path) -> None:
    assert not trimesh.Trimesh(arrays.v_template, arrays.f, process=False).is_watertight
    for side in ("right", "left"):
        hand, found = load_hand(models, side)
        mesh = trimesh.Trimesh(hand.template, hand.faces, process=False)
        assert found == side
        assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
        np.testing.assert_array_equal(hand.faces[: len(arrays.f)], arrays.f if side == "right" else arrays.f[:, ::-1])
        rim = len(hand.faces) - len(arrays.f) + 2
        # the cap lies within the plane of the rim as far as the rim does
        caps = hand.faces[len(arrays.f) :]
        assert len(np.unique(caps)) == rim
        assert np.ptp(np.abs(hand.template[np.unique(caps), 0])) < 0.03


def test_a_rim_that_meets_itself_is_refused_with_the_file(arrays: Arrays, tmp_path: Path) -> None:
    pinched = np.flatnonzero((arrays.f == arrays.f[0, 0]).any(axis=1))[[0, 2]]  # of the faces around one vertex
    path = write_hand_pickle(tmp_path / "MANO_RIGHT.pkl", arrays, f=np.delete(arrays.f, pinched, axis=0))
    with pytest.raises(InputError, match=r"MANO_RIGHT\.pkl: has a hole whose rim meets itself"):
        load_hand(path, None)


def test_random_hands_become_a_watertight_registered_dataset(models: Path, tmp_path: Path) -> None:
    out = tmp_path / "hands"
    words = ["dataset", "mano", str(out), "--model", str(models), "--identities", "2", "--sequences", "2"]
    assert main([*words, "--frames", "3", "--side", "left"]) == 0
    dataset = load_registered_dataset(out)
    assert dataset.identities == ("left_0000", "left_0001") and dataset.category == "left hands"
    for identity in range(2):
        assert trimesh.Trimesh(dataset.canonical(identity), dataset.faces(identity), process=False).is_watertight
    extent = max(np.ptp(dataset.canonical(i), axis=0).max() for i in range(2))
    assert 0.3 < extent <= 1.0  # fills the canonical cube


def test_random_motions_pass_through_recorded_poses_of_the_file(models: Path) -> None:
    hand, _ = load_hand(models / "MANO_RIGHT.pkl", None)
    assert hand.hands_coefficients is not None
    raw = random_hands(load_hand(models / "MANO_RIGHT.pkl", None), 1, 1, 5, seed=3)  # as many frames as keyframes
    fingers = raw.bodies["right_0000"].clips["motion_000"][:, 3:]
    recorded = present(hand.hands_mean) + hand.hands_coefficients @ present(hand.hands_components)
    distance = np.abs(fingers[:, None] - recorded).max(axis=2).min(axis=1)
    assert distance.max() < 1e-12


def test_recorded_hand_motions_are_skinned_as_they_are(arrays: Arrays, models: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    poses, betas = random.normal(0, 0.3, (4, 48)), random.normal(size=10)
    write_npz(tmp_path / "m" / "anna" / "grasp.npz", {"poses": poses, "betas": betas})
    write_npz(tmp_path / "m" / "anna" / "point.npz", {"poses": poses[:, 3:], "betas": betas})
    raw = recorded_hands(load_hand(models, "right"), tmp_path / "m", 10)
    assert raw.identities == ["anna"] and raw.sequences("anna") == ["grasp", "point"]
    np.testing.assert_allclose(
        raw.frames("anna", "grasp")[2], readable_skinning(arrays, betas, poses[2])[0], atol=1e-12
    )
    without_turn = np.concatenate([np.zeros(3), poses[2, 3:]])
    np.testing.assert_allclose(
        raw.frames("anna", "point")[2], readable_skinning(arrays, betas, without_turn)[0], atol=1e-12
    )
    write_npz(tmp_path / "b" / "ben" / "walk.npz", {"poses": np.zeros((3, 72))})
    with pytest.raises(InputError, match="72 numbers"):
        recorded_hands(load_hand(models, "right"), tmp_path / "b", 3)


def test_the_side_is_told_by_the_file(models: Path, tmp_path: Path) -> None:
    assert load_hand(models / "MANO_LEFT.pkl", None)[1] == "left"
    assert load_hand(models, None)[1] == "right"
    with pytest.raises(InputError, match="right hand"):
        load_hand(models / "MANO_LEFT.pkl", "right")
    body = write_body_pickle(tmp_path / "body.pkl", hand_arrays(1))
    with pytest.raises(InputError, match="is not a hand model"):
        load_hand(body, None)


# The published file of the left hand.


def mirrored(arrays: Arrays, shapes_too: bool) -> Arrays:
    mirror = np.array([-1.0, 1.0, 1.0])
    shapes = arrays.shapedirs * mirror[:, None] if shapes_too else arrays.shapedirs
    return Arrays(
        **{**vars(arrays), "v_template": arrays.v_template * mirror, "f": arrays.f[:, ::-1], "shapedirs": shapes}
    )


@pytest.mark.parametrize("shapes_too", [False, True], ids=["as published", "corrected"])
def test_one_shape_makes_a_left_hand_that_mirrors_the_right(
    arrays: Arrays, tmp_path: Path, shapes_too: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The published file has the shape directions of the right hand, not mirrored (vchoutas/smplx, issue 48)."""
    write_hand_pickle(tmp_path / "MANO_RIGHT.pkl", arrays)
    write_hand_pickle(tmp_path / "MANO_LEFT.pkl", mirrored(arrays, shapes_too))
    listener = Listener()
    betas = np.linspace(-2, 2, 10)
    for path in (tmp_path, tmp_path / "MANO_LEFT.pkl"):
        left, right = load_hand(path, "left", listener)[0], load_hand(tmp_path, "right", listener)[0]
        np.testing.assert_allclose(shaped(left, betas), shaped(right, betas) * [-1, 1, 1], atol=1e-12)
    assert len(listener.messages) == (0 if shapes_too else 2)
    assert all("MANO_LEFT.pkl: as published" in text and "is corrected" in text for text in listener.messages)
    words = ["dataset", "mano", str(tmp_path / "out"), "--model", str(tmp_path), "--side", "left"]
    assert main([*words, "--identities", "1", "--sequences", "1", "--frames", "2"]) == 0
    printed = capsys.readouterr()
    assert ("is corrected" in printed.out + printed.err) == (not shapes_too)


def test_the_right_hand_may_lie_in_a_folder_of_its_own(arrays: Arrays, tmp_path: Path) -> None:
    write_hand_pickle(tmp_path / "right" / "model.pkl", arrays)
    write_hand_pickle(tmp_path / "left" / "model.pkl", mirrored(arrays, False))
    left, _ = load_hand(tmp_path, "left")
    np.testing.assert_allclose(left.shape_directions[:, 0], -arrays.shapedirs[:, 0])


def test_a_left_hand_without_the_right_is_taken_as_it_is_and_said(arrays: Arrays, tmp_path: Path) -> None:
    write_hand_pickle(tmp_path / "MANO_LEFT.pkl", mirrored(arrays, False))
    listener = Listener()
    left, _ = load_hand(tmp_path, None, listener)
    np.testing.assert_allclose(left.shape_directions, arrays.shapedirs)
    assert "cannot be told without the right hand; put MANO_RIGHT.pkl beside it" in listener.messages[0]


# What a pose of zeros is.


def test_poses_may_be_angles_from_the_mean_hand(arrays: Arrays, models: Path, tmp_path: Path) -> None:
    poses = np.random.default_rng(0).normal(0, 0.01, (4, 48))
    write_npz(tmp_path / "m" / "anna" / "grasp.npz", {"poses": poses, "betas": np.zeros(10), "fps": np.array(30)})
    hand = load_hand(models, "right")
    mean = np.concatenate([np.zeros(3), present(hand[0].hands_mean)])
    for flat, expected in ((True, poses), (None, poses), (False, poses + mean)):
        listener = Listener()
        raw = recorded_hands(hand, tmp_path / "m", 10, flat_hand_mean=flat, progress=listener)
        np.testing.assert_allclose(
            raw.frames("anna", "grasp")[2], readable_skinning(arrays, np.zeros(10), expected[2])[0], atol=1e-12
        )
        assert any("nearer to zero than to the mean hand" in text for text in listener.messages) == (flat is None)
    assert raw.recipe["flat_hand_mean"] is False


def test_the_command_says_how_zero_was_taken_and_how_to_state_it(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hand, _ = load_hand(models, "right")
    poses = np.tile(np.concatenate([np.zeros(3), present(hand.hands_mean)]), (3, 1))
    for name, content in (("absolute", poses), ("relative", np.zeros((3, 48)))):
        write_npz(tmp_path / name / "anna" / "rest.npz", {"poses": content})
    said = {}
    for name, words in (("absolute", []), ("relative", ["--flat-hand-mean", "no"])):
        out = tmp_path / f"{name}.data"
        motions = ["--model", str(models), "--motions", str(tmp_path / name), "--frames", "2"]
        assert main(["dataset", "mano", str(out), *motions, *words]) == 0
        printed = capsys.readouterr()
        said[name] = printed.out + printed.err
    assert "angles from the flat hand; state --flat-hand-mean no where" in said["absolute"]
    assert "flat hand" not in said["relative"]
    one, other = (load_registered_dataset(tmp_path / f"{name}.data") for name in ("absolute", "relative"))
    np.testing.assert_array_equal(one.sequence(0, "rest"), other.sequence(0, "rest"))


def test_motions_that_are_none_of_hands_are_left_out_and_named(models: Path, tmp_path: Path) -> None:
    write_npz(tmp_path / "anna" / "grasp.npz", {"poses": np.zeros((3, 48))})
    write_npz(tmp_path / "anna" / "walk.npz", {"poses": np.zeros((3, 72))})
    write_npz(
        tmp_path / "ben" / "point.npz",
        {"global_orient": np.zeros((3, 3)), "hand_pose": np.ones((3, 15, 3)) / 10, "betas": np.ones(10)},
    )
    listener = Listener()
    raw = recorded_hands(load_hand(models, "right"), tmp_path, 3, progress=listener)
    assert {name: list(raw.sequences(name)) for name in raw.identities} == {"anna": ["grasp"], "ben": ["point"]}
    np.testing.assert_allclose(raw.bodies["ben"].clips["point"][:, 3:], 0.1)
    assert any("left out" in text and "walk" in text and "72 numbers" in text for text in listener.messages)
