"""Scenes whose motion was captured."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from external.scenes.plan import ScenePlan, checked_plan
from external.scenes.scene import Person, make_scene
from tests.support.bvh_files import exercise, motion_builder, write

TREE = motion_builder()


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write(tmp_path / "clip.bvh", TREE, exercise(40, TREE), time=0.05)


def test_a_captured_motion_keeps_its_way_stands_on_the_floor_and_begins_facing_the_camera(
    clip: Path, people: dict[str, Person]
) -> None:
    plan = checked_plan({"motion": str(clip), "seed": 1, "frames": 12, "fps": 10.0, "distance": 5.0})
    scene = make_scene(plan, [people["adult"]])
    performance = scene.performances[0]
    assert len(scene.times_s) == 12 and scene.times_s[1] == pytest.approx(0.1)
    assert abs(performance.heading(people["adult"].rig)[0]) < 0.15
    lowest = [scene.vertices(0, frame)[:, 1].min() for frame in range(12)]
    assert min(lowest) == pytest.approx(0, abs=1e-3)
    way = performance.path[:, [0, 2], 3]
    np.testing.assert_allclose(way.min(axis=0) + way.max(axis=0), 0, atol=1e-6)
    legs = np.diff(way, axis=0)  # the file moves by (6, -2) cm of a leg of 82 cm from frame to frame
    assert np.median(np.linalg.norm(legs, axis=1)) == pytest.approx(np.hypot(6, 2) / 82 * 0.8, rel=0.35)


def test_a_captured_motion_may_be_turned_and_begin_later(clip: Path, people: dict[str, Person]) -> None:
    plan, rig = ScenePlan(str(clip), 1, frames=6, fps=10.0, distance=5.0), people["adult"].rig
    usual, turned, later = (
        make_scene(chosen, [people["adult"]]).performances[0]
        for chosen in (plan, replace(plan, turn=90.0), replace(plan, start_s=0.3))
    )
    np.testing.assert_allclose(np.cos(turned.heading(rig) - usual.heading(rig)), 0, atol=1e-6)
    bent, bent_later = (np.linalg.inv(poses[:1]) @ poses for poses in (usual.poses[3], later.poses[0]))
    np.testing.assert_allclose(bent_later, bent, atol=0.02)


def test_a_clip_gives_as_many_frames_as_it_has(clip: Path, people: dict[str, Person]) -> None:
    scene = make_scene(ScenePlan(str(clip), 1, frames=90, fps=10.0, distance=6.0), [people["adult"]])
    assert len(scene.times_s) == len(scene.view.poses) == 20


@pytest.mark.parametrize(
    ("more", "message"),
    [({"fps": 60.0}, "has 20 frames per second only"), ({"start_s": 9.0}, "less than two frames from 9 s on")],
)
def test_a_clip_that_has_not_what_is_asked_for_is_refused(
    more: dict[str, float], message: str, clip: Path, people: dict[str, Person]
) -> None:
    with pytest.raises(InputError, match=message):
        make_scene(checked_plan({"motion": str(clip), "seed": 1, "frames": 12} | more), [people["adult"]])


def test_nobody_walks_into_the_camera(people: dict[str, Person]) -> None:
    with pytest.raises(InputError, match="comes as near to the camera"):
        make_scene(ScenePlan("walk-towards", 1, frames=90, distance=1.5, tilt=0.0), [people["adult"]])
