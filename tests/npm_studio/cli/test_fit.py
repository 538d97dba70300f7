import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.geometry.mesh import Mesh, save_mesh
from engine.methods.method import FitResult, method_names
from engine.methods.run import load_run
from engine.sequences.depth_sequence import load_depth_sequence, save_depth_sequence
from npm_studio.cli.main import main
from tests.support.around import doll_meshes, recorded_around
from tests.support.walking_ball import CAMERA as BALL_CAMERA
from tests.support.walking_ball import RATE, Tells, ball_depths, ball_meshes, moved


@pytest.fixture
def meshes(fitted_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted_run / "meshes", tmp_path / "meshes"))


def fit(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    assert main(["fit", *map(str, arguments), "--device", "cpu", "--json"]) == 0
    printed: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return printed


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["fit", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


def test_help_explains_every_field_of_every_installed_method(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for name in method_names():
        assert f"--method {name}: " in text
    assert "--steps N Damped Gauss-Newton steps on all frames. (1 to 100000; default: 16)" in text
    assert "--acceleration X Expected acceleration of the surface, canonical units per second squared" in text
    assert "--unit m|cm|mm Unit of their coordinates. (default: m)" in text
    assert "in the world of the recording. (must be given)" in text


def test_fields_of_the_method_are_flags_in_any_place(
    toy_folder: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, after = ("--steps", "3", "--pose_prior", "1e-3"), ("--resolution=24", "--acceleration", "0")
    out = tmp_path / "run"
    printed = fit(capsys, *before, depth_capture, "--model", toy_folder, "--out", out, *after)
    assert (printed["run"], printed["frames"], printed["interrupted"]) == (str(out), 3, False)
    assert printed["seconds"] > 0
    run = load_run(out)
    config = run.inputs.config
    stated = {"steps": 3, "pose_prior": 1e-3, "resolution": 24, "acceleration": 0.0, "surface_points": 640}
    assert {name: config[name] for name in stated} == stated
    assert run.inputs.model == toy_folder.resolve()


def test_what_is_printed_has_a_verdict_and_distances_and_null_for_what_a_method_cannot_know(
    meshes: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("--method", "imported", "--meshes", meshes)
    printed = fit(capsys, depth_capture, "--out", tmp_path / "run", *arguments)
    assert (printed["method"], printed["verdict"], printed["lost_frames"]) == ("imported", "good", 0)
    assert printed["reason"].startswith("what was seen lies ")
    assert (printed["side"], printed["side_fitted"], printed["side_how"]) == (None, None, None)  # of a doll
    frame = printed["per_frame"][1]
    assert 1 < frame["mean_distance_mm"] < 30  # the meshes are 25 mm beside their place
    assert {**frame, "mean_distance_mm": 0} == {
        "name": "000001",
        "mean_distance_mm": 0,
        "confidence": None,
        "lost": None,
        "filled": False,
    }
    distances = [each["mean_distance_mm"] for each in printed["per_frame"]]
    assert printed["mean_distance_mm"] == pytest.approx(sum(distances) / 3, abs=1e-3)
    run = load_run(tmp_path / "run")
    assert run.inputs.model is None
    assert (run.verdict, run.reason) == (printed["verdict"], printed["reason"])


@pytest.fixture
def ball(tmp_path: Path) -> Path:
    """A recording of the walking ball, on disk."""
    folder = tmp_path / "ball"
    save_depth_sequence(folder, ball_depths(6), BALL_CAMERA, np.eye(4), RATE)
    return folder


def told(monkeypatch: pytest.MonkeyPatch, result: FitResult) -> tuple[str, str]:
    """Install a method that gives ``result``; returns the arguments that choose it."""
    monkeypatch.setattr("engine.methods.method.load_method", lambda name: Tells(result))
    return "--method", "tells"


LOST = np.where(np.arange(6) == 3, 0.1, 0.9)


def test_lost_frames_are_counted_and_named_and_filled_on_request(
    ball: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = told(monkeypatch, FitResult(ball_meshes(6), LOST, lost_below=0.5))
    assert main(["fit", str(ball), "--out", str(tmp_path / "run"), *method, "--json"]) == 0
    captured = capsys.readouterr()
    assert "lost: 000003 (1 of 6 frames)\n" in captured.err
    assert "to interpolate them, use --fill-lost\n" in captured.err
    assert "verdict: good: " in captured.err  # up to a fifth of the frames may be lost
    printed = json.loads(captured.out.splitlines()[-1])
    assert (printed["lost_frames"], printed["verdict"]) == (1, "good")
    assert [frame["lost"] for frame in printed["per_frame"]] == [False] * 3 + [True] + [False] * 2
    filled = fit(capsys, ball, "--out", tmp_path / "run", *method, "--fill-lost")
    assert [frame["filled"] for frame in filled["per_frame"]] == [False] * 3 + [True] + [False] * 2
    assert [frame["lost"] for frame in filled["per_frame"]] == [False] * 3 + [True] + [False] * 2


def test_a_fit_that_has_failed_ends_with_2_prints_its_object_and_keeps_the_run(
    ball: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = told(monkeypatch, FitResult(moved(ball_meshes(6), range(6), (0, 4, 0))))
    out = tmp_path / "run"
    assert main(["fit", str(ball), "--out", str(out), *method, "--json"]) == 2
    captured = capsys.readouterr()
    printed = json.loads(captured.out.splitlines()[-1])
    assert printed["verdict"] == "failed"
    assert printed["reason"].startswith("100% of what was seen lies more than 0.1 m from the fit")
    last = captured.err.splitlines()[-1]
    assert last == f"npm-studio: {out}: the fit has failed: {printed['reason']}; the run is kept, look at it"
    assert load_run(out).verdict == "failed"
    assert main(["fit", str(ball), "--out", str(out), *method]) == 2
    assert capsys.readouterr().out == ""


def test_a_fit_that_runs_out_of_memory_half_way_keeps_what_it_has_and_ends_with_2(
    ball: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    doubt = "the device ran out of memory after 12 of 240 steps"
    method = told(monkeypatch, FitResult(ball_meshes(6), interrupted=True, doubt=doubt))
    assert main(["fit", str(ball), "--out", str(tmp_path / "run"), *method, "--json"]) == 2
    captured = capsys.readouterr()
    assert f"the fit has failed: {doubt}; the run is kept" in captured.err.splitlines()[-1]
    assert json.loads(captured.out.splitlines()[-1])["interrupted"]
    assert len(load_run(tmp_path / "run").frames) == 6


def test_an_interrupted_fit_prints_its_object_keeps_the_run_and_ends_with_130(
    ball: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    method = told(monkeypatch, FitResult(ball_meshes(6), interrupted=True))
    monkeypatch.setattr("npm_studio.cli.console._interrupted", True)  # as Ctrl-C leaves it
    assert main(["fit", str(ball), "--out", str(tmp_path / "run"), *method, "--json"]) == 130
    captured = capsys.readouterr()
    printed = json.loads(captured.out.splitlines()[-1])
    assert (printed["interrupted"], printed["verdict"]) == (True, "good")
    assert "(ended early: the best so far)" in captured.err
    assert load_run(tmp_path / "run").interrupted


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--method", "magic"], "method 'magic': is not installed; use one of npm, "),
        (["--steps", "0"], "--steps: input should be greater than or equal to 1, is 0"),
        (["--steps", "many"], "--steps: input should be a valid integer, is 'many'"),
        (["--resolution", "2000"], "--resolution: input should be less than or equal to 1024, is 2000"),
        (["--surface_gate", ".nan"], "--surface_gate: input should be a finite number"),
        (["--unit", "mm"], "--unit: is not among the fields; which are side, shape, precision, steps, resolution, "),
        (["--method", "imported"], "--meshes: must be given"),
        (["--method", "imported", "--meshes", "x", "--steps", "3"], "--steps: is not among the fields"),
        (["--method", "imported", "--meshes", "nowhere"], "nowhere: no such folder or file"),
        (["--bogus", "3"], "unrecognised arguments: --bogus"),
    ],
)
def test_bad_methods_and_fields_are_refused_in_one_line(
    depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], problem: str
) -> None:
    assert problem in refusal(capsys, depth_capture, "--out", tmp_path / "run", *arguments)
    assert list(tmp_path.iterdir()) == []


def test_each_of_several_subjects_has_a_run_of_its_own(
    toy_folder: Path,
    depth_capture: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    twice = (load_depth_sequence(depth_capture),) * 2
    monkeypatch.setattr("engine.sequences.opening.open_subjects", lambda *_: twice)
    arguments = (depth_capture, "--model", toy_folder, "--out", tmp_path / "run", "--steps", 2, "--resolution", 24)
    assert main(["fit", *map(str, arguments), "--device", "cpu", "--subject", "all", "--json"]) == 0
    captured = capsys.readouterr()
    places = [tmp_path / "run-1", tmp_path / "run-2"]
    assert [entry["run"] for entry in json.loads(captured.out)["runs"]] == list(map(str, places))
    assert [load_run(place).inputs.capture.subject for place in places] == [1, 2]
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("wrong", ["0", "-1", "second", "1.5"])
def test_a_subject_is_the_largest_or_all_or_a_number(
    wrong: str, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", str(depth_capture), "--out", str(tmp_path / "run"), f"--subject={wrong}"]) == 2
    assert "largest, all or a number" in capsys.readouterr().err


@pytest.mark.parametrize("which", ["2", "all"])
def test_a_subject_is_chosen_with_a_model_that_tells_them_apart(
    which: str, toy_folder: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = (depth_capture, "--model", toy_folder, "--out", tmp_path / "run", "--device", "cpu", "--subject", which)
    assert main(["fit", *map(str, arguments)]) == 2
    assert "--subject: subjects are told apart by a coordinate network" in capsys.readouterr().err


def test_the_side_of_a_hand_is_stated_and_printed(
    toy_folder: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Dolls stand for hands."""
    quick = ("--steps", "1", "--resolution", "24", "--side", "left")
    assert "does not say of which side it is" in refusal(
        capsys, depth_capture, "--model", toy_folder, "--out", tmp_path / "none", *quick
    )
    hands = Path(shutil.copytree(toy_folder, tmp_path / "hands.npm"))
    description = json.loads((hands / "model.json").read_text())
    description["training"]["recipe"] = {"side": "right"}
    (hands / "model.json").write_text(json.dumps(description))
    printed = fit(capsys, depth_capture, "--model", hands, "--out", tmp_path / "run", *quick)
    assert (printed["side"], printed["side_fitted"], printed["side_how"]) == ("left", "left", "as stated")
    assert main(["fit", str(depth_capture), "--model", str(hands), "--out", str(tmp_path / "auto"), *quick[:4]]) == 0
    captured = capsys.readouterr()
    assert "if it is not, state --side left" in captured.err
    assert "side: uncertain, fitted as right, the model cannot tell sides" in captured.err


def test_cameras_of_one_scene_are_fitted_together_by_name_or_by_the_folder_that_lists_them(
    toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = recorded_around(tmp_path / "around", 2)
    quick = ("--model", toy_folder, "--steps", "2", "--resolution", "24")
    fit(capsys, first, "--views", second, *quick, "--out", tmp_path / "named")
    (tmp_path / "around" / "views.json").write_text('{"views": ["view_0", "view_1"]}')
    fit(capsys, tmp_path / "around", *quick, "--out", tmp_path / "listed")
    one, other = load_run(tmp_path / "named"), load_run(tmp_path / "listed")
    assert one.inputs.views == other.inputs.views == (second.resolve(),)
    assert np.array_equal(one.meshes.vertices(), other.meshes.vertices())


def test_a_scan_is_fitted_without_being_told_its_unit_and_how_it_stands_and_what_was_done_is_said(
    toy_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    doll = doll_meshes()[0]
    save_mesh(Mesh(100 * doll.vertices[:, [2, 0, 1]], doll.faces), tmp_path / "doll.stl")
    arguments = ("--model", toy_folder, "--steps", "8", "--resolution", "40", "--out", tmp_path / "run")
    assert main(["fit", *map(str, (tmp_path / "doll.stl", *arguments)), "--device", "cpu"]) == 0
    said = capsys.readouterr().err
    assert "its unit is taken to be centimetres" in said
    assert "up is taken to be" in said
    assert "mean distances: scan to fit" in said
    assert load_run(tmp_path / "run").details["scan"]["unit"] == "centimetres"


def test_some_frames_of_a_run_are_fitted_again_and_which_is_said(
    toy_folder: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = ("--model", toy_folder, "--steps", "3", "--resolution", "24")
    fit(capsys, depth_capture, *quick, "--out", tmp_path / "run")
    again = (depth_capture, *quick, "--refit", tmp_path / "run", "--range", "1:2", "--out", tmp_path / "new")
    assert main(["fit", *map(str, again), "--device", "cpu"]) in (0, 2)  # three steps do not make a good fit
    assert "fitted again: 000001 to 000002; all other frames are those of" in capsys.readouterr().err
    first = [(tmp_path / run / "meshes" / "000000.ply").read_bytes() for run in ("run", "new")]
    assert first[0] == first[1]
    alone = (depth_capture, *quick, "--range", "1:2", "--out", tmp_path / "other")
    assert "--refit and --range: belong together" in refusal(capsys, *alone)


def test_a_method_that_deforms_a_mesh_takes_a_model_or_a_template(
    toy_folder: Path, depth_capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("rtree")
    few = ("--method", "nricp", "--vertices", "200", "--steps", "1", "--iterations", "1", "--resolution", "24")
    first = fit(capsys, depth_capture, "--model", toy_folder, "--out", tmp_path / "first", *few)
    run = load_run(tmp_path / "first")
    assert (first["method"], first["frames"], run.inputs.model) == ("nricp", 3, toy_folder.resolve())
    save_mesh(run.meshes.read(0), tmp_path / "template.ply")
    fit(capsys, depth_capture, "--template", tmp_path / "template.ply", "--out", tmp_path / "second", *few)
    assert load_run(tmp_path / "second").inputs.model is None
