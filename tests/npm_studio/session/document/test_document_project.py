import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.methods.run import load_run
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.isolation import Isolation
from npm_studio.session.document.comparison import ComparisonState, SideSource
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.paths import with_paths
from npm_studio.session.document.project import FILE_NAME, load_project, save_project
from npm_studio.session.document.state import (
    Bookmark,
    DocumentState,
    Exploration,
    Fitting,
    Interpolation,
    Keyframe,
    Locks,
    OpenRecording,
    OpenRun,
    Training,
    Transfer,
)
from npm_studio.session.document.view_state import (
    CameraState,
    DisplaySettings,
    ExploreView,
    FrameDrawing,
    SlicePlace,
    ViewState,
)
from tests.support.toy_model import toy_model


@pytest.fixture
def state(tmp_path: Path, depth_capture: Path, fitted_run: Path) -> DocumentState:
    """A document in which nothing is as it is by default; the run lies outside of the project."""
    (tmp_path / "body.npm").mkdir()
    recording = Path(shutil.copytree(depth_capture, tmp_path / "captures" / "walk"))
    run = Path(shutil.copytree(fitted_run, tmp_path / "elsewhere" / "walk-1"))
    code = Exploration((0.1, -2.5e-7), (1.5,), "Own shape", "Bend", 1, 8, 7)
    capture = CaptureOptions(1000.0, "1,2,3,4", Isolation(far_m=2.5, remove_planes=True), "/depth", 2)
    return DocumentState(
        model=tmp_path / "body.npm",
        explore=code,
        locks=Locks((0, 3), (1,)),
        interpolate=Interpolation(
            (Keyframe(0.0, code), Keyframe(1.5, Exploration((0.5, 2.0)))), "shape", True, True, False, 13, 1
        ),
        transfer=Transfer((code, Exploration((0.5, 2.0))), code, run, 2, 1),
        recordings=(OpenRecording(recording, capture),),
        runs=(OpenRun(run, recording),),
        fit=Fitting(recording, run, 2, "nricp", {"steps": 40, "template": "a.ply"}, True),
        train=Training(recording, 1, "walk", 3, "own/small", "cpu", "/models/own.npm", recording),
        compare=ComparisonState(
            (SideSource("run", run), SideSource("truth", recording), SideSource("identity", tmp_path / "body.npm", 2)),
            3,
            "blink",
            SideSource("truth", recording),
            False,
            12.5,
            (recording,),
            1,
        ),
        bookmarks=(Bookmark("tall", replace(code, pose=None)),),
        extras={"map": {"zoom": 2.5, "chosen": [1, 2]}},
        view=ViewState(
            "fit",
            DisplaySettings(True, False, True, True, True, False, True),
            False,
            (CameraState((1.0, 2.0, 3.0), (0.0, 0.5, 0.0), (0.0, 1.0, 0.0), (0.25, 0.0)),),
            False,
            SlicePlace(1, 0.25),
            FrameDrawing(False, 7, True, False, 55),
            False,
            ExploreView("map", 5, 30, "pose"),
            {"fit": 12.0},
            -0.75,
            (0.0, 0.1, 1.0),
        ),
    )


def in_other_place(state: DocumentState, old: Path, new: Path) -> DocumentState:
    return with_paths(state, lambda path: new / path.relative_to(old) if path.is_relative_to(old) else path)


def test_nothing_of_the_example_is_as_it_is_by_default(state: DocumentState) -> None:
    def same(value: object, default: object, names: tuple[str, ...]) -> list[str]:
        return [name for name in names if getattr(value, name) == getattr(default, name)]

    parts = (
        (state, DocumentState()),
        (state.view, ViewState()),
        (state.fit, Fitting()),
        (state.train, Training()),
        (state.compare, ComparisonState()),
        (state.interpolate, Interpolation()),
        (state.transfer, Transfer()),
    )
    for value, default in parts:
        names = set(value.__dataclass_fields__) - {"deleted_runs"}  # which a project does not name
        assert same(value, default, tuple(names)) == []


def test_a_project_that_is_moved_alone_opens_equal_field_by_field(state: DocumentState, tmp_path: Path) -> None:
    moved_runs = save_project(state, tmp_path / "study", Progress())
    saved = with_paths(state, lambda path: moved_runs[path].folder if path in moved_runs else path)
    assert load_project(tmp_path / "study").state == saved
    target = tmp_path / "another" / "place" / "study of mine"
    target.parent.mkdir(parents=True)
    (tmp_path / "study").rename(target)
    shutil.rmtree(tmp_path / "elsewhere")
    project = load_project(target)
    assert project.name == "study"
    assert project.state == in_other_place(saved, tmp_path / "study", target)
    run = project.state.runs[0].folder
    assert run == target / "runs" / "walk-1"
    assert len(load_run(run).frames) == 3


def test_a_project_that_is_moved_with_everything_around_it_opens(state: DocumentState, tmp_path: Path) -> None:
    save_project(state, tmp_path / "work" / "study", Progress())
    for name in ("captures", "body.npm"):
        (tmp_path / name).rename(tmp_path / "work" / name)
    with pytest.raises(InputError, match="does not exist"):
        load_project(tmp_path / "work" / "study")
    for name in ("captures", "body.npm"):
        (tmp_path / "work" / name).rename(tmp_path / name)
    everything = tmp_path.with_name(tmp_path.name + "-moved")
    tmp_path.rename(everything)
    loaded = load_project(everything / "work" / "study").state
    assert loaded.model == everything / "body.npm"
    assert loaded.recordings[0].path == everything / "captures" / "walk"


def test_runs_are_copied_in_once_and_two_of_one_name_do_not_meet(
    state: DocumentState, tmp_path: Path, fitted_run: Path
) -> None:
    other = Path(shutil.copytree(fitted_run, tmp_path / "second" / "walk-1"))
    both = replace(state, runs=(*state.runs, OpenRun(other, state.recordings[0].path)))
    moved = save_project(both, tmp_path / "study", Progress())
    assert sorted(run.folder.name for run in moved.values()) == ["walk-1", "walk-1-2"]
    again = with_paths(both, lambda path: moved[path].folder if path in moved else path)
    assert save_project(again, tmp_path / "study", Progress()) == {}
    assert sorted(path.name for path in (tmp_path / "study" / "runs").iterdir()) == ["walk-1", "walk-1-2"]
    assert sorted(path.name for path in (tmp_path / "study").iterdir()) == ["project.json", "runs"]


def test_version_1_opens(state: DocumentState, tmp_path: Path) -> None:
    recording, run = state.recordings[0].path, state.runs[0].folder
    shutil.copytree(recording, tmp_path / "captures" / "run")
    old = {
        "format": "npm-studio project",
        "format_version": 1,
        "name": "old",
        "model": "../body.npm",
        "sequences": ["../captures/run", "../captures/walk"],
        "runs": ["../elsewhere/walk-1"],
        "captures": {"../captures/walk": {"far_m": 2.0}},
    }
    fitted = json.loads((run / "run.json").read_text())
    fitted["inputs"]["sequence"] = str(recording)
    (run / "run.json").write_text(json.dumps(fitted))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / FILE_NAME).write_text(json.dumps(old))
    project = load_project(tmp_path / "old")
    assert project.name == "old"
    loaded = project.state
    assert loaded.model == tmp_path / "body.npm"
    assert loaded.explore == Exploration()
    cut = CaptureOptions(isolation=Isolation(far_m=2.0))
    assert loaded.recordings == (OpenRecording(tmp_path / "captures" / "run"), OpenRecording(recording, cut))
    assert loaded.runs == (OpenRun(run, recording),)
    assert (loaded.fit.recording, loaded.fit.run) == (recording, run)


def test_an_interpolation_between_two_ends_opens_as_two_keyframes_and_a_pair_as_two_bodies(tmp_path: Path) -> None:
    ends = [{"identity": 1, "frame": 4}, {"identity": 2, "frame": None}]
    document = {
        "interpolate": {"ends": ends, "space": "shape", "step": 17, "frame": 103, "card": 1},
        "transfer": {"identities": [2, 1], "row": 5, "card": 1},
    }
    file = {"format": "npm-studio project", "format_version": 2, "name": "old", "document": document}
    (tmp_path / FILE_NAME).write_text(json.dumps(file))
    state = load_project(tmp_path).state
    keys = Keyframe(0.0, Exploration(identity=1, row=4)), Keyframe(2.0, Exploration(identity=2))
    assert state.interpolate == Interpolation(keys, "shape", frame=103, card=1)
    pair = Exploration(identity=2), Exploration(identity=1)
    assert state.transfer == Transfer(pair, Exploration(row=5), card=1)
    explorer = Explorer(toy_model(), seed=0)
    opened = explorer.fitting(state)
    assert [key.body for key in opened.interpolate.keys] == [explorer.trained(1, 4), explorer.trained(2)]
    assert opened.transfer.bodies == (explorer.trained(2), explorer.trained(1))
    assert opened.transfer.source == explorer.trained(0, 5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"format_version": 4}, "has format version 4, this program reads 3"),
        ({"modle": "../body.npm"}, "modle"),
        ({"format": "something else"}, "format"),
        ({"document": {"model": 3}}, "model"),
        ({"document": {"model": "../gone.npm"}}, "which does not exist"),
        ({"document": {"explore": {"shape": ["tall"]}}}, r"explore\.shape"),
        ({"document": {"explore": {"shap": [1.0]}}}, "shap"),
        ({"document": {"compare": {"layout": 5}}}, "compare"),
        ({"document": []}, "document"),
    ],
)
def test_a_project_file_that_is_wrong_is_refused_with_the_place(
    state: DocumentState, tmp_path: Path, change: dict[str, object], words: str
) -> None:
    save_project(state, tmp_path / "study", Progress())
    path = tmp_path / "study" / FILE_NAME
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(InputError, match=words) as caught:
        load_project(tmp_path / "study")
    assert "project.json" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["[]", "{", "", "3"])
def test_a_file_that_is_no_project_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(InputError, match=r"project\.json"):
        load_project(tmp_path)


def test_a_folder_without_a_project_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no project\.json"):
        load_project(tmp_path)


def no_room(*_: object, **__: object) -> None:
    raise OSError(28, os.strerror(28))


@pytest.mark.parametrize("what", ["shutil.copytree", "npm_studio.session.document.project.write_json"])
def test_a_full_disk_is_named_and_what_was_saved_before_stays(
    state: DocumentState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    save_project(replace(state, runs=(), fit=Fitting()), tmp_path / "study", Progress())
    before = (tmp_path / "study" / FILE_NAME).read_bytes()
    monkeypatch.setattr(what, no_room)
    with pytest.raises(InputError, match=r"study.* cannot be written \(No space left on device\)"):
        save_project(state, tmp_path / "study", Progress())
    assert (tmp_path / "study" / FILE_NAME).read_bytes() == before
    left = [path.name for path in (tmp_path / "study").rglob("*")]
    assert [name for name in left if "-new-" in name] == []


def test_paths_are_replaced_wherever_they_are() -> None:
    change: Callable[[Path], Path] = lambda path: path / "x"  # noqa: E731
    state = DocumentState(model=Path("a"), runs=(OpenRun(Path("b"), Path("c")),), explore=Exploration((1.0,)))
    changed = with_paths(state, change)
    assert (changed.model, changed.runs) == (Path("a/x"), (OpenRun(Path("b/x"), Path("c/x")),))
    assert changed.explore is state.explore
