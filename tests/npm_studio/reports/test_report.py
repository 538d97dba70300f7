import math
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.evaluate.definitions import CANONICAL_METRICS, METRICS
from engine.evaluate.metrics import SequenceMetrics
from engine.geometry.similarity import Similarity
from engine.methods.run import Run, RunInputs, frame_records
from engine.sequences.joining import JoinedFrames
from npm_studio.reports.line_chart import line_chart
from npm_studio.reports.pictures import save_picture
from npm_studio.reports.report import Figure, Report, write_report
from tests.support.walking_ball import ball_meshes


class Outline(HTMLParser):
    """Checks that tags are closed in order, and collects text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img", "line", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("line",):
            assert self.open.pop() == tag

    def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        pass

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def run_of_three(**changed: Any) -> Run:
    """The second of its frames is lost."""
    meshes = ball_meshes(3)
    records = [
        replace(frame, confidence=0.9, lost=row == 1, mean_distance_mm=None if row == 1 else 6.5)
        for row, frame in enumerate(frame_records(meshes))
    ]
    run = Run(Path("run"), "npm", RunInputs(Path("walk")), meshes, tuple(records), {"total": 1.0})
    return replace(run, verdict="poor", reason="1 of 3 <frames> is lost", **changed)


def report(tmp_path: Path, epe: float = 0.004) -> Report:
    picture = tmp_path / "picture.png"
    save_picture(np.zeros((4, 4, 3), np.uint8), picture)
    per_frame = {metric.name: np.array([2.5, 5.0]) for metric in METRICS}
    means = {metric.name: 2.5 for metric in METRICS} | {"iou": 0.9, "epe_mm": epe * 2500, "chamfer_l2_mm2": 12.5}
    for metric in CANONICAL_METRICS:
        per_frame[metric.name] = metric.from_world(per_frame[metric.world], 0.4)
        means[metric.name] = metric.from_world(means[metric.world], 0.4)
    metrics = SequenceMetrics(
        frame_names=("000000", "000001"),
        times_s=np.array([0.0, 0.1]),
        per_frame=per_frame,
        means=means,
        undefined={"jitter_m_per_s2": "two frames"},
        similarity=Similarity(0.4),
        similarity_of="truth",
        joined=JoinedFrames(((0, 0), (1, 1)), "name", (), ()),
        samples=1000,
        iou_points=5000,
        seed=3,
        keyframes=(0,),
    )
    return Report(
        title="<dolls> & more",
        summary="Two frames.",
        figures=[Figure(picture, 'a "picture"')],
        run=run_of_three(),
        metrics=metrics,
        timings={"Fit": 12.3},
        machine={"cpu": "two cores"},
        files={"metrics.json": "all metrics"},
    )


def written(tmp_path: Path, value: Report) -> tuple[str, str]:
    write_report(value, tmp_path / "report.html")
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    outline = Outline()
    outline.feed(html)
    assert outline.open == []
    return html, " ".join(" ".join(outline.text).split())


def test_a_report_shows_each_metric_with_definition_unit_and_its_size_in_the_world(tmp_path: Path) -> None:
    _, text = written(tmp_path, report(tmp_path))
    for metric in METRICS:
        assert metric.definition in text
        assert f"Unit: {metric.unit}." in text
    assert "2.5 mm 0.0010" in text  # 0.001 canonical units at 0.4 per metre
    assert "12.5 mm² 0.0020e-3" in text
    assert "the similarity 0.4 per metre about (0, 0, 0) m, of the truth" in text
    assert "Not defined here: two frames." in text
    assert "1,000 surface samples" in text
    assert "seed 3" in text


def test_a_report_escapes_what_it_is_told(tmp_path: Path) -> None:
    html, text = written(tmp_path, report(tmp_path))
    assert "<dolls>" not in html
    assert "<dolls> & more" in text
    assert 'alt="a &quot;picture&quot;"' in html


def test_a_tracking_error_that_is_not_defined_is_a_dash(tmp_path: Path) -> None:
    _, text = written(tmp_path, report(tmp_path, epe=math.nan))
    assert "nan" not in text
    assert "EPE – –" in text


def test_a_report_follows_the_light_or_dark_preference(tmp_path: Path) -> None:
    html, _ = written(tmp_path, report(tmp_path))
    assert "prefers-color-scheme: dark" in html


def test_a_report_has_the_verdict_its_reason_and_the_lost_frames(tmp_path: Path) -> None:
    html, text = written(tmp_path, report(tmp_path))
    assert "Verdict of the fit: poor – 1 of 3 <frames> is lost." in text
    assert "<frames>" not in html
    assert "Lost: 000001 (1 of 3 frames)." in text
    assert "mean distance of what was seen to the fit [mm]" in text and "confidence of the method" in text
    assert html.count('class="lost"') == 2  # in both charts


def test_a_report_says_of_which_side_a_hand_is_and_how_that_is_known(tmp_path: Path) -> None:
    side = {"side": {"word": "uncertain", "fitted": "right", "how": "the network says 1.5 to 1"}}
    _, text = written(tmp_path, replace(report(tmp_path), run=replace(run_of_three(), details=side)))
    assert "Side: uncertain, fitted as right, the network says 1.5 to 1." in text


def test_a_report_of_a_run_without_a_verdict_says_so(tmp_path: Path) -> None:
    silent = replace(run_of_three(), verdict=None, reason=None)
    _, text = written(tmp_path, replace(report(tmp_path), run=silent))
    assert "The fit has no verdict of its own." in text


def test_a_chart_has_gaps_where_nothing_is_known() -> None:
    chart = ElementTree.fromstring(line_chart({"d": np.array([1.0, 2.0, np.nan, 3.0])}, "distance [mm]", [2]))
    lines = [line.attrib["points"].split() for line in chart.findall("polyline")]
    assert [len(points) for points in lines] == [2, 1]
    assert len(chart.findall("rect")) == 1
    nothing = ElementTree.fromstring(line_chart({"d": np.array([np.nan, np.nan])}, "distance [mm]"))
    assert nothing.findall("polyline") == []


@pytest.mark.parametrize("values", [[0.0, 3.0, 7.4], [5.0], [0.0, 0.0], [1e-5, 2e-5]])
def test_a_chart_stays_inside_its_frame(values: list[float]) -> None:
    chart = ElementTree.fromstring(line_chart({"accuracy": np.array(values)}, "distance [mm]"))
    (line,) = chart.findall("polyline")
    points = np.array([[float(c) for c in pair.split(",")] for pair in line.attrib["points"].split()])
    assert points.shape == (len(values), 2)
    assert (points >= 0).all()
    assert (points <= [1000, 240]).all()
    assert (np.diff(points[:, 1]) <= 0).all()  # larger is higher
