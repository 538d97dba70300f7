"""People of scenes in a file."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from external.scenes.people import Cast, people_of, roles_of, save_people, stored_casting
from external.scenes.plan import ScenePlan
from external.scenes.scene import Person, make_scene

PLAN = ScenePlan("two-cross", seed=5, frames=3, fps=3.0, child=True, distance=4.0)


@pytest.fixture(scope="module")
def cast(people: dict[str, Person]) -> Cast:
    return lambda seed, subject, child: people["child" if child else "adult"]


def test_people_come_back_from_a_file_as_they_were(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "people.npz"
    save_people(path, [PLAN, dataclasses.replace(PLAN, seed=6)], cast)
    stored = stored_casting(path)
    assert roles_of(PLAN) == [(5, 0, True), (5, 1, False)]
    for one, other in zip(people_of(PLAN, stored), people_of(PLAN, cast), strict=True):
        assert one.about == other.about
        np.testing.assert_array_equal(one.rig.weights, other.rig.weights)
        np.testing.assert_array_equal(one.rig.faces, other.rig.faces)
        assert (one.rig.bone_names, one.rig.bone_parents) == (other.rig.bone_names, other.rig.bone_parents)
        np.testing.assert_array_equal(one.body.vertices, other.body.vertices)
    scenes = [make_scene(PLAN, people_of(PLAN, each)) for each in (cast, stored)]
    np.testing.assert_array_equal(scenes[0].vertices(1, 2), scenes[1].vertices(1, 2))


def test_somebody_who_is_not_in_the_file_is_refused(cast: Cast, tmp_path: Path) -> None:
    path = tmp_path / "people.npz"
    save_people(path, [PLAN], cast)
    with pytest.raises(InputError, match="has nobody for subject 0 of the scene with seed 7"):
        people_of(dataclasses.replace(PLAN, seed=7), stored_casting(path))


def test_a_file_of_something_else_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", description=np.zeros(3, np.uint8))
    with pytest.raises(InputError, match="does not say who is in it"):
        stored_casting(tmp_path / "other.npz")
