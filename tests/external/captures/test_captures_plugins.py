"""A format of somebody else: one module and its registration, and everything that opens recordings knows it."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.core.registry import registered
from engine.sequences.reader import file_endings, registered_readers
from npm_studio.cli.main import main
from npm_studio.session.document.recognise import Kind, recognise
from tests.support.capture_files import depth_frames, open3d_json, write_pngs
from tests.support.captures import open_capture

MODULE = '''
"""Depth as text: a line with width, height and focal length, then millimetres, one line per frame."""

import numpy as np

from engine.geometry.camera import PinholeCamera
from engine.sequences.reader import RecordingReader
from engine.sequences.recording import Recording


def read(path, options):
    if path.is_dir():
        path = path / "all.depthtext"
    _, head, *lines = path.read_text().splitlines()
    width, height, focal = (int(word) for word in head.split())
    return Recording(
        path=path,
        origin=f"depth as text: {len(lines)} lines",
        camera=PinholeCamera(width, height, focal, focal, width / 2, height / 2),
        frame_names=tuple(str(index) for index in range(len(lines))),
        read_stored=lambda index: np.array(lines[index].split(), np.uint16).reshape(height, width),
        units_per_metre=1000.0,
    )


READER = RecordingReader(
    id="depth-text",
    title="depth as text",
    form="a .depthtext file",
    read=read,
    folder=lambda folder: "has all.depthtext" if (folder / "all.depthtext").is_file() else "",
    endings=(".depthtext",),
    magic=b"depth\\n",
)
BROKEN = "no reader"
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with a reader, with something that is none, and with a name that leads nowhere."""
    site = tmp_path / "site"
    (site / "depth_text-1.0.dist-info").mkdir(parents=True)
    (site / "depth_text.py").write_text(MODULE)
    (site / "depth_text-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: depth-text\nVersion: 1.0\n"
    )
    (site / "depth_text-1.0.dist-info" / "entry_points.txt").write_text(
        "[npm_studio.captures]\n"
        "depth-text = depth_text:READER\n"
        "something = depth_text:BROKEN\n"
        "nowhere = depth_text_of_old:READER\n"
    )
    monkeypatch.syspath_prepend(str(site))
    registered.cache_clear()
    yield
    registered.cache_clear()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    frames = np.rint(depth_frames() * 1000).astype(int)
    lines = [" ".join(str(value) for value in frame.reshape(-1)) for frame in frames]
    (tmp_path / "walk.depthtext").write_text("\n".join(["depth", "40 30 50", *lines]))
    return tmp_path / "walk.depthtext"


def test_a_format_takes_one_module_and_its_registration(
    installed: None, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["capture", "info", str(recording), "--json"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["origin"], found["frames"], found["width"]) == ("depth as text: 3 lines", 3, 40)
    assert recognise(recording) == (Kind.SEQUENCE, recording)
    assert ".depthtext" in file_endings(registered_readers())
    np.testing.assert_allclose(open_capture(recording).depth_m(1), depth_frames()[1], atol=1e-6)


def test_its_marked_folder_is_recognised_before_any_folder_of_images(installed: None, recording: Path) -> None:
    folder = recording.parent / "both"
    write_pngs(folder, depth_frames())
    (folder / "camera.json").write_text(open3d_json())
    recording.rename(folder / "all.depthtext")
    assert recognise(folder) == (Kind.SEQUENCE, folder)
    assert open_capture(folder).origin == "depth as text: 3 lines"


def test_it_is_named_among_what_can_be_opened(installed: None, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(InputError, match=r"a \.depthtext file"):
        open_capture(tmp_path / "letter.txt")


def test_what_is_no_reader_is_left_out_and_the_log_says_so(installed: None, caplog: pytest.LogCaptureFixture) -> None:
    identifiers = [reader.id for reader in registered_readers()]
    assert "depth-text" in identifiers and len(identifiers) == len(set(identifiers)) == 10
    assert "something of npm_studio.captures is no reader of recordings" in caplog.text
    assert "loading nowhere of npm_studio.captures failed" in caplog.text


def test_readers_are_asked_in_the_same_order_whatever_the_order_of_their_registration() -> None:
    marked = [reader.id for reader in registered_readers() if reader.rank > 0]
    assert marked == ["tum", "png-folder", "npy", "point-files"]
    assert [reader.rank for reader in registered_readers()] == sorted(reader.rank for reader in registered_readers())


def test_without_its_package_the_format_is_not_known(recording: Path) -> None:
    with pytest.raises(InputError, match="is no depth recording that is known"):
        open_capture(recording)
