"""Hands from Anny: closed meshes, joints that do what their names say, clips without contact, both sides."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from engine.core.errors import Cancelled, InputError
from engine.dataset.registered import load_registered_dataset
from external.anny.character import Character, random_numbers
from external.anny.hands.generate import SIMILARITY, generate_hands, hand_character
from external.anny.hands.joints import FINGERS, JOINTS, limited
from external.anny.hands.motions import FAMILIES, TEST_FAMILIES, TRAINING_FAMILIES, curl, fold_thumb, sample_motion
from external.anny.identities import HAND_LENGTHS, hand_length_m, sample_identity
from external.anny.rig import AnnyModel, RestBody
from npm_studio.cli.main import main
from tests.support.progress import Impatient

ACROSS, UP, FRONT = 0, 1, 2  # of a right hand: to the thumb, along the fingers, out of the palm
AVERAGE = AnnyModel("R").rest_bodies([{"height": 0.5, "age": 0.7}])[0]


@pytest.fixture(scope="module")
def models() -> dict[str, AnnyModel]:
    return {"R": AnnyModel("R"), "L": AnnyModel("L")}


@pytest.fixture(scope="module")
def character(models: dict[str, AnnyModel]) -> Character:
    return hand_character(models["R"].rig)


@pytest.fixture(scope="module")
def hands(models: dict[str, AnnyModel]) -> list[RestBody]:
    return [sample_identity(models["R"], random_numbers(3, index), HAND_LENGTHS)[1] for index in range(6)]


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("hands") / "both"
    generate_hands(out, identities=4, sequences=2, frames=5, seed=11, side="both", workers=1)
    return out


def vertices_m(character: Character, hand: RestBody, **angles: float) -> np.ndarray:
    """Vertices (V, 3) in metres of a hand that is flat but for ``angles``."""
    pose = {name: np.zeros(1) for name in JOINTS} | {name: np.array([angle]) for name, angle in angles.items()}
    return SIMILARITY.to_world(character.vertices(hand, character.poses(hand, pose))[0])


def tip(character: Character, finger: str) -> int:
    """The vertex at the tip of a finger: of those that its last bone moves, the farthest along that bone."""
    number = ("thumb", *FINGERS).index(finger) + 1
    bone = next(i for i, name in enumerate(character.rig.bone_names) if name.startswith(f"finger{number}-3"))
    own = np.flatnonzero(character.rig.weights.argmax(axis=1) == bone)
    hand = AVERAGE.vertices[own]
    return int(own[(hand @ AVERAGE.bone_rotations[bone][:, 1]).argmax()])


def test_the_cut_at_the_wrist_is_closed(character: Character, hands: list[RestBody]) -> None:
    for hand in hands:
        mesh = trimesh.Trimesh(character.canonical(hand), character.rig.faces, process=False)
        assert mesh.is_watertight and mesh.is_winding_consistent and mesh.volume > 0
        assert mesh.euler_number == 2 and len(mesh.split()) == 1


def test_no_parts_touch_in_the_canonical_pose(character: Character, hands: list[RestBody]) -> None:
    bones = np.array(character.rig.bone_names)[character.rig.weights.argmax(axis=1)]
    outer = [np.flatnonzero([name.startswith((f"finger{n}-2", f"finger{n}-3")) for name in bones]) for n in range(1, 6)]
    for hand in hands:
        canonical = character.canonical(hand) / SIMILARITY.scale
        for a in range(5):
            for b in range(a):
                assert cKDTree(canonical[outer[a]]).query(canonical[outer[b]])[0].min() > 0.003
        assert np.abs(character.canonical(hand)).max() < 0.49


def test_a_left_hand_is_the_mirror_image_of_a_right_one(models: dict[str, AnnyModel]) -> None:
    phenotype = {"gender": 0.2, "age": 0.5, "muscle": 0.6, "weight": 0.7, "height": 0.4, "proportions": 0.3}
    motion = sample_motion(np.random.default_rng(1), "free", 3)
    frames = []
    for model in models.values():
        character, hand = hand_character(model.rig), model.rest_bodies([phenotype])[0]
        frames.append(character.vertices(hand, character.poses(hand, motion)))
    np.testing.assert_allclose(frames[0] * [-1, 1, 1], frames[1], atol=1e-5)


def test_the_thumb_of_a_right_hand_points_to_positive_x_and_the_palm_forward(
    character: Character, hands: list[RestBody]
) -> None:
    flat = vertices_m(character, hands[0])
    assert flat[tip(character, "thumb"), ACROSS] > 0.05
    assert flat[tip(character, "little"), ACROSS] < -0.02
    assert flat[tip(character, "middle"), UP] > 0.12
    bent = vertices_m(character, hands[0], middle_base=1.2)
    assert bent[tip(character, "middle"), FRONT] > flat[tip(character, "middle"), FRONT] + 0.05


def test_the_joints_move_the_hand_the_way_their_names_say(character: Character, hands: list[RestBody]) -> None:
    hand = hands[0]
    flat = vertices_m(character, hand)
    for finger, outward in (("index", 1), ("middle", 1), ("ring", -1), ("little", -1)):
        end = tip(character, finger)
        for joint, travel in (("base", 0.05), ("middle", 0.015), ("tip", 0.004)):
            assert vertices_m(character, hand, **{f"{finger}_{joint}": 0.9})[end, FRONT] > flat[end, FRONT] + travel
        spread = vertices_m(character, hand, **{f"{finger}_spread": 0.15})[end] - flat[end]
        assert outward * spread[ACROSS] > 0.008 and abs(spread[FRONT]) < 0.005
    thumb = tip(character, "thumb")
    assert vertices_m(character, hand, thumb_across=0.8)[thumb, FRONT] > flat[thumb, FRONT] + 0.02
    assert vertices_m(character, hand, thumb_across=0.8)[thumb, ACROSS] < flat[thumb, ACROSS] - 0.01
    assert vertices_m(character, hand, thumb_out=0.3)[thumb, UP] < flat[thumb, UP] - 0.01
    assert (
        vertices_m(character, hand, wrist_flex=0.4)[tip(character, "middle"), FRONT]
        > flat[tip(character, "middle"), FRONT]
    )
    assert vertices_m(character, hand, wrist_side=0.2)[tip(character, "middle"), ACROSS] > 0.02
    closed = vertices_m(
        character, hand, **{k: float(v) for k, v in (curl(FINGERS, 1.0) | fold_thumb(np.ones(()))).items()}
    )
    assert closed[:, UP].max() < 0.7 * flat[:, UP].max()


def test_a_pinch_brings_two_tips_together(character: Character, hands: list[RestBody]) -> None:
    motion = FAMILIES["pinch"](np.array([0.0, 0.5]), lambda low, high: low)  # the index finger
    frames = SIMILARITY.to_world(character.vertices(hands[0], character.poses(hands[0], motion)))
    gap = np.linalg.norm(frames[:, tip(character, "thumb")] - frames[:, tip(character, "index")], axis=1)
    assert gap[1] < 0.03 < 0.05 < gap[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_motions_respect_the_joint_limits_and_are_smooth(family: str) -> None:
    for seed in range(6):
        motion = sample_motion(np.random.default_rng(seed), family, 200)
        assert set(motion) == set(JOINTS)
        for name, angle in motion.items():
            joint = JOINTS[name]
            assert angle.shape == (200,) and np.isfinite(angle).all()
            assert angle.min() >= joint.low - 1e-9 and angle.max() <= joint.high + 1e-9, name
            assert np.abs(np.diff(angle)).max() < 0.35, name  # two periods in 200 frames at most


def test_default_datasets_leave_out_the_families_for_testing(dataset: Path) -> None:
    assert set(TEST_FAMILIES) == {"point", "pinch"}
    assert not set(TEST_FAMILIES) & set(TRAINING_FAMILIES) and set(FAMILIES) == set(TEST_FAMILIES) | set(
        TRAINING_FAMILIES
    )
    loaded = load_registered_dataset(dataset)
    names = {name.split("_", 1)[1] for i in range(len(loaded.identities)) for name in loaded.sequences_of(i)}
    assert names <= set(TRAINING_FAMILIES)


def test_limits_cut_what_is_too_far_and_bent_fingers_do_not_spread() -> None:
    wild = limited(
        {"index_middle": np.array([-1.0, 9.0]), "index_base": np.array([0.0, 9.0]), "index_spread": np.ones(2)}
    )
    np.testing.assert_allclose(wild["index_middle"], [JOINTS["index_middle"].low, JOINTS["index_middle"].high])
    assert wild["index_spread"][0] == JOINTS["index_spread"].high and wild["index_spread"][1] < 0.03
    with pytest.raises(AssertionError, match="unknown joints"):
        limited({"tail": np.zeros(3)})


def test_identities_span_small_and_large_hands(models: dict[str, AnnyModel]) -> None:
    lengths = [
        hand_length_m(sample_identity(models["L"], np.random.default_rng(seed), HAND_LENGTHS)[1]) for seed in range(40)
    ]
    assert min(lengths) < 0.15 and 0.2 < max(lengths) < 0.225


def test_fingers_that_pass_through_the_palm_or_each_other_are_found(
    character: Character, hands: list[RestBody]
) -> None:
    crushed = {f"{finger}_{joint}": np.array([1.5]) for finger in FINGERS for joint in ("base", "middle", "tip")}
    crossed = dict.fromkeys(("ring_base", "little_base"), 0.5) | dict.fromkeys(("ring_middle", "little_middle"), 0.8)
    crossed |= {"ring_spread": 0.25, "little_spread": -0.15}
    for hand in hands[:3]:
        contact = character.contact_test(hand)
        assert contact.finds_contact(character.poses(hand, crushed))
        for motion in (curl(FINGERS, np.array([0.5])), character.canonical_motion()):
            assert not contact.finds_contact(character.poses(hand, motion))
    large = max(hands, key=hand_length_m)
    poses = character.poses(large, {name: np.array([angle]) for name, angle in crossed.items()})
    assert character.contact_test(large).finds_contact(poses)


def test_a_dataset_of_both_sides_opens_as_one_class_with_faces_of_each_side(dataset: Path) -> None:
    loaded = load_registered_dataset(dataset)
    assert loaded.identities == ("hand_R_000", "hand_L_001", "hand_R_002", "hand_L_003")
    assert loaded.category == "human hands" and loaded.licence == "CC0-1.0" and loaded.similarity == SIMILARITY
    assert len(loaded.labels) == 4 * 2 * 5
    for identity, name in enumerate(loaded.identities):
        canonical, faces = loaded.canonical(identity), loaded.faces(identity)
        mesh = trimesh.Trimesh(canonical, faces, process=False)
        assert mesh.is_watertight and mesh.volume > 0  # outward on either side
        assert (canonical[np.abs(canonical[:, 0]).argmax(), 0] > 0) == ("_R_" in name)  # the thumb
        assert (dataset / name / "faces.npy").is_file() == ("_L_" in name)
        for sequence in loaded.sequences_of(identity):
            frames = loaded.sequence(identity, sequence)
            assert frames.shape == (5, 1609, 3) and frames.dtype == np.float16 and np.abs(frames).max() < 0.5


def test_the_same_seed_gives_the_same_bytes_however_many_processes_work(dataset: Path, tmp_path: Path) -> None:
    def digest(folder: Path) -> dict[str, str]:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    generate_hands(tmp_path / "again", identities=4, sequences=2, frames=5, seed=11, side="both", workers=2)
    assert digest(tmp_path / "again") == digest(dataset)


def test_bad_requests_are_refused_and_a_cancelled_one_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the number of frames 0"):
        generate_hands(tmp_path / "x", 1, 1, 0, 0)
    with pytest.raises(InputError, match=r"clap.*fist"):
        generate_hands(tmp_path / "x", 1, 1, 1, 0, families=("clap",))
    with pytest.raises(Cancelled):
        generate_hands(tmp_path / "x", 1, 1, 2, 0, progress=Impatient(), workers=1)
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_left_hands_with_faces_at_the_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--identities", "1", "--sequences", "1", "--frames", "2", "--side", "left", "--json"]
    assert main(["dataset", "hands", str(tmp_path / "d"), *arguments]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["frames"] == 2
    loaded = load_registered_dataset(tmp_path / "d")
    assert loaded.identities == ("hand_L_000",)
    assert trimesh.Trimesh(loaded.canonical(0), loaded.faces(0), process=False).volume > 0
