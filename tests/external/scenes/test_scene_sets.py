"""Sets of scenes: what is frozen, and files that cannot be used."""

from pathlib import Path

import pytest

from engine.core.errors import InputError
from external.scenes.motions import MOTIONS
from external.scenes.sets import load_scene_sets
from npm_studio.resources import scene_sets


@pytest.mark.parametrize("name", ["test", "second", "development"])
def test_a_set_has_every_motion_clothes_all_sensors_and_children(name: str) -> None:
    plans = load_scene_sets(scene_sets())[name].values()
    assert {plan.motion for plan in plans} == set(MOTIONS)
    assert len(plans) >= 20
    assert any(plan.clothes_mm >= 25 for plan in plans)
    assert {plan.sensor for plan in plans} == {"kinect", "azure", "realsense"}
    assert {plan.fps for plan in plans} == {15.0, 30.0}
    assert all(60 <= plan.frames <= 100 and 2 <= plan.distance <= 5 and 0 <= plan.tilt <= 45 for plan in plans)
    assert all(0.4 <= plan.wall <= 2.5 and plan.noise for plan in plans)
    assert 0.3 <= sum(plan.child for plan in plans) / len(plans) <= 0.4
    assert any(plan.floor_strip for plan in plans)


def test_no_two_scenes_have_a_seed_in_common() -> None:
    seeds = [plan.seed for scenes in load_scene_sets(scene_sets()).values() for plan in scenes.values()]
    assert len(set(seeds)) == len(seeds)


def test_a_set_like_another_differs_in_seeds_alone(tmp_path: Path) -> None:
    path = tmp_path / "sets.yaml"
    path.write_text("late: {like: a, seeds_later_by: 5}\na: {one: {motion: spin, seed: 2, child: true}}\n")
    sets = load_scene_sets(path)
    assert list(sets) == ["late", "a"]
    assert (sets["late"]["one"].seed, sets["a"]["one"].seed) == (7, 2)
    assert sets["late"]["one"].child and sets["late"]["one"].motion == "spin"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [1]", "does not name sets"),
        ("a: {one: 3}", "one: is no description"),
        ("a: {one: {motion: fly, seed: 1}}", "a: one: there is no motion 'fly'"),
        ("a: {one: {motion: spin, seed: 1, colour: red}}", "colour"),
        ("a: {one: {motion: spin, seed: 1, frames: 0}}", "frames"),
        ("a: {../one: {motion: spin, seed: 1}}", "not allowed"),
        ("a: {like: b, seeds_later_by: 1}", "needs like"),
        ("a: {", "not readable YAML"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "sets.yaml").write_text(text)
    with pytest.raises(InputError, match=message):
        load_scene_sets(tmp_path / "sets.yaml")
