"""Bodies do not depend on how the axes of a file's joints lie, and point where its joints do."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from external.anny.generate import body_character
from external.anny.identities import sample_identity
from external.anny.rig import AnnyModel, RestBody, bone_transforms, skin
from external.bvh.check import deviations, direction_errors
from external.bvh.contact import swing_arms_away
from external.bvh.motion import body_motion
from external.bvh.parse import read_bvh
from external.bvh.retarget import bone_rotations, world_rotations
from external.bvh.rotations import fitted, shortest_turns, twist_angles
from tests.support.bvh_files import Frames, Tree, exercise, motion_builder, with_other_axes, write

_FRAMES = 8


@pytest.fixture(scope="module")
def model() -> AnnyModel:
    return AnnyModel()


@pytest.fixture(scope="module")
def body(model: AnnyModel) -> RestBody:
    return sample_identity(model, np.random.default_rng(1))[1]


def vertices(model: AnnyModel, body: RestBody, path: Path) -> NDArray[np.float32]:
    """(F, V, 3) in metres."""
    poses = bone_transforms(model.rig, body, bone_rotations(model.rig, body, body_motion(read_bvh(path))))
    return skin(model.rig, body, poses)


@pytest.mark.parametrize("fingers", [False, True], ids=["ends of hands", "fingers"])
def test_twenty_choices_of_axes_give_the_same_body(
    fingers: bool, model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    tree = with_fingers(motion_builder()) if fingers else motion_builder()
    frames = exercise(_FRAMES, tree)
    plain = vertices(model, body, write(tmp_path / "plain.bvh", tree, frames))
    for seed in range(20):
        other = write(tmp_path / "other.bvh", *with_other_axes(tree, frames, np.random.default_rng(seed)))
        distances = np.linalg.norm(vertices(model, body, other) - plain, axis=-1)
        assert distances.max() < 0.001, f"axes {seed}: {1000 * distances.max():.1f} mm"


def with_fingers(tree: Tree) -> Tree:
    """With a thumb to the front and three fingers, in a T-pose with palms down."""
    name, offset, children = tree
    if not name.endswith("Hand"):
        return (name, offset, [with_fingers(c) if isinstance(c[0], str) else c for c in children])
    side = np.sign(children[0][0])
    places = {"Thumb1": (3, -1, 3), "Index1": (9, 0, 2.5), "Middle1": (9.5, 0, 0.5), "Pinky1": (8, 0, -3)}
    return (name, offset, [(name + f, (side * x, y, z), [(side * 3, 0, 0)]) for f, (x, y, z) in places.items()])


def test_axes_change_neither_which_frames_are_mended_nor_by_how_much(
    model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    tree, frames = motion_builder(), exercise(_FRAMES, motion_builder())
    for frame in frames[:4]:  # arms that hang close to the thighs, and pass through them here
        for side, sign in (("Left", 1.0), ("Right", -1.0)):
            frame |= {f"{side}Arm": {"Z": -sign * 92.0}, f"{side}ForeArm": {}, f"{side}Shoulder": {}}
    test = body_character(model.rig, body).contact_test(body)
    found = []
    for case in (tree, frames), with_other_axes(tree, frames, np.random.default_rng(0)):
        world = world_rotations(model.rig, body, body_motion(read_bvh(write(tmp_path / "a.bvh", *case))))
        found.append(swing_arms_away(model.rig, body, world, test, seconds=1.0))
    assert 0 < found[0].swings.any(axis=1).sum() < _FRAMES
    np.testing.assert_allclose(found[0].swings, found[1].swings, atol=1e-6)
    np.testing.assert_array_equal(found[0].in_contact, found[1].in_contact)


def test_trunk_collar_bones_arms_hands_legs_and_feet_point_as_the_source(
    model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    frames = exercise(_FRAMES, motion_builder())
    tree, turned = with_other_axes(motion_builder(), frames, np.random.default_rng(3))
    motion = body_motion(read_bvh(write(tmp_path / "a.bvh", tree, turned)))
    poses = bone_transforms(model.rig, body, bone_rotations(model.rig, body, motion))
    errors = direction_errors(model.rig, poses, motion)
    parts = ("clavicle", "upperarm", "forearm", "hand", "thigh", "shin", "foot")
    assert set(errors) == {"trunk"} | {f"{part}.{side}" for part in parts for side in "LR"}
    for part, degrees in errors.items():
        assert degrees.max() < (1.0 if part == "trunk" else 0.01), part
    assert deviations(errors) == ""


def test_what_points_elsewhere_is_named_with_its_angle_and_frames() -> None:
    errors = {"hand.L": np.array([1.0, 6.0, 8.4]), "foot.R": np.array([4.9, 0.0, 0.0]), "trunk": np.array([9.0] * 3)}
    said = deviations(errors)
    assert "left hand by up to 8 degrees in 2 of 3 frames" in said and "trunk by up to 9 degrees in 3 of 3" in said
    assert "foot" not in said and deviations({"foot.R": errors["foot.R"]}) == ""


def test_rotations_that_say_nothing_of_twists_do_no_harm_where_limbs_are_bent(
    model: AnnyModel, body: RestBody, tmp_path: Path
) -> None:
    """As of cameras and inertial suits: thighs and upper arms are turned about themselves at random in each frame."""
    random = np.random.default_rng(8)
    names = {"UpLeg": ("Leg", [0.0, -1.0, 0.0]), "Arm": ("ForeArm", [1.0, 0.0, 0.0])}
    frames, noisy = exercise(_FRAMES, motion_builder(), 12.0), []
    for frame in frames:
        noisy.append(dict(frame))
        for side in ("Left", "Right"):
            for upper, (lower, axis) in names.items():
                twist = Rotation.from_rotvec(random.uniform(-1.5, 1.5) * np.array(axis))
                first, second = (
                    Rotation.from_euler("ZXY", [frame[side + part][a] for a in "ZXY"], degrees=True)
                    for part in (upper, lower)
                )
                for part, turn in ((upper, first * twist), (lower, twist.inv() * second)):
                    noisy[-1][side + part] = dict(zip("ZXY", turn.as_euler("ZXY", degrees=True), strict=True))
    plain = vertices(model, body, write(tmp_path / "a.bvh", motion_builder(), frames))
    other = vertices(model, body, write(tmp_path / "b.bvh", motion_builder(), noisy))
    assert np.linalg.norm(other - plain, axis=-1).max() < 0.012


def test_the_palm_turns_with_the_hand(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    """About the forearm, by as much as the source's joint does, half of it to either side as that is the mean."""
    frames: Frames = [{"LeftHand": {"X": angle}} for angle in (-40.0, 40.0)]
    motion = body_motion(read_bvh(write(tmp_path / "a.bvh", motion_builder(), frames)))
    rotations = bone_rotations(model.rig, body, motion)
    world = bone_transforms(model.rig, body, rotations)[:, model.rig.bone("wrist.L"), :3, :3]
    between = Rotation.from_matrix(world[1] @ world[0].T)
    assert between.magnitude() == pytest.approx(np.radians(80.0), abs=0.01)
    np.testing.assert_allclose(between.as_rotvec() / between.magnitude(), [1.0, 0.0, 0.0], atol=0.01)


def test_fingers_tell_how_the_palm_is_turned(model: AnnyModel, body: RestBody, tmp_path: Path) -> None:
    tree = with_fingers(motion_builder())
    for turn in (0.0, 70.0):  # in all frames alike, so that no mean would tell
        path = write(tmp_path / "a.bvh", tree, [{"LeftHand": {"X": turn}}])
        poses = bone_transforms(model.rig, body, bone_rotations(model.rig, body, body_motion(read_bvh(path))))[0]
        index, little = (poses[model.rig.bone(f"finger{number}-1.L"), :3, 3] for number in (2, 5))
        across = (index - little)[1:] / np.linalg.norm((index - little)[1:])
        theirs = np.array([-np.sin(np.radians(turn)), np.cos(np.radians(turn))])
        assert across @ theirs > np.cos(np.radians(8.0)), "the index finger is where the source's is"


# --- slow twins


def test_shortest_turns_are_those_of_scipy() -> None:
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2, 20, 3))
    for turn, first, second in zip(shortest_turns(a, b), a, b, strict=True):
        np.testing.assert_allclose(turn, Rotation.align_vectors([second], [first])[0].as_matrix(), atol=1e-9)
    half = shortest_turns(a, -a)
    np.testing.assert_allclose(np.einsum("fij,fj->fi", half, a), -a, atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(half), 1.0)


def test_the_fitted_constant_is_the_best_of_all_rotations() -> None:
    random = np.random.default_rng(1)
    rotations, wanted = (Rotation.random(12, rng=random).as_matrix() for _ in range(2))
    weights = random.uniform(0.1, 1.0, 12)

    def agreement(result: NDArray[np.float64]) -> float:
        return float(sum(w * np.trace(r.T @ n) for w, r, n in zip(weights, result, wanted, strict=True)))

    best = agreement(fitted(rotations, [(weights, wanted)]))
    tried = Rotation.random(3000, rng=random).as_matrix()
    assert best >= max(agreement(rotations @ constant) for constant in tried) - 1e-9
    known = Rotation.random(rng=random).as_matrix()
    np.testing.assert_allclose(fitted(rotations, [(weights[:5], rotations[-5:] @ known)]), rotations @ known, atol=1e-9)


def test_twists_are_found_about_any_axis() -> None:
    axis = np.array([1.0, 2.0, -0.5]) / np.linalg.norm([1.0, 2.0, -0.5])
    angles = np.radians([-170.0, -20.0, 0.0, 35.0, 120.0])
    start = Rotation.random(5, rng=np.random.default_rng(2))
    turned = start * Rotation.from_rotvec(angles[:, None] * axis)
    np.testing.assert_allclose(twist_angles(start.as_matrix(), turned.as_matrix(), axis), angles, atol=1e-9)
