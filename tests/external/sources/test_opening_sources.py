"""From what a user names to a source of depth."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engine.core.errors import InputError
from engine.core.registry import registered
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.isolation import Isolation
from engine.sequences.source_kind import Pace, SourceOptions, open_source, registered_sources
from npm_studio.cli.words import words
from tests.support.capture_files import depth_frames, open3d_json, write_pngs

EVERY = SourceOptions(pace=Pace.EVERY)
MODULE = '''
"""A camera that shows the same frame twice."""

import numpy as np

from engine.geometry.camera import PinholeCamera
from engine.sequences.camera_path import World
from engine.sequences.depth_source import DepthFrame
from engine.sequences.source_kind import SourceKind


class Twice:
    name, origin, warnings, world = "twice", "the same frame twice", (), World.ARBITRARY
    camera = PinholeCamera(4, 3, 5.0, 5.0, 2.0, 1.5)

    def __iter__(self):
        return (DepthFrame(name, None, np.ones((3, 4), np.float32), None) for name in "ab")

    def close(self):
        pass


SOURCE = SourceKind(
    id="twice",
    title="the same frame twice",
    form="twice",
    takes=lambda text, options: "is called so" if text == "twice" else "",
    open=lambda text, options, progress: Twice(),
)
BROKEN = "no source"
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A package with a source, with something that is none, and with a name that leads nowhere."""
    information = tmp_path / "site" / "twice-1.0.dist-info"
    information.mkdir(parents=True)
    (tmp_path / "site" / "twice_source.py").write_text(MODULE)
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: twice\nVersion: 1.0\n")
    (information / "entry_points.txt").write_text(
        "[npm_studio.sources]\n"
        "twice = twice_source:SOURCE\n"
        "something = twice_source:BROKEN\n"
        "nowhere = twice_source_of_old:SOURCE\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    registered.cache_clear()
    yield
    registered.cache_clear()


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    write_pngs(tmp_path / "walk", depth_frames())
    (tmp_path / "walk" / "camera.json").write_text(open3d_json())
    return tmp_path / "walk"


def test_a_recording_is_a_source(recording: Path) -> None:
    frames = list(open_source(str(recording), EVERY))
    assert [frame.name for frame in frames] == ["0", "1", "2"]
    np.testing.assert_allclose(np.stack([frame.depth_m for frame in frames]), depth_frames(), atol=1e-6)


def test_what_is_stated_of_a_recording_holds(recording: Path) -> None:
    capture = CaptureOptions(depth_scale=2000, isolation=Isolation(far_m=0.8))
    depth = next(iter(open_source(str(recording), SourceOptions(capture, Pace.EVERY)))).depth_m
    expected = depth_frames()[0] / 2
    np.testing.assert_allclose(depth, np.where(expected <= 0.8, expected, 0), atol=1e-6)


def test_what_is_no_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file or folder") as caught:
        open_source(str(tmp_path / "nowhere"))
    assert "\n" not in str(caught.value)


def test_what_nothing_takes_is_refused_with_what_is_known() -> None:
    with pytest.raises(InputError, match=r"is no source of depth that is known; give .*the path of a recording"):
        open_source("")


def test_a_source_of_somebody_else_takes_one_module_and_its_registration(installed: None) -> None:
    assert [frame.name for frame in open_source("twice")] == ["a", "b"]
    assert "twice" in [kind.id for kind in registered_sources()]
    assert "something" not in [kind.id for kind in registered_sources()]


def test_an_empty_folder_may_be_one_to_follow(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_source(str(tmp_path))
    assert caught.value.line(words).endswith("is empty; state --follow if another program is about to fill it")
