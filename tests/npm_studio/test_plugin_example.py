"""The plug-in of ``docs/examples/plugin`` on the command line."""

import ast
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.geometry.camera import PinholeCamera
from engine.methods.run import load_run
from engine.sequences.capture_options import CaptureOptions
from npm_studio.cli.main import main
from npm_studio.session.document.recognise import Kind, recognise
from tests.support.capture_files import HEIGHT, WIDTH, depth_frames
from tests.support.captures import open_capture
from tests.support.plugin_example import PLUGIN, installed_plugin

CAMERA = PinholeCamera(WIDTH, HEIGHT, 50.0, 51.0, 20.0, 15.0)


@pytest.fixture(autouse=True)
def installed(tmp_path: Path) -> Iterator[None]:
    with installed_plugin(tmp_path / "site"):
        yield


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    """Three frames, written after the description of the format."""
    folder = tmp_path / "walk"
    folder.mkdir()
    for index, frame in enumerate(depth_frames()):
        (folder / f"{index:04d}.dep").write_bytes(frame.astype("<f4").tobytes())
    camera = {"width": WIDTH, "height": HEIGHT, "fx": 50.0, "fy": 51.0, "cx": 20.0, "cy": 15.0}
    (folder / "dep.json").write_text(json.dumps(camera))
    return folder


def test_its_recordings_are_recognised_and_read(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recognise(recording) == (Kind.SEQUENCE, recording)
    assert recognise(recording / "dep.json") == (Kind.SEQUENCE, recording)
    assert main(["capture", "info", str(recording), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["origin"], found["frames"]) == ("dep: has dep.json and 3 .dep files", 3)
    sequence = open_capture(recording)
    assert sequence.camera == CAMERA
    np.testing.assert_array_equal(np.stack([sequence.depth_m(index) for index in range(3)]), depth_frames())


def test_a_frame_that_was_cut_short_is_left_out_with_the_reason(recording: Path) -> None:
    frame = recording / "0001.dep"
    frame.write_bytes(frame.read_bytes()[:-4])
    sequence = open_capture(recording)
    assert sequence.frame_names == ("0000", "0002")
    assert "1 of 3 frames skipped" in str(sequence.warnings[0])
    assert "0001.dep" in str(sequence.warnings[0])
    assert "has 4796 bytes, 40x30 pixels of float32 are 4800" in str(sequence.warnings[0])


@pytest.mark.parametrize(
    "text", ["", "[]", '{"width": 40}', '{"width": 0, "height": 1, "fx": 1, "fy": 1, "cx": 1, "cy": 1}']
)
def test_a_camera_that_is_none_is_refused_with_its_file(recording: Path, text: str) -> None:
    (recording / "dep.json").write_text(text)
    with pytest.raises(InputError, match=r"dep\.json: does not describe a camera"):
        open_capture(recording)


def test_intrinsics_that_would_be_ignored_are_refused(recording: Path) -> None:
    with pytest.raises(InputError, match="intrinsics"):
        open_capture(recording, CaptureOptions(intrinsics="1,1,1,1"))


def test_help_lists_its_method_with_its_field(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "--help"]) == 0
    text = capsys.readouterr().out
    assert "--method visible-surface: Visible surface" in text
    assert "--max_edge_m" in text


def test_its_method_gives_what_the_camera_saw(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    assert main(["fit", str(recording), "--method", "visible-surface", "--max_edge_m", "0.2", "--out", str(out)]) == 0
    run = load_run(out)
    assert (run.method, run.frame_names) == ("visible-surface", ("0000", "0001", "0002"))
    sequence = open_capture(recording)
    for mesh, frame, depth in zip(run.meshes, run.frames, depth_frames(), strict=True):
        assert len(mesh.vertices) == (depth > 0).sum()
        assert frame.camera_to_world is None  # so the world is the camera's
        pixels = np.floor(CAMERA.project(mesh.vertices)).astype(int)
        np.testing.assert_allclose(mesh.vertices[:, 2], depth[pixels[:, 1], pixels[:, 0]], atol=1e-4)
        edges = mesh.vertices[mesh.faces] - mesh.vertices[np.roll(mesh.faces, 1, axis=1)]
        assert np.linalg.norm(edges, axis=2).max() <= 0.2 + 1e-5
    assert sequence.frame_names == run.frame_names


def test_pixels_that_are_too_far_apart_are_refused_with_the_frame(
    recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [
        "fit",
        str(recording),
        "--method",
        "visible-surface",
        "--max_edge_m",
        "0.001",
        "--out",
        str(tmp_path / "run"),
    ]
    assert main(words) == 2
    assert "walk frame 0000: has no two neighbouring pixels within 0.001 m" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_it_takes_everything_of_this_project_from_the_public_face() -> None:
    taken = {
        node.module
        for path in PLUGIN.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("engine", "external", "npm_studio."))
    }
    assert taken == {"npm_studio.api"}
