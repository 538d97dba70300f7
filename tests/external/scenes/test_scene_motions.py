"""Motions of scenes: feet that stand still, floors that are not gone through, joints that do what is asked."""

import numpy as np
import pytest

from external.anny.joints import turn
from external.anny.motions import FAMILIES
from external.anny.rig import bone_transforms
from external.scenes.build import knees_of, leg_lengths, measure, straight_knees
from external.scenes.feet import Feet, ankles
from external.scenes.legs import with_legs
from external.scenes.motions import MOTIONS
from external.scenes.movement import Performance, perform
from external.scenes.scene import Person

FPS = 30.0
CASES = [(name, subject) for name, motions in MOTIONS.items() for subject in range(len(motions))]


def performed(person: Person, name: str, subject: int, seed: int, frames: int = 90) -> Performance:
    random, build = np.random.default_rng(seed), measure(person.rig, person.body)
    movement = MOTIONS[name][subject](np.arange(frames) / FPS, lambda a, b: float(random.uniform(a, b)), build)
    return perform(person.rig, person.body, build, movement, 1 / FPS)


def surfaces(person: Person, performance: Performance, part: str = "") -> np.ndarray:
    """Vertices (F, V, 3), perhaps only those that follow the foot and toes of a side."""
    strongest = np.array(person.rig.bone_names)[person.rig.weights.argmax(axis=1)]
    own = [not part or (name.startswith(("foot", "toe")) and name.endswith(part)) for name in strongest]
    return np.stack([performance.vertices(person.rig, person.body, f)[own] for f in range(len(performance))])


@pytest.mark.parametrize("who", ["adult", "child"])
@pytest.mark.parametrize(("name", "subject"), CASES)
def test_feet_that_carry_the_body_do_not_slide_or_sink(
    name: str, subject: int, who: str, people: dict[str, Person]
) -> None:
    person = people[who]
    performance = performed(person, name, subject, seed=len(name) + subject)
    assert surfaces(person, performance)[:, :, 1].min() > -0.008
    assert performance.planted.any(axis=1).mean() > (0.3 if name == "jumping-jack" else 0.99)
    for side, part in enumerate((".L", ".R")):
        sole = surfaces(person, performance, part)
        stays = performance.planted[1:, side] & performance.planted[:-1, side]
        low = (sole[1:, :, 1] < 0.02) & (sole[:-1, :, 1] < 0.02)
        moved = np.where(low, np.linalg.norm(np.diff(sole, axis=0)[:, :, [0, 2]], axis=2), np.inf)
        slowest = moved.min(axis=1)[stays]  # a foot rolls over its heel and its ball, which stay
        assert np.isfinite(slowest).all()
        assert slowest.max() < 0.0015
        assert np.median(slowest) < 5e-4


@pytest.mark.parametrize("name", [name for name in MOTIONS if name.startswith(("walk", "two", "leave"))])
def test_who_walks_faces_where_the_path_leads(name: str, people: dict[str, Person]) -> None:
    performance = performed(people["adult"], name, 0, seed=4)
    moves = np.diff(performance.path[:, [0, 2], 3], axis=0)
    pace = np.linalg.norm(moves, axis=1) * FPS
    ahead = np.arctan2(moves[:, 0], moves[:, 1])
    off = np.angle(np.exp(1j * (performance.heading(people["adult"].rig)[1:] - ahead)))
    assert (pace > 0.5).sum() > 20
    assert np.abs(off[pace > 0.5]).max() < 0.7  # weight goes from side to side
    assert abs(off[pace > 0.5].mean()) < 0.15


def test_a_spin_goes_all_the_way_round(people: dict[str, Person]) -> None:
    turned = np.unwrap(performed(people["adult"], "spin", 0, seed=1).heading(people["adult"].rig))
    assert abs(turned[-1] - turned[0]) == pytest.approx(2 * np.pi, abs=0.2)


def test_one_who_crouches_and_one_who_sits_come_down(people: dict[str, Person]) -> None:
    for name, least in (("crouching", 0.35), ("sitting-down", 0.25)):
        height = performed(people["adult"], name, 0, seed=2).path[:, 1, 3]
        assert 1 - height.min() / height[0] > least


def test_no_motion_is_one_that_models_are_trained_on() -> None:
    assert not {motion.__module__ for motions in MOTIONS.values() for motion in motions} & {
        family.__module__ for family in FAMILIES.values()
    }


def test_the_way_of_a_knee_leads_to_the_length_of_the_leg_and_back(people: dict[str, Person]) -> None:
    build = measure(people["child"].rig, people["child"].body)
    for bend in (0.05, 0.4, 1.2, 2.0):
        knees = straight_knees(build) + bend
        lengths = leg_lengths(build, knees)
        for side in (0, 1):  # by the sum of thigh and turned shin
            leg = build.thighs[side] + turn([1.0, 0, 0], knees[side]) @ build.shins[side]
            assert lengths[side] == pytest.approx(np.linalg.norm(leg))
        np.testing.assert_allclose(knees_of(build, lengths), knees, atol=1e-9)


def test_legs_reach_for_their_feet_whatever_the_pelvis_does(people: dict[str, Person]) -> None:
    person = people["adult"]
    build, random = measure(person.rig, person.body), np.random.default_rng(0)
    frames = 6
    rotations = np.tile(np.eye(3), (frames, len(person.rig.bone_names), 1, 1))
    rotations[:, 0] = turn([1.0, 0, 0], random.uniform(-0.3, 0.5, frames))
    heading = random.uniform(-3, 3, frames)
    roots = np.stack([random.normal(size=frames), np.full(frames, 0.85 * build.standing), np.zeros(frames)], axis=1)
    place = roots[:, None, [0, 2]] + random.uniform(-0.15, 0.15, (frames, 2, 2))
    feet = Feet(
        place,
        heading[:, None] + random.uniform(-0.3, 0.3, (frames, 2)),
        random.uniform(0, 0.1, (frames, 2)),
        random.uniform(-0.3, 0.5, (frames, 2)),
        np.ones((frames, 2), bool),
    )
    poses = bone_transforms(person.rig, person.body, with_legs(person.rig, build, rotations, roots, heading, feet))
    for side, name in enumerate("LR"):
        ankle = poses[:, person.rig.bone(f"foot.{name}"), :3, 3]
        in_room = np.einsum("fij,fj->fi", turn([0, 1.0, 0], heading), ankle) + roots
        np.testing.assert_allclose(in_room, ankles(feet, build)[:, side], atol=1e-3)
        knee = poses[:, person.rig.bone(f"lowerleg01.{name}"), :3, 3]
        hip = poses[:, person.rig.bone(f"upperleg01.{name}"), :3, 3]
        front = feet.heading[:, side] - heading
        ahead = np.stack([np.sin(front), np.zeros(frames), np.cos(front)], axis=1)
        assert (((knee - (hip + ankle) / 2) * ahead).sum(axis=1) > 0).all()  # knees bend forward
