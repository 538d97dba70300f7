"""Scenes as tasks: made side by side, kept, made again when something has changed."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.core.errors import InputError
from external.scenes.people import anny_casting, save_people
from external.scenes.plan import ScenePlan
from npm_studio.batch.running import run_tasks
from npm_studio.batch.scenes import scene_tasks
from npm_studio.batch.workers import Workers
from npm_studio.suites.scenes import record_missing
from tests.support.progress import Listener

PLAN = ScenePlan("standing", seed=0, frames=2, fps=5.0)
SEEDS = range(12)


@pytest.fixture(scope="module")
def cast_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("people") / "people.npz"
    save_people(path, [dataclasses.replace(PLAN, seed=seed) for seed in SEEDS], anny_casting())
    return path


def plans_in(folder: Path, names: str) -> dict[Path, ScenePlan]:
    return {folder / name: dataclasses.replace(PLAN, seed=seed) for seed, name in enumerate(names)}


def files_of(folder: Path) -> Mapping[str, bytes]:
    names = ("a/depth/000001.png", "b/scene.json", "b/truth/truth.json")
    return {name: (folder / name).read_bytes() for name in names}


def test_scenes_made_side_by_side_are_those_made_one_by_one(cast_file: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    apart = run_tasks(scene_tasks(plans_in(one, "ab"), cast_file), one, Workers(count=0))
    together = run_tasks(scene_tasks(plans_in(two, "ab"), cast_file), two, Workers(count=0, here=2))
    assert [outcome.result for outcome in (*apart, *together)] == [{"frames": 2}] * 4
    assert files_of(one) == files_of(two)


def test_a_second_start_makes_what_is_missing_or_has_changed_alone(cast_file: Path, tmp_path: Path) -> None:
    plans = plans_in(tmp_path, "ab")
    run_tasks(scene_tasks(plans, cast_file), tmp_path, Workers(count=0))
    plans[tmp_path / "b"] = dataclasses.replace(plans[tmp_path / "b"], wall=2.0)
    plans |= {tmp_path / "c": dataclasses.replace(PLAN, seed=2)}
    again = run_tasks(scene_tasks(plans, cast_file), tmp_path, Workers(count=0))
    assert [outcome.state for outcome in again] == ["kept", "done", "done"]


def test_a_scene_that_cannot_be_made_stops_no_other(cast_file: Path, tmp_path: Path) -> None:
    plans = plans_in(tmp_path, "abc")
    plans[tmp_path / "b"] = dataclasses.replace(PLAN, seed=99)
    outcomes = run_tasks(scene_tasks(plans, cast_file), tmp_path, Workers(count=0))
    assert [outcome.state for outcome in outcomes] == ["done", "failed", "done"]
    with pytest.raises(InputError, match="has nobody for subject 0 of the scene with seed 99"):
        record_missing(plans, tmp_path, cast_file, Workers(count=0))


def test_one_who_stops_keeps_scenes_that_are_complete_and_no_half_ones(cast_file: Path, tmp_path: Path) -> None:
    plans = plans_in(tmp_path, "abcdefghijkl")
    outcomes = run_tasks(scene_tasks(plans, cast_file), tmp_path, Workers(count=0, here=2), Listener(stop_after=1))
    there = [out for out in plans if out.exists()]
    assert 1 <= len(there) < len(plans)
    assert {outcome.state for outcome in outcomes} == {"done", "open"}
    assert all((out / "scene.json").is_file() for out in there)
