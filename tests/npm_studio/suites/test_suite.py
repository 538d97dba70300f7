"""Suites as files, and the cases that they state."""

from pathlib import Path

import pytest
import yaml

from engine.core.errors import InputError
from external.scenes.sets import load_scene_sets
from npm_studio.resources import scene_sets, suites
from npm_studio.suites.contender import contenders_of
from npm_studio.suites.suite import Scenes, Suite, case_plans, load_suite, made_from


@pytest.mark.parametrize("name", ["canonical", "scenes", "hands", "cape-published"])
def test_every_built_in_suite_is_read_and_gives_all_methods_at_most_four_cases_of_twenty_frames(name: str) -> None:
    found, suite = load_suite(name)
    assert found == name and suite.settings == ("clean", "noisy") and suite.on_all_cases == ("npm",)
    plans = case_plans(suite, subset_alone=True)
    assert len(plans) == 4 and {plan.frames for plan in plans} == {(20, 2)}
    assert len(case_plans(suite)) == 4 + len(suite.recordings.names)


def test_the_suite_of_scenes_names_all_scenes_of_its_set() -> None:
    recordings = load_suite("scenes")[1].recordings
    assert isinstance(recordings, Scenes)
    assert recordings.names == tuple(load_scene_sets(scene_sets())[recordings.set])


def changed(tmp_path: Path, **changes: object) -> Path:
    content = yaml.safe_load(suites()["canonical"].read_text(encoding="utf-8")) | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"sampels": 3}, "the field sampels: is not among the fields"),
        ({"samples": 0}, "the field samples: .* greater than or equal to 1"),
        ({"settings": ["wet"]}, "the field settings.0"),
        ({"subset": {"names": ["nobody"], "frames": 2}}, "its subset has nobody, which is no name of its recordings"),
    ],
)
def test_a_suite_that_makes_no_sense_is_refused_with_its_file(
    changes: dict[str, object], problem: str, tmp_path: Path
) -> None:
    path = changed(tmp_path, **changes)
    with pytest.raises(InputError, match=rf"^{path}: {problem}"):
        load_suite(str(path))


def test_a_suite_and_a_case_that_are_not_known_are_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match=r"^canonicle: there is no such suite; choose from canonical, cape-published"):
        load_suite("canonicle")
    suite = load_suite("canonical")[1]
    with pytest.raises(InputError, match=r"^anny_9: is no case of this suite; choose from anny_000-20, "):
        case_plans(suite, ["anny_9"])


def test_a_name_of_a_recording_stands_for_the_whole_and_for_its_part() -> None:
    suite: Suite = load_suite("cape-published")[1]
    whole = "00032_shortlong/tilt_twist_left"
    names = [plan.name for plan in case_plans(suite, [whole])]
    assert names == ["00032_shortlong-tilt_twist_left-20", "00032_shortlong-tilt_twist_left"]
    part, all_of_it = case_plans(suite, [whole])
    assert part.is_subset and not all_of_it.is_subset
    assert made_from(suite, part) != made_from(suite, all_of_it)


def test_a_contender_is_a_method_with_fields_of_its_configuration() -> None:
    plain, quick = contenders_of(["npm", "npm:steps=4,precision=float32", "npm"])
    assert plain.is_usual and plain.slug == "npm"
    assert not quick.is_usual and quick.slug == "npm+steps=4-precision=float32"
    method, config = quick.config_for("case", "clean")
    assert method.id == "npm" and config.model_dump()["steps"] == 4
    imported = contenders_of(["imported:meshes=/results/{case}/{setting}"])[0]
    assert imported.config_for("towards", "noisy")[1].model_dump()["meshes"] == Path("/results/towards/noisy")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("nmp", "method 'nmp': is not installed"),
        ("npm:steps", "method 'npm:steps': cannot be read; write NAME or NAME:field=value"),
        ("npm:stpes=3", "method 'npm:stpes=3': the field stpes: is not among the fields"),
        ("npm:steps=0", "the field steps: "),
        ("imported", "the field meshes: must be given"),
    ],
)
def test_a_contender_that_cannot_be_is_refused(text: str, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        contenders_of([text])
