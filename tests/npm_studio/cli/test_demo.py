import functools
import json
import re
from pathlib import Path

import pytest
import trimesh
from PIL import Image

from engine.methods.npm.config import FitConfig
from npm_studio.cli.main import main
from npm_studio.reports import demo


@pytest.fixture
def toy_demo(toy_folder: Path, depth_capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demonstration with the toy model instead of the built-in one, small and short."""
    monkeypatch.setattr(demo, "demo_model", lambda: toy_folder)
    monkeypatch.setattr(demo, "demo_sequence", lambda: depth_capture)
    monkeypatch.setattr(demo, "FitConfig", functools.partial(FitConfig, steps=4))
    for name, value in {"FIT_RESOLUTION": 48, "BODY_RESOLUTION": 48, "SAMPLES": 2000, "IOU_POINTS": 5000}.items():
        monkeypatch.setattr(demo, name, value)
    return tmp_path / "out"


@pytest.mark.slow
def test_the_demo_writes_meshes_metrics_pictures_a_video_and_a_report(
    toy_demo: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", "--out", str(toy_demo), "--device", "cpu", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[-1])
    metrics = json.loads((toy_demo / "metrics.json").read_text())
    assert printed["iou"] == metrics["iou"] > 0.3
    pictures = sorted(path.name for path in toy_demo.glob("*.png"))
    assert pictures == ["errors.png", "fit.png", "reconstruction.png"]
    for name in pictures:
        with Image.open(toy_demo / name) as picture:
            assert picture.width > 400
    assert (toy_demo / "fit.mp4").stat().st_size > 5000
    bodies = trimesh.load(toy_demo / "bodies.glb")
    assert len(bodies.geometry) == 5  # a canonical pose and the four dolls
    assert 1.0 < bodies.extents[1] < 2.5  # metres
    assert len(list(toy_demo.glob("fit_*.glb"))) == 3
    assert (toy_demo / "run" / "run.json").is_file()


@pytest.mark.slow
def test_the_report_needs_nothing_but_itself(toy_demo: Path) -> None:
    assert main(["demo", "--out", str(toy_demo), "--device", "cpu"]) == 0
    text = (toy_demo / "report.html").read_text()
    sources = re.findall(r'(?:src|href)="([^"]{0,40})', text)
    assert len(sources) == 4
    assert all(source.startswith(("data:image/png;base64,", "data:video/mp4;base64,")) for source in sources)
    assert "url(" not in text
    assert "<script" not in text


def test_the_demo_refuses_a_file_as_its_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("keep me")
    assert main(["demo", "--out", str(tmp_path / "taken")]) == 2
    assert "is a file, a folder is needed" in capsys.readouterr().err
    assert (tmp_path / "taken").read_text() == "keep me"
