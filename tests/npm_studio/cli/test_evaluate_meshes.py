"""`npm-studio evaluate` against mesh files of others, which have no truth.json."""

import functools
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.dataset.source_axes import SourceAxes
from engine.evaluate import metrics
from engine.geometry.mesh import Mesh, save_mesh
from engine.sequences.truth import load_truth
from npm_studio.cli.main import main
from tests.conftest import FRAMES


@pytest.fixture(autouse=True)
def few_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    few = functools.partial(metrics.evaluate_sequence, samples=20_000, iou_points=10_000)
    monkeypatch.setattr(metrics, "evaluate_sequence", few)


@pytest.fixture
def run(fitted_run: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(fitted_run, tmp_path / "run"))


@pytest.fixture
def scans(depth_capture: Path, tmp_path: Path) -> Path:
    """The truth as a program with centimetres and Z up writes it, one file per frame."""
    axes = SourceAxes("cm", "z")
    for name, mesh in zip(FRAMES, load_truth(depth_capture / "truth").meshes, strict=True):
        save_mesh(Mesh(axes.from_world(mesh.vertices), mesh.faces), tmp_path / "scans" / f"{name}.obj")
    return tmp_path / "scans"


def told(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["evaluate", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_mesh_files_give_what_the_same_truth_with_a_description_gives(
    run: Path, scans: Path, depth_capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, out, _ = told(capsys, run, "--truth", depth_capture / "truth", "--json")
    described = json.loads(out.splitlines()[-1])
    for stated in ((), ("--unit", "cm"), ("--unit", "cm", "--up", "z")):
        code, out, err = told(capsys, run, "--truth", scans, *stated, "--json")
        assert code == 0
        assert f"{scans}: taken in cm {'as stated' if stated else 'by their size'}, z up" in err
        found = json.loads(out.splitlines()[-1])
        for name in ("iou", "accuracy_mm", "chamfer_l2", "correspondence_mm", "epe_mm"):
            assert found[name] == pytest.approx(described[name], rel=0.02)
        assert found["similarity_of"] == "model"


def test_a_wrong_unit_is_refused_and_nothing_is_written(
    run: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    code, out, err = told(capsys, run, "--truth", scans, "--unit", "mm")
    assert (code, out) == (2, "")
    (line,) = err.strip().splitlines()
    assert line.endswith("state --unit cm")
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_truth_that_says_its_unit_is_not_told_another(
    run: Path, depth_capture: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for path, more in ((depth_capture / "truth", ()), (scans, ("--dataset", depth_capture))):
        code, _, err = told(capsys, run, "--truth", path, "--unit", "m", *more)
        assert code == 2
        assert "leave out" in err and "--unit and --up" in err


def test_what_is_not_known_of_scans_is_said_and_is_null(
    run: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = scans / f"{FRAMES[1]}.obj"
    lines = path.read_text().splitlines()
    faces = [line for line in lines if line.startswith("f ")]
    path.write_text("\n".join([line for line in lines if not line.startswith("f ")] + faces[::-1]) + "\n")
    code, out, _ = told(capsys, run, "--truth", scans)
    assert code == 0
    unknown = [line for line in out.splitlines() if "not defined: correspondence is unknown" in line]
    assert [line[:24].strip() for line in unknown] == ["EPE", "Correspondence error", "Jitter"]
    kept = json.loads((run / "metrics.json").read_text())
    assert (kept["epe_mm"], kept["correspondence_mm"], kept["jitter_m_per_s2"]) == (None, None, None)
    assert np.isfinite(kept["accuracy_mm"])


def test_a_model_that_has_moved_away_tells_no_axes_and_that_is_no_error(
    run: Path, scans: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    description = json.loads((run / "run.json").read_text())
    description["inputs"]["model"] = str(run / "gone.npm")
    (run / "run.json").write_text(json.dumps(description))
    assert told(capsys, run, "--truth", scans)[0] == 0
