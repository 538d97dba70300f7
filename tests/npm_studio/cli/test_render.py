import json
import shutil
from pathlib import Path

import imageio_ffmpeg
import pytest
from PIL import Image

from npm_studio.cli.main import main


def render(capsys: pytest.CaptureFixture[str], run: Path, out: Path) -> dict[str, object]:
    assert main(["render", str(run), "--out", str(out), "--json"]) == 0
    printed: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return printed


def refusal(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert main(["render", *map(str, arguments)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    return line


def test_render_draws_the_fit_over_the_observation(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run.png"
    assert render(capsys, fitted_run, out) == {"file": str(out), "frames": 3, "over_observation": True}
    with Image.open(out) as picture:
        assert picture.width > 1200
        assert len(set(picture.convert("L").get_flattened_data())) > 100


def test_render_makes_a_video_of_all_frames(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    render(capsys, fitted_run, tmp_path / "run.mp4")
    reader = imageio_ffmpeg.read_frames(str(tmp_path / "run.mp4"))
    assert next(reader)["fps"] == 10
    assert sum(1 for _ in reader) == 3


def test_render_shows_the_fit_alone_when_the_sequence_is_gone(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = Path(shutil.copytree(fitted_run, tmp_path / "run"))
    description = json.loads((run / "run.json").read_text())
    description["inputs"]["sequence"] = str(tmp_path / "gone")
    (run / "run.json").write_text(json.dumps(description))
    assert render(capsys, run, tmp_path / "run.png")["over_observation"] is False


def test_render_refuses_bad_input_in_one_line(
    fitted_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "unknown ending; use .mp4" in refusal(capsys, fitted_run, "--out", tmp_path / "run.gif")
    assert "is not a run" in refusal(capsys, tmp_path, "--out", tmp_path / "run.png")
    (tmp_path / "folder.png").mkdir()
    assert "is a folder" in refusal(capsys, fitted_run, "--out", tmp_path / "folder.png")
