"""`npm-studio compare`."""

import csv
import json
import os
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from npm_studio.cli.main import main
from npm_studio.reports.comparison.compared import named_runs
from tests.support.compared_runs import recording_of_ball, run_of_ball
from tests.support.progress import Impatient

OFF = (0.03, 0.0, 0.0)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    return recording_of_ball(tmp_path / "walk")


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The one line, after what is said before it."""
    assert main(["compare", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = [line for line in captured.err.splitlines() if line.startswith("npm-studio: ")]
    return line


class Wants(HTMLParser):
    """All that a page would have to fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data", "poster")]


@pytest.mark.slow
def test_a_comparison_is_a_page_that_asks_for_nothing_and_tables(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = run_of_ball(tmp_path / "good", recording)
    off = run_of_ball(tmp_path / "off", recording, by=OFF, method="nricp", rows=(0, 1))
    out = tmp_path / "out"
    assert main(["compare", str(good.folder), str(off.folder), "--out", str(out), "--json"]) == 0
    captured = capsys.readouterr()
    told = json.loads(captured.out.splitlines()[-1])
    assert "it lies in the folder of the recording" in captured.err
    assert sorted(path.name for path in out.iterdir()) == ["comparison.json", "frames.csv", "index.html", "summary.csv"]
    assert told["against"] == "truth" and told["frames"] == 2 and told["left_out"]["npm"] == ["000002", "000003"]
    assert [side["name"] for side in told["sides"]] == ["npm", "nricp"]
    assert told["sides"][0]["metrics"]["surface_mm"]["mean"] < 0.1
    assert told["sides"][1]["metrics"]["correspondence_mm"]["mean"] == pytest.approx(30, abs=0.01)
    page = (out / "index.html").read_text(encoding="utf-8")
    wants = Wants()
    wants.feed(page)
    assert wants.found and all(value.startswith("data:") for value in wants.found)
    assert not re.search(r"url\(|@import|https?://|fetch\(|XMLHttpRequest", re.sub(r">[^<]{5000,}<", "><", page))
    assert "2 of 4 frames of npm have no partner and do not count: 000002 to 000003." in page
    assert "SHA-256" in page and "npm-studio compare" in page
    assert not list(tmp_path.glob(".*"))
    with (out / "frames.csv").open(newline="") as file:
        assert {row["side"] for row in csv.DictReader(file)} == {"npm", "nricp"}
    assert main(["compare", str(good.folder), str(off.folder), "--truth", "none", "--out", str(out), "--json"]) == 0
    again = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert again["against"] == "observation" and again["headline"] == "seen_mm" and again["truth"] is None
    assert again["sides"][0]["metrics"]["seen_mm"]["mean"] < again["sides"][1]["metrics"]["seen_mm"]["mean"]


def test_runs_that_cannot_be_compared_are_refused_with_the_reason(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    run, early = run_of_ball(tmp_path / "run", recording), run_of_ball(tmp_path / "early", recording, rows=(0, 1))
    late = run_of_ball(tmp_path / "late", recording, rows=(2, 3))
    broken = run_of_ball(tmp_path / "broken", recording)
    (broken.folder / "meshes" / "000002.ply").write_bytes(b"ply\n")
    monkeypatch.chdir(tmp_path)
    assert "is there twice" in refusal(capsys, run.folder, early.folder, "run", "--out", out)
    assert "have no frame names in common" in refusal(capsys, early.folder, late.folder, "--out", out)
    assert "broken/meshes/000002.ply" in refusal(capsys, run.folder, broken.folder, "--out", out)
    assert "is not a run" in refusal(capsys, run.folder, recording, "--out", out)
    assert "exists and is no comparison; choose another folder for --out" in refusal(
        capsys, run.folder, early.folder, "--out", recording
    )
    out.mkdir()
    (out / "comparison.json").write_text("{}")
    (out / "notes.txt").write_text("mine")
    assert "holds notes.txt, too, which would be lost" in refusal(capsys, run.folder, early.folder, "--out", out)
    assert (out / "notes.txt").read_text() == "mine" and not list(tmp_path.glob(".*"))


def test_runs_of_different_recordings_need_a_truth_that_is_named(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = recording_of_ball(tmp_path / "other")
    runs = [run_of_ball(tmp_path / name, place).folder for name, place in (("a", recording), ("b", other))]
    line = refusal(capsys, *runs, "--out", tmp_path / "out")
    assert "are of different recordings" in line and "name --truth of all" in line


def test_without_truth_and_recording_there_must_be_what_the_runs_say(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [run_of_ball(tmp_path / name, tmp_path / "gone").folder for name in "ab"]
    line = refusal(capsys, *runs, "--out", tmp_path / "out")
    assert "neither truth nor what was seen" in line


def test_an_interrupted_comparison_leaves_nothing(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run_of_ball(tmp_path / name, recording).folder for name in "ab"]
    for polls in (1, 7, 20):
        with monkeypatch.context() as patched:
            impatient = Impatient(polls)
            patched.setattr(
                "npm_studio.cli.console.ConsoleProgress.cancelled", lambda _, each=impatient: each.cancelled()
            )
            assert main(["compare", *map(str, runs), "--out", str(tmp_path / "out")]) == 130
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b", "walk"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is closed to root")
def test_a_folder_that_cannot_be_written_is_named(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [run_of_ball(tmp_path / name, recording).folder for name in "ab"]
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert str(closed) in refusal(capsys, *runs, "--out", closed / "out")


def test_runs_are_called_by_their_methods_or_else_their_folders(recording: Path, tmp_path: Path) -> None:
    first, second = (run_of_ball(tmp_path / name, recording) for name in ("first", "second"))
    third = run_of_ball(tmp_path / "third", recording, method="nricp")
    other = run_of_ball(tmp_path / "elsewhere" / "first", recording)
    assert list(named_runs([first, third])) == ["npm", "nricp"]
    assert list(named_runs([first, second, third])) == ["first", "second", "nricp"]
    assert list(named_runs([first, other])) == [f"{tmp_path.name}/first", "elsewhere/first"]
