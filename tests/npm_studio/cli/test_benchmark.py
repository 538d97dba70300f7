"""`npm-studio benchmark`."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from engine.core.files import read_json
from engine.geometry.mesh import Mesh, save_mesh
from engine.sequences.truth import load_truth
from npm_studio.cli.main import main
from tests.support.toy_dataset import write_dolls

SUITE = {
    "title": "Dolls",
    "about": "Dolls that bend.",
    "recordings": {"kind": "sequences", "names": ["tall/bend", "small/bend"], "get": "make some dolls"},
    "settings": ["clean"],
    "model": "toy",
    "methods": ["imported"],
    "on_all_cases": [],
    "subset": {"names": ["tall/bend", "small/bend"], "frames": 3},
    "samples": 2000,
    "iou_points": 2000,
}
CASES = ("tall-bend-3", "small-bend-3")


@pytest.fixture(scope="module")
def ready(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite with its cases, and as results of two other programs the truth and what is 20 mm beside it."""
    root = tmp_path_factory.mktemp("benchmark")
    (root / "dolls.yaml").write_text(yaml.safe_dump(SUITE))
    data = write_dolls(root / "data", ("tall", "small"))
    words = ["benchmark", str(root / "dolls.yaml"), "--prepare-only", "--cases", str(root / "cases")]
    assert main([*words, "--data", str(data)]) == 0
    for case in CASES:
        truth = load_truth(root / "cases" / case / "truth").meshes
        for name, beside in (("right", 0.0), ("beside", 0.02)):
            for frame, mesh in zip(truth.frame_names, truth, strict=True):
                path = root / name / case / f"{frame}.ply"
                path.parent.mkdir(parents=True, exist_ok=True)
                save_mesh(Mesh(mesh.vertices + np.array([beside, 0, 0], np.float32), mesh.faces), path)
    return root


@pytest.fixture
def benchmark(ready: Path, toy_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.setattr("npm_studio.suites.running.cores", lambda: 1)  # processes of their own take seconds to start

    def run(*methods: str, out: str = "out") -> int:
        stated = [f"imported:meshes={ready / method / '{case}'}" for method in methods]
        words = ["benchmark", str(ready / "dolls.yaml"), "--cases", str(ready / "cases"), "--model", str(toy_folder)]
        return main([*words, "--methods", *stated, "--out", str(tmp_path / out), "--device", "cpu", "--workers", "0"])

    return run


def times_begun(out: Path) -> int:
    return sum(json.loads(line)["event"] == "begun" for line in (out / "log.jsonl").read_text().splitlines())


def test_methods_on_cases_make_one_tidy_table_and_a_second_start_does_nothing(
    benchmark: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark("right", "beside") == 0
    printed, out = capsys.readouterr().out, tmp_path / "out"
    assert "dolls, subset, clean: 2 cases, 6 frames; * is the best" in printed
    with (out / "table.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if line["case"] == "all" and line["metric"] == "surface_mm"]
    right, beside = (float(line["value"]) for line in lines)
    assert right < 0.01 and 5 < beside < 20
    assert {line["precision"] for line in lines} == {""} and {line["samples"] for line in lines} == {"2000"}
    made = read_json(out / "table.json")["provenance"]
    assert made["model"] == "toy" and len(made["model_sha256"]) == 64 and "torch" in made
    assert times_begun(out) == 8  # four fits, and four to be measured
    shutil.rmtree(out / "fits")  # which are large, and measured
    assert benchmark("right", "beside") == 0
    assert times_begun(out) == 8 and capsys.readouterr().out == printed


def test_all_methods_are_given_the_same_and_each_subject_its_own(benchmark: Callable[..., int], tmp_path: Path) -> None:
    assert benchmark("right", "beside") == 0
    facts = [read_json(path) for path in sorted((tmp_path / "out" / "fits").glob("*/cell.json"))]
    given = {case: {each["given"] for each in facts if case in each["config"]["meshes"]} for case in CASES}
    assert [len(each) for each in given.values()] == [1, 1] and given[CASES[0]] != given[CASES[1]]


def test_a_cell_that_fails_is_a_line_of_the_table_and_the_others_are_done(
    benchmark: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark("right", "nothing") == 2
    captured = capsys.readouterr()
    assert "table.csv: 2 of 4 cells have no figures, the first is imported:" in captured.err.splitlines()[-1]
    assert "no such folder or file" in captured.err.splitlines()[-1]
    with (tmp_path / "out" / "table.csv").open(encoding="utf-8", newline="") as file:
        failed = [line for line in csv.DictReader(file) if not line["metric"]]
    assert [line["case"] for line in failed] == list(CASES) and all(
        "no such folder" in line["reason"] for line in failed
    )
    begun = times_begun(tmp_path / "out")
    assert benchmark("right", "nothing") == 2
    assert times_begun(tmp_path / "out") == begun + 2  # what failed is tried again, and nothing else


def test_an_interrupted_benchmark_keeps_what_is_done_and_goes_on(
    benchmark: Callable[..., int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from npm_studio.cli import console

    polls = iter(range(1000))
    with monkeypatch.context() as patch:
        patch.setattr(console.ConsoleProgress, "cancelled", lambda self: next(polls) >= 4)
        patch.setattr("npm_studio.cli.benchmark.interrupted", lambda: True)
        benchmark("right", "beside")
    left = [path.parent.name for path in sorted((tmp_path / "out" / "fits").glob("*/cell.json"))]
    assert 0 < len(left) < 4
    assert benchmark("right", "beside") == 0
    assert times_begun(tmp_path / "out") == 8


def test_the_page_is_written_from_tables_on_disk(
    benchmark: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark("right", "beside") == 0
    page = tmp_path / "benchmarks.md"
    assert main(["benchmark", "--page", str(tmp_path / "out"), "--out", str(page)]) == 0
    text = " ".join(page.read_text().split())
    assert "## Dolls, `toy`" in text and "model toy, SHA-256" in text
    assert all(len(line) <= 120 or line.startswith("|") for line in page.read_text().splitlines())
    assert main(["benchmark", "--page", str(tmp_path / "nothing"), "--out", str(page)]) == 2
    assert "run `npm-studio benchmark` with this folder as --out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "SUITE: is not stated"),
        (["canonical"], "--out: is not stated"),
        (["nothing", "--out", "x"], "nothing: there is no such suite"),
        (["canonical", "--out", "x", "--only", "nobody"], "nobody: is no case of this suite"),
        (["canonical", "--out", "x", "--methods", "nmp"], "method 'nmp': is not installed"),
        (["cape-published", "--out", "x", "--methods", "npm"], "get CAPE from cape.is.tue.mpg.de, import it with"),
        (["canonical", "--page", "x", "--out", "y"], "--page: takes folders of tables and a file"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["benchmark", *words]) == 2
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("npm-studio: ") and said in line
