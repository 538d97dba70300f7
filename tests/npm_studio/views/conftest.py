"""The real main window on a virtual screen, with the toy model.

Every test gets its own window, closed at the end; a test fails when the window shows an error that it did not look at,
when its threads do not end, or when it touches the user's settings, which are kept in a temporary folder.
"""

import ctypes
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pytestqt.qtbot import QtBot

if TYPE_CHECKING:
    from npm_studio.session.live.request import MeshReply
    from tests.npm_studio.views.studio_window import StudioWindow

os.environ["QT_API"] = "pyqt6"
os.environ["QT_QPA_PLATFORM"] = "xcb"
os.environ["LIBGL_ALWAYS_SOFTWARE"] = "1"
os.environ["QT_FONT_DPI"] = "96"  # as where the pictures of views were taken
SIZE = (1000, 640)


@pytest.fixture(scope="session", autouse=True)
def screen() -> Iterator[None]:
    """An X server of our own; it outlives the application and ends with this process.

    A display that is there already is used, except by one of several processes: keyboard focus cannot be shared.
    """
    if os.environ.get("DISPLAY") and "PYTEST_XDIST_WORKER" not in os.environ:
        yield
        return
    assert shutil.which("Xvfb"), "these tests need a display or Xvfb (Debian, Ubuntu: apt-get install xvfb)"
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    command += ["-noreset"]  # else it begins anew when its last window goes, and refuses one that comes just then
    subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL, preexec_fn=_end_with_parent)
    os.close(write)
    with os.fdopen(read) as pipe:
        os.environ["DISPLAY"] = f":{pipe.readline().strip()}"
    yield


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


@pytest.fixture(scope="session")
def qapp(screen: None) -> object:
    import external.scans  # noqa: F401  with Warp, which a window loads later: no test waits for that
    from npm_studio import bootstrap
    from scripts.take_screenshots import choose_font

    application = bootstrap.create_application()
    choose_font(application)
    return application


@pytest.fixture
def capture(depth_capture: Path, tmp_path: Path) -> Path:
    """A depth sequence folder of this test alone: runs are written beside it."""
    return Path(shutil.copytree(depth_capture, tmp_path / "captures" / "doll"))


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from npm_studio.session import thumbnails
    from npm_studio.session.live import mesher
    from npm_studio.session.portraits import store, worker

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    # and not XDG_CACHE_HOME, where Warp has its compiled kernels
    for keeper in (store, thumbnails):
        monkeypatch.setattr(keeper, "user_cache_path", lambda *_, **__: tmp_path / "cache")
    monkeypatch.setattr(mesher, "FINE_RESOLUTION", 72)
    monkeypatch.setattr(worker, "RESOLUTION", 24)


@pytest.fixture
def window(qtbot: QtBot, _own_settings: None) -> "Iterator[StudioWindow]":
    """An empty main window on screen."""
    from tests.npm_studio.views.studio_window import StudioWindow

    before = set(threading.enumerate())
    window = StudioWindow()
    window.resize(*SIZE)
    window.show()
    qtbot.waitExposed(window)
    window.activateWindow()
    yield window
    unseen = None if window.error is None else window.error.details
    window.close_unasked()
    assert window.clean_exit
    left = [thread.name for thread in threading.enumerate() if thread not in before and thread.is_alive()]
    window.deleteLater()
    assert unseen is None, unseen
    assert left == []


@pytest.fixture
def studio_window(window: "StudioWindow", toy_folder: Path, fine: Callable[..., None]) -> "StudioWindow":
    """A main window with the toy model on show."""
    fine(window, lambda: window.files.open_path(toy_folder))
    return window


@pytest.fixture
def fine(qtbot: QtBot) -> Callable[..., None]:
    """Do something and wait for the fine mesh that it leads to."""

    def act(window: "StudioWindow", action: Callable[[], object]) -> None:
        from npm_studio.session.live.request import Quality

        before = window.session.latest_generation
        finished: list[int] = []

        def note(reply: "MeshReply") -> None:
            if reply.quality is Quality.FINE:
                finished.append(reply.generation)

        window.session.meshes_ready.connect(note)
        action()
        # only once all of the action is done: pressing a slider alone may already lead to a mesh
        qtbot.waitUntil(lambda: before < window.session.latest_generation in finished, timeout=20_000)
        window.session.meshes_ready.disconnect(note)

    return act
