"""Anny bodies as arrays: skinning, joints, motions, and the test for limbs that pass through the body."""

import numpy as np
import pytest
import trimesh
from scipy.spatial import cKDTree

from external.anny.character import Character
from external.anny.clips import canonical_motion, choose_family, sample_motion
from external.anny.generate import SIMILARITY, body_character
from external.anny.identities import sample_identity, stature_m
from external.anny.joints import JOINTS, LIMITS, joint_rotations, largest_arm_angle, limited, mirrored, turn
from external.anny.motions import FAMILIES, TEST_FAMILIES, TRAINING_FAMILIES
from external.anny.rig import AnnyModel, RestBody, bone_transforms, skin

TO_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])


@pytest.fixture(scope="module")
def model() -> AnnyModel:
    return AnnyModel()


@pytest.fixture(scope="module")
def bodies(model: AnnyModel) -> list[RestBody]:
    return [sample_identity(model, np.random.default_rng(seed))[1] for seed in range(8)]


@pytest.fixture(scope="module")
def character(model: AnnyModel, bodies: list[RestBody]) -> Character:
    return body_character(model.rig, bodies[0])


def posed(model: AnnyModel, body: RestBody, **angles: float) -> np.ndarray:
    """Vertices (V, 3) in metres of one pose; joint names are written with _L and _R."""
    motion = {
        (name[:-2] + "." + name[-1] if name.endswith(("_L", "_R")) else name): np.array([angle])
        for name, angle in ({"yaw": 0.0} | angles).items()
    }
    rotations = joint_rotations(model.rig, body, motion)
    return skin(model.rig, body, bone_transforms(model.rig, body, rotations))[0]


def part(model: AnnyModel, prefixes: tuple[str, ...], side: str = "") -> np.ndarray:
    """Which vertices (V,) follow mostly bones of these names."""
    names = np.array(model.rig.bone_names)[model.rig.weights.argmax(axis=1)]
    return np.array([name.startswith(prefixes) and name.endswith(side) for name in names])


def test_skinning_agrees_with_anny(model: AnnyModel) -> None:
    import torch
    from anny import Anny

    phenotype = {"gender": 0.9, "age": 0.4, "muscle": 0.3, "weight": 0.8, "height": 0.4, "proportions": 0.2}
    random = np.random.default_rng(0)
    bones = len(model.rig.bone_names)
    axes, angles = random.normal(size=(4 * bones, 3)), random.normal(0, 0.5, 4 * bones)
    rotations = np.stack([turn(a, t) for a, t in zip(axes, angles, strict=True)]).reshape(4, bones, 3, 3)
    body = model.rest_bodies([phenotype])[0]
    ours = skin(model.rig, body, bone_transforms(model.rig, body, rotations))

    deltas = np.tile(np.eye(4), (4, bones, 1, 1))
    deltas[..., :3, :3] = TO_Y_UP.T @ rotations @ TO_Y_UP
    oracle = Anny(skinning_method="lbs", pose_parameterization="local-ref")
    theirs = oracle(torch.tensor(deltas), {n: torch.tensor([v]) for n, v in phenotype.items()})["vertices"].numpy()
    distances = cKDTree(theirs[0] @ TO_Y_UP.T).query(ours[0])
    assert distances[0].max() < 1e-5
    for frame in range(4):
        np.testing.assert_allclose(ours[frame], (theirs[frame] @ TO_Y_UP.T)[distances[1]], atol=1e-5)


def test_the_canonical_mesh_is_watertight_and_outward(model: AnnyModel, bodies: list[RestBody]) -> None:
    rotations = joint_rotations(model.rig, bodies[0], canonical_motion())
    vertices = skin(model.rig, bodies[0], bone_transforms(model.rig, bodies[0], rotations))[0]
    mesh = trimesh.Trimesh(vertices, model.rig.faces, process=False)
    assert mesh.is_watertight and mesh.is_winding_consistent
    assert 0.02 < mesh.volume < 0.15  # cubic metres; positive means outward


def test_no_parts_touch_in_the_canonical_pose(model: AnnyModel, bodies: list[RestBody]) -> None:
    legs = [part(model, ("upperleg02", "lowerleg", "foot", "toe"), side) for side in "LR"]
    arms = [part(model, ("upperarm02", "lowerarm", "wrist", "metacarpal", "finger"), side) for side in "LR"]
    trunk = part(model, ("spine", "pelvis", "upperleg", "neck", "head"))
    for body in bodies:
        rotations = joint_rotations(model.rig, body, canonical_motion())
        vertices = skin(model.rig, body, bone_transforms(model.rig, body, rotations))[0]
        assert cKDTree(vertices[legs[0]]).query(vertices[legs[1]])[0].min() > 0.05
        for arm in arms:
            assert cKDTree(vertices[arm]).query(vertices[trunk])[0].min() > 0.004
        assert np.abs(SIMILARITY.to_canonical(vertices)).max() < 0.45


def test_identities_span_children_and_adults(model: AnnyModel) -> None:
    sampled = [sample_identity(model, np.random.default_rng([7, seed])) for seed in range(60)]
    children = [stature_m(body) for phenotype, body in sampled if phenotype["age"] < 0.55]
    adults = [stature_m(body) for phenotype, body in sampled if phenotype["age"] >= 0.55]
    assert 5 <= len(children) <= 22
    assert min(children) < 1.2 and max(adults) > 1.75 and max(adults) < 1.9 and min(adults) < 1.6
    for name in ("gender", "weight", "muscle"):
        values = [phenotype[name] for phenotype, _ in sampled]
        assert np.ptp(values) > 0.5


def test_the_joints_move_the_body_the_way_their_names_say(model: AnnyModel, bodies: list[RestBody]) -> None:
    body = bodies[1]
    hand, foot, head = part(model, ("finger",), "L"), part(model, ("toe",), "L"), part(model, ("head",))
    stand = posed(model, body)
    up, front, left = 1, 2, 0
    assert posed(model, body, arm_side_L=3.0)[hand].mean(0)[up] > stand[head].max(0)[up]
    assert posed(model, body, arm_front_L=3.0)[hand].mean(0)[up] > stand[head].max(0)[up]
    assert posed(model, body, arm_front_L=2.1, arm_side_L=2.1)[hand].mean(0)[up] > stand[head].max(0)[up]
    assert posed(model, body, arm_front_L=1.5, arm_side_L=0.0)[hand].mean(0)[front] > 0.35
    assert posed(model, body, arm_side_L=1.5)[hand].mean(0)[left] > 0.5
    assert posed(model, body, elbow_L=1.5)[hand].mean(0)[front] > stand[hand].mean(0)[front] + 0.1
    assert posed(model, body, hip_flex_L=1.5)[foot].mean(0)[front] > 0.5
    assert posed(model, body, knee_L=1.5)[foot].mean(0)[front] < -0.1
    assert posed(model, body, hip_abduct_L=0.7)[foot].mean(0)[left] > stand[foot].mean(0)[left] + 0.2
    assert posed(model, body, spine_bend=1.0)[head].mean(0)[front] > 0.3
    assert posed(model, body, spine_side=0.4)[head].mean(0)[left] > 0.1
    nose = stand[head].argmax(axis=0)[front]
    assert posed(model, body, neck_turn=0.8)[head][nose][left] > stand[head][nose][left] + 0.03
    assert posed(model, body, yaw=0.7)[head][nose][left] > stand[head][nose][left] + 0.03


def test_a_mirrored_pose_is_the_mirror_image(model: AnnyModel, bodies: list[RestBody]) -> None:
    motion = sample_motion(np.random.default_rng(3), "free", 1)
    frames = []
    for pose in (motion, mirrored(motion)):
        poses = bone_transforms(model.rig, bodies[0], joint_rotations(model.rig, bodies[0], pose))
        frames.append(skin(model.rig, bodies[0], poses)[0])
    distance = cKDTree(frames[0] * [-1, 1, 1]).query(frames[1])[0]
    assert distance.mean() < 0.002  # the mesh itself is symmetric to about a millimetre


@pytest.mark.parametrize("family", FAMILIES)
def test_motions_respect_the_joint_limits_and_are_smooth(family: str) -> None:
    for seed in range(6):
        motion = sample_motion(np.random.default_rng(seed), family, 200)
        assert set(motion) == set(JOINTS)
        for name, angle in motion.items():
            joint = LIMITS[name]
            assert angle.shape == (200,) and np.isfinite(angle).all()
            assert angle.min() >= joint.low - 1e-9 and angle.max() <= joint.high + 1e-9, name
            assert np.abs(np.diff(angle)).max() < 0.35, name  # two periods in 200 frames at most
        for side in "LR":
            front, aside = motion[f"arm_front.{side}"], motion[f"arm_side.{side}"]
            assert (np.hypot(front, aside) <= largest_arm_angle(front, aside) + 1e-6).all()


@pytest.mark.parametrize("family", FAMILIES)
def test_clips_have_no_heading(family: str) -> None:
    for seed in range(4):
        assert not sample_motion(np.random.default_rng(seed), family, 8)["yaw"].any()


def test_unseen_motions_of_known_seeds_stay_what_they_were() -> None:
    pose = sample_motion(np.random.default_rng(0), "throw", 12)
    names = ("hip_flex.L", "knee.L", "knee.R", "arm_front.R", "elbow.R", "spine_twist")
    expected = [0.196055091502, 0.358141861504, 0.217306522839, 0.272157337011, 0.827340327361, -0.211250491164]
    np.testing.assert_allclose([pose[name][5] for name in names], expected, atol=1e-9)


def test_a_deep_crouch_goes_far_down_without_limbs_in_each_other(
    model: AnnyModel, bodies: list[RestBody], character: Character
) -> None:
    deepest, free = [], []
    for seed, body in enumerate(bodies):
        motion = sample_motion(np.random.default_rng(seed), "deep_crouch", 4)
        deepest.append(max(motion["knee.L"].max(), motion["knee.R"].max()))
        poses = bone_transforms(model.rig, body, joint_rotations(model.rig, body, motion))
        free.append(not character.contact_test(body).finds_contact(poses))
    assert np.median(deepest) > 2.2 and max(np.array(deepest)[free]) > 2.2
    assert np.mean(free) > 0.3


def test_legs_go_beyond_their_usual_ranges_and_nothing_else_does() -> None:
    further = {name.split(".")[0] for name in JOINTS if LIMITS[name] != JOINTS[name]}
    assert further == {"hip_flex", "hip_abduct", "knee", "ankle"}
    for name, joint in JOINTS.items():
        assert LIMITS[name].low <= joint.low and LIMITS[name].high >= joint.high


def test_calf_and_thigh_may_press_but_not_knees_into_each_other(
    model: AnnyModel, bodies: list[RestBody], character: Character
) -> None:
    bent = dict.fromkeys(("knee.L", "knee.R"), np.array([2.4])) | dict.fromkeys(
        ("arm_side.L", "arm_side.R"), np.array([1.4])
    )
    for body in bodies[:3]:
        contact = character.contact_test(body)
        for abducted, expected in ((0.3, False), (-0.3, True)):
            motion = bent | dict.fromkeys(("hip_abduct.L", "hip_abduct.R"), np.array([abducted]))
            poses = bone_transforms(model.rig, body, joint_rotations(model.rig, body, motion))
            assert contact.finds_contact(poses) is expected


def test_limits_cut_what_is_too_far() -> None:
    wild = limited(
        {"knee.L": np.array([-1.0, 9.0]), "arm_front.R": np.array([-0.9, 3.0]), "arm_side.R": np.array([2.5, 0.0])}
    )
    np.testing.assert_allclose(wild["knee.L"], [LIMITS["knee.L"].low, LIMITS["knee.L"].high])
    lifted = np.hypot(wild["arm_front.R"], wild["arm_side.R"])
    assert lifted[0] < 2.2, "behind the back an arm does not go up"
    assert lifted[1] == 3.0, "in front of it it does"
    with pytest.raises(AssertionError, match="unknown joints"):
        limited({"tail": np.zeros(3)})


def test_training_motions_lift_the_arms_overhead_often() -> None:
    random = np.random.default_rng(0)
    lifted = []
    for _ in range(400):
        motion = sample_motion(random, choose_family(random, tuple(TRAINING_FAMILIES)), 12)
        lifted += [np.hypot(motion[f"arm_front.{side}"], motion[f"arm_side.{side}"]) for side in "LR"]
    assert 0.15 < np.mean(np.concatenate(lifted) > 2.2) < 0.5
    assert np.mean(np.concatenate(lifted) > 2.8) > 0.02


def test_held_out_families_are_not_in_the_training_library() -> None:
    assert set(TEST_FAMILIES) == {"jumping_jack", "throw"}
    assert not set(TEST_FAMILIES) & set(TRAINING_FAMILIES)


@pytest.mark.parametrize(
    "angles",
    [
        {"arm_front_L": 0.4, "arm_side_L": -0.3, "elbow_L": 1.4, "arm_twist_L": 1.0},
        {"hip_abduct_L": -0.2, "hip_abduct_R": -0.2, "hip_flex_L": 0.0, "hip_flex_R": 0.0},
        {"arm_front_L": 1.2, "arm_front_R": 1.2, "arm_side_L": -0.7, "arm_side_R": -0.7, "elbow_L": 0.8},
    ],
    ids=["forearm in the belly", "knees in each other", "arms in each other"],
)
def test_limbs_that_pass_through_the_body_are_found(
    model: AnnyModel, bodies: list[RestBody], character: Character, angles: dict[str, float]
) -> None:
    motion = {name[:-2] + "." + name[-1]: np.array([angle]) for name, angle in angles.items()}
    poses = bone_transforms(model.rig, bodies[0], joint_rotations(model.rig, bodies[0], motion))
    assert character.contact_test(bodies[0]).finds_contact(poses)


def test_poses_free_of_contact_are_accepted(model: AnnyModel, bodies: list[RestBody], character: Character) -> None:
    raised = {name: np.array([0.0, 1.4]) for name in ("arm_front.L", "arm_front.R")}
    for body in bodies:
        contact = character.contact_test(body)
        for motion in (canonical_motion(), raised | {f"arm_side.{side}": np.array([0.45, 0.3]) for side in "LR"}):
            poses = bone_transforms(model.rig, body, joint_rotations(model.rig, body, motion))
            assert not contact.finds_contact(poses)


def test_contact_on_the_coarse_mesh_agrees_with_winding_numbers_of_the_full_one(
    model: AnnyModel, bodies: list[RestBody], character: Character
) -> None:
    import igl

    from engine.geometry.mesh import vertex_normals

    rig, body = model.rig, bodies[1]
    hands_and_feet = part(model, ("wrist", "metacarpal", "finger", "lowerarm02", "foot", "lowerleg02"))
    agree = []
    for family in ("reach", "arms_crossed", "free", "bend"):
        for seed in range(4):
            motion = sample_motion(np.random.default_rng(seed), family, 1)
            poses = bone_transforms(rig, body, joint_rotations(rig, body, motion))
            vertices = skin(rig, body, poses)[0]
            lifted = vertices + 0.004 * vertex_normals(vertices, rig.faces)
            asked = lifted[hands_and_feet].astype(np.float64)
            winding = igl.fast_winding_number(vertices.astype(np.float64), rig.faces.astype(np.int64), asked)
            agree.append(
                character.contact_test(body).finds_contact(poses) == (np.mean(np.asarray(winding) > 0.5) > 0.03)
            )
    assert np.mean(agree) >= 0.8
