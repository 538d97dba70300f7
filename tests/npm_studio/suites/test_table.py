"""The table of a suite, and what is said of it."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.core.errors import InputError
from npm_studio.suites.page import write_page
from npm_studio.suites.running import Cell
from npm_studio.suites.suite import CasePlan
from npm_studio.suites.summary import blocks_of, failures_of, header, sentences_of
from npm_studio.suites.table import ALL, CSV, Row, Table, load_table, rows_of, write_table

FRAMES = [f"{frame:06d}" for frame in range(8)]
A, B = CasePlan("a-8", "a", (8, 1)), CasePlan("b-8", "b", (8, 1))


def cell(case: CasePlan, contender: str, surface: float, seconds: float = 4.0, **facts: Any) -> Cell:
    """A measured cell whose surface is off by about ``surface`` mm, in the same uneven way for all contenders."""
    wave = surface + 0.5 * np.sin(np.arange(len(FRAMES)))
    known = {"given": "same", "seconds": seconds, "frames": 8, "precision": "float32", "device": "a CPU", **facts}
    per_frame = {
        "surface_mm": wave.tolist(),
        "iou": (1 - wave / 100).tolist(),
        "lost": (wave > 40).astype(float).tolist(),
        "epe_mm": [None, *wave[1:].tolist()],
    }
    subjects = [{"subject": 0, "frames": FRAMES, "per_frame": per_frame}]
    measures = {"facts": known, "samples": 500, "iou_points": 900, "seed": 0, "subjects": subjects}
    return Cell(case, "clean", contender, measures)


def table_of(*cells: Cell) -> Table:
    made = {
        "model": "toy", "model_sha256": "0123456789abcdef", "devices": ["a CPU"], "processor": "slow", "torch": ["2"],
        "npm_studio": "1", "commit": "abc", "seed": 0,
    }  # fmt: skip
    return Table("mine", "My suite", "Balls.", made, ("skinned",), rows_of(cells))


def found(table: Table, case: str, contender: str, metric: str, less: str = "") -> Row:
    row = table.find("subset", case, "clean", contender, metric, less)
    assert row is not None
    return row


def test_a_line_has_value_unit_interval_and_what_it_was_made_with() -> None:
    row = found(table_of(cell(A, "npm", 5.0), cell(B, "npm", 7.0)), "a-8", "npm", "surface_mm")
    assert row.value == pytest.approx(5 + 0.5 * np.sin(np.arange(8)).mean())
    assert row.low is not None and row.high is not None and row.value is not None
    assert row.low < row.value < row.high
    assert (row.unit, row.frames, row.samples, row.iou_points, row.seed) == ("mm", 8, 500, 900, 0)
    assert (row.precision, row.device) == ("float32", "a CPU")


def test_the_mean_over_all_cases_is_that_of_their_means_and_unknown_frames_count_nothing() -> None:
    table = table_of(cell(A, "npm", 5.0), cell(B, "npm", 7.0))
    values = [found(table, case, "npm", "epe_mm").value or 0 for case in ("a-8", "b-8")]
    total = found(table, ALL, "npm", "epe_mm")
    assert total.value == pytest.approx(np.mean(values)) and total.cases == 2 and total.frames == 14
    assert table.find("subset", ALL, "clean", "npm", "jitter_m_per_s2") is None
    assert found(table, ALL, "npm", "seconds_per_frame").value == pytest.approx(0.5)


def test_differences_to_npm_are_paired_frame_by_frame() -> None:
    table = table_of(cell(A, "npm", 5.0), cell(B, "npm", 7.0), cell(A, "nricp", 6.0), cell(B, "nricp", 8.0))
    row = found(table, ALL, "nricp", "surface_mm", less="npm")
    assert row.value == pytest.approx(1.0) and row.low == pytest.approx(1.0) and row.high == pytest.approx(1.0)
    assert not any(row.less for row in table.rows if row.contender == "npm")


def test_meshes_made_elsewhere_have_no_time() -> None:
    table = table_of(cell(A, "npm", 5.0), cell(A, "imported:meshes=x", 6.0))
    rows = [row.metric for row in table.rows if row.contender.startswith("imported")]
    assert "surface_mm" in rows and "seconds_per_frame" not in rows


def test_who_was_given_something_else_is_not_compared() -> None:
    table = table_of(cell(A, "npm", 5.0), cell(A, "nricp", 6.0, given="other"))
    assert not any(row.less for row in table.rows)


def test_another_method_that_wins_is_named_with_its_interval_and_its_cases() -> None:
    table = table_of(cell(A, "npm", 5.0), cell(B, "npm", 7.0), cell(A, "nricp", 3.0), cell(B, "nricp", 8.0))
    sentences = sentences_of(table)
    assert any(
        line.startswith("Surface, clean, subset: `nricp` is better than `npm`, 5.5 against 6.0, difference -0.5 [")
        and line.endswith("which may be chance.")
        for line in sentences
    )
    table = table_of(cell(A, "npm", 5.0), cell(B, "npm", 7.0), cell(A, "nricp", 4.5), cell(B, "nricp", 9.0))
    wanted = "Surface, clean, subset: `nricp` is better than `npm` in a-8, and not over all cases."
    assert wanted in sentences_of(table)


def test_where_no_other_method_wins_that_is_said_and_variants_of_npm_are_no_others() -> None:
    table = table_of(cell(A, "npm", 5.0), cell(A, "npm:steps=30", 4.0), cell(A, "nricp", 6.0), cell(A, "skinned", 1.0))
    assert sentences_of(table)[-1] == "No other method is better than `npm` over all cases or in a single one."


def test_times_are_compared_at_the_same_precision_alone() -> None:
    table = table_of(
        cell(A, "npm", 5.0, 1.0, precision="bfloat16"), cell(A, "npm:precision=float32", 5.0, 2.0),
        cell(A, "npm-reference", 9.0, 300.0),
    )  # fmt: skip
    times = [line for line in sentences_of(table) if "times as long" in line]
    assert times == [
        "s/frame, clean, subset: `npm-reference` takes 150 times as long per frame as `npm:precision=float32`, "
        "both in float32."
    ]


def test_the_best_of_each_column_knows_nothing_of_the_generator_and_was_measured_on_all_cases() -> None:
    broken = Cell(B, "clean", "cpd", reason="it broke")
    table = table_of(
        cell(A, "npm", 5.0), cell(B, "npm", 7.0), cell(A, "nricp", 6.0, 1.0), cell(B, "nricp", 8.0, 1.0),
        cell(A, "skinned", 1.0), cell(B, "skinned", 1.0), cell(A, "cpd", 2.0), broken,
    )  # fmt: skip
    block = next(iter(blocks_of(table)))
    best = {line.contender: dict(zip(header(), line.is_best, strict=False)) for line in block.lines}
    assert best["npm"]["Surface, mm"] and best["nricp"]["s/frame"] and not best["nricp"]["Surface, mm"]
    assert best["npm"]["Lost"] and best["nricp"]["Lost"]  # neither has lost any
    assert not any(best["skinned"].values()) and not any(best["cpd"].values())
    assert {line.contender: line.cases for line in block.lines} == {
        "npm": "2",
        "nricp": "2",
        "skinned": "2",
        "cpd": "1 of 2",
    }
    assert [(row.contender, row.case, row.reason) for row in failures_of(table)] == [("cpd", "b-8", "it broke")]


def test_a_table_is_tidy_on_disk_and_comes_back(tmp_path: Path) -> None:
    table = table_of(cell(A, "npm", 5.0), Cell(A, "clean", "cpd", reason="it, broke"))
    write_table(table, tmp_path)
    assert load_table(tmp_path).rows == table.rows
    with (tmp_path / CSV).open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(table.rows)
    assert (
        lines[0]["metric"] == "surface_mm"
        and float(lines[0]["value"]) == found(table, "a-8", "npm", "surface_mm").value
    )
    assert [line["reason"] for line in lines if not line["metric"]] == ["it, broke"]
    (tmp_path / "table.json").write_text(json.dumps({"rows": [{"part": 1}]}))
    with pytest.raises(InputError, match="is not the table of a benchmark; run `npm-studio benchmark`"):
        load_table(tmp_path)


def test_a_page_gets_a_section_for_each_table_and_keeps_all_else(tmp_path: Path) -> None:
    page, out = tmp_path / "page.md", tmp_path / "out"
    page.write_text("# Figures\n\nBy hand.\n")
    write_table(table_of(cell(A, "npm", 5.0), cell(A, "nricp", 6.0), Cell(A, "clean", "cpd", reason="it | broke")), out)
    write_page([out], page)
    text = page.read_text()
    assert text.startswith("# Figures\n\nBy hand.\n\n<!-- benchmark mine toy: begin -->\n## My suite, `toy`\n")
    assert "### The subset that all methods get, clean; cases: 1, frames: 8" in text
    assert "| `npm` | 1 | **5.0** |" in text and "it \\| broke" in text
    assert "Jitter" not in text and "Whole recordings" not in text
    page.write_text(text + "\nAfter.\n")
    write_table(table_of(cell(A, "npm", 3.0), cell(A, "nricp", 6.0)), out)
    write_page([out], page)
    again = page.read_text()
    assert "**3.0**" in again and "5.0" not in again and again.endswith("end -->\n\nAfter.\n")
    assert again.count("begin -->") == 1
    write_page([out], page)
    assert page.read_text() == again
    with pytest.raises(InputError, match="two tables are of mine toy"):
        write_page([out, out], page)
