"""Numbers of a comparison as tables and sentences, and which frames are shown."""

import csv
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.comparison.colour_scale import error_limit_mm
from engine.comparison.comparison import compare
from engine.comparison.frame_errors import FrameErrors, frame_errors
from engine.comparison.side import Side, sides_of_runs
from engine.comparison.summary import summarise
from engine.methods.run import load_run
from npm_studio.reports.comparison.number_table import all_numbers, lead, main_table
from npm_studio.reports.comparison.pictures import typical_frame, worst_frames
from npm_studio.reports.comparison.provenance import content_hash, fit_command
from npm_studio.reports.comparison.tables import Numbers, as_dict, write_tables
from npm_studio.reports.line_chart import compared_chart
from tests.support.compared_runs import recording_of_ball, run_of_ball, true_meshes
from tests.support.walking_ball import ball_meshes, moved


def numbers_of(*offsets: float, frames: int = 4) -> Numbers:
    """Of balls that are off by as many metres, the last of them in its last frame alone."""
    meshes = ball_meshes(frames)
    sides = [Side(f"off {index}", moved(meshes, range(frames), (by, 0, 0))) for index, by in enumerate(offsets)]
    comparison = compare(sides, Side("truth", meshes))
    errors = frame_errors(comparison)
    return Numbers(comparison, errors, summarise(comparison, errors), 0)


def test_each_cell_that_a_side_wins_is_marked_and_no_cell_where_all_are_alike() -> None:
    table = main_table(numbers_of(0.02, 0.01))
    surface = table.split("<tr")[2]
    first, second = surface.split("<td")[1:]
    assert "best" not in first and "best" in second and "[" in first
    assert "best" not in main_table(numbers_of(0.01, 0.01))
    three = main_table(numbers_of(0.01, 0.05, 0.01)).split("<tr")[2].split("<td")[1:]
    assert ["best" in cell for cell in three] == [True, False, True]


def test_the_lead_says_who_is_nearest_by_how_much_and_who_is_better_elsewhere() -> None:
    numbers = numbers_of(0.02, 0.01)
    said = lead(numbers)
    assert said.startswith("<b>off 1</b> is nearest to the truth: 4.9 mm on average, 4.9 mm less than off 0.")
    apart = {**numbers.errors.values, "correspondence_mm": numbers.errors.values["correspondence_mm"][::-1]}
    errors = replace(numbers.errors, values=apart)
    swapped = replace(numbers, errors=errors, sides=summarise(numbers.comparison, errors))
    assert lead(swapped).endswith("Elsewhere another is better: <b>off 0</b> in correspondence.")
    assert lead(numbers_of(0.02)) == "<b>off 0</b> is 9.9 mm from the truth on average."


def test_meshes_made_elsewhere_take_no_part_in_times(tmp_path: Path) -> None:
    recording = recording_of_ball(tmp_path / "walk")
    runs = {name: run_of_ball(tmp_path / name, recording, method=name) for name in ("imported", "npm")}
    comparison = compare(sides_of_runs(runs), Side("truth", true_meshes(4)))
    errors = frame_errors(comparison)
    numbers = Numbers(comparison, errors, summarise(comparison, errors), 0)
    assert [side.seconds_per_frame for side in numbers.sides] == [None, 2.0]
    row = main_table(numbers).split("Seconds per frame")[1]
    assert "<td>–</td>" in row and "best" not in row and "in time" not in lead(numbers)


def test_a_difference_that_may_be_chance_is_called_that() -> None:
    numbers = numbers_of(0.02, 0.01, frames=6)
    noise = np.array([1.0, -1.2, 0.9, -0.8, 1.1, -0.9])
    values = np.stack([5 + noise, np.full(6, 4.99)])
    errors = replace(numbers.errors, values={"surface_mm": values})
    mixed = replace(numbers, errors=errors, sides=summarise(numbers.comparison, errors))
    assert "which may be chance" in lead(mixed) and "≈" in main_table(mixed)


def test_what_is_not_known_of_a_side_is_a_dash_with_its_reason() -> None:
    numbers = numbers_of(0.02, 0.01)
    values = {**numbers.errors.values, "correspondence_mm": np.stack([np.full(4, np.nan), np.ones(4)])}
    errors = replace(
        numbers.errors, values=values, undefined={"correspondence_mm": ("it has no <canonical> surface", "")}
    )
    unknown = replace(numbers, errors=errors, sides=summarise(numbers.comparison, errors))
    assert "<td>–</td>" in main_table(unknown)
    assert "No correspondence of off 0: it has no &lt;canonical&gt; surface." in all_numbers(unknown)


def test_tables_hold_the_same_numbers_as_the_json(tmp_path: Path) -> None:
    numbers = numbers_of(0.02, 0.01)
    write_tables(numbers, ("a note",), {"command": "npm-studio compare"}, tmp_path)
    told = json.loads((tmp_path / "comparison.json").read_text())
    assert told["notes"] == ["a note"] and told["against"] == "truth" and told["headline"] == "surface_mm"
    with (tmp_path / "frames.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8 and rows[0]["frame"] == "000000" and rows[1]["lost"] == "0"
    for row in rows:
        frame = told["frames"].index(row["frame"])
        assert float(row["accuracy_mm"]) == told["per_frame"]["accuracy_mm"][row["side"]][frame]
    with (tmp_path / "summary.csv").open(newline="") as file:
        summary = {(row["side"], row["metric"]): row for row in csv.DictReader(file)}
    of_json = {side["name"]: side for side in told["sides"]}
    cell = summary["off 0", "surface_mm"]
    expected = of_json["off 0"]["metrics"]["surface_mm"]
    assert float(cell["mean"]) == expected["mean"] and cell["worst_frame"] == expected["worst_frame"]
    assert float(cell["low"]) == expected["to_best"]["low"] > 0
    assert summary["off 1", "seconds_per_frame"]["mean"] == ""
    json.dumps(as_dict(numbers, ()), allow_nan=False)


def test_the_worst_frame_of_each_side_is_shown_then_the_worst_of_all_and_no_neighbours() -> None:
    values = np.full((2, 60), 1.0)
    values[0, 30:33], values[0, 50], values[1, 32] = (8.0, 9.0, 7.0), 6.0, 3.0
    errors = FrameErrors({"surface_mm": values}, {}, values > 40, (True, True))
    shown = worst_frames(errors, "surface_mm", most=4)
    assert [(each.frame, each.side, each.is_worst) for each in shown[:3]] == [
        (31, 0, True),
        (50, 0, False),
        (32, 1, True),
    ]
    assert len(shown) == 4 and abs(shown[3].frame - 31) >= 3
    values[0] = np.nan
    assert {each.side for each in worst_frames(errors, "surface_mm")} == {1}


def test_the_typical_frame_is_the_median_one() -> None:
    values = np.array([[5.0, 1.0, 2.0], [5.0, 1.0, np.nan]])
    assert typical_frame(FrameErrors({"m": values}, {}, values > 40, (True, True)), "m") in (0, 1)
    values = np.array([[5.0, 1.0, 2.0]])
    assert typical_frame(FrameErrors({"m": values}, {}, values > 40, (True,)), "m") == 2


def test_a_side_that_is_lost_does_not_stretch_the_scale_of_the_others() -> None:
    near = numbers_of(0.012, 0.015).comparison
    with_lost = numbers_of(0.012, 0.015, 3.0).comparison
    assert error_limit_mm(near) == error_limit_mm(with_lost) == 20.0
    assert error_limit_mm(replace(near, reference=None)) is None


def test_curves_that_lie_far_apart_get_a_logarithmic_axis() -> None:
    flat, far = np.full(5, 5.0), np.array([4.0, 5.0, 400.0, np.nan, 300.0])
    lost = [np.zeros(5, bool), np.array([False, False, True, True, True])]
    chart = compared_chart([flat, far], "surface [mm]", ["red", "blue"], lost, list("abcde"))
    assert "logarithmic" in chart and chart.count('class="ring"') == 2
    assert "logarithmic" not in compared_chart([flat, flat * 2], "surface [mm]", ["red", "blue"], lost, list("abcde"))
    one = compared_chart([np.array([2.0])], "surface [mm]", ["red"], [np.zeros(1, bool)], ["only"])
    assert one.count(">only<") == 1


def test_a_hash_is_of_contents_and_names(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name / "depth").mkdir(parents=True)
        (tmp_path / name / "depth" / ("x" if name != "c" else "y")).write_bytes(b"depth")
    assert content_hash(tmp_path / "a") == content_hash(tmp_path / "b") != content_hash(tmp_path / "c")
    (tmp_path / "b" / "depth" / "x").write_bytes(b"Depth")
    assert content_hash(tmp_path / "a") != content_hash(tmp_path / "b")
    assert content_hash(tmp_path / "a" / "depth" / "x") == hashlib.sha256(b"depth").hexdigest()
    assert content_hash(tmp_path / "gone") is None


def test_the_command_of_a_run_says_what_is_not_the_default(tmp_path: Path) -> None:
    recording = recording_of_ball(tmp_path / "a walk")
    run = run_of_ball(tmp_path / "run", recording, method="npm-tracker")
    stated = replace(run, inputs=replace(run.inputs, seed=4, config={"resolution": 96}))
    command = fit_command(stated)
    assert command.startswith(f"npm-studio fit '{recording}' --method npm-tracker --resolution 96 --seed 4")
    default = replace(run, inputs=replace(run.inputs, config={"resolution": 256}))
    assert "--resolution" not in fit_command(default)
    foreign = replace(stated, method="of somebody else")
    assert "--resolution 96" in fit_command(foreign)
    assert sides_of_runs({"npm": load_run(tmp_path / "run")})[0].run is not None
