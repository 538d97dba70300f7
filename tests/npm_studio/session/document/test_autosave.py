"""The copy that is kept beside a document, and what is offered of it afterwards."""

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from engine.core.errors import InputError
from engine.core.progress import Progress
from npm_studio.session.document import autosave as module
from npm_studio.session.document.autosave import Autosave, drafts_folder, forget, recoverable
from npm_studio.session.document.document import Document
from npm_studio.session.document.loaded import Contents
from npm_studio.session.document.project import AUTOSAVE_NAME, load_project, save_project
from npm_studio.session.document.project_lock import ProjectLock, is_locked
from npm_studio.session.document.state import DocumentState, Exploration

ROOT = Path(__file__).parents[4]


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.fixture
def document() -> Document:
    return Document()


@pytest.fixture
def failed() -> list[InputError]:
    return []


@pytest.fixture
def autosave(document: Document, failed: list[InputError]) -> Autosave:
    return Autosave(document, failed.append)


def step(document: Document, value: float, merge: object = None) -> None:
    document.change(f"to {value}", replace(document.state, explore=Exploration((value,))), merge)


def kept(folder: Path) -> DocumentState:
    return load_project(folder, AUTOSAVE_NAME).state


def files_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_nothing_is_written_until_there_is_something_to_lose(document: Document, autosave: Autosave) -> None:
    document.follow(replace(document.state, explore=Exploration((1.0,))))
    autosave.flush()
    assert not drafts_folder().exists()


def test_each_step_and_each_undo_is_in_the_copy(document: Document, autosave: Autosave) -> None:
    step(document, 1.0)
    step(document, 2.0)
    folder = autosave.folder
    assert folder is not None and folder.parent == drafts_folder()
    assert kept(folder) == document.state
    document.undo()
    assert kept(folder).explore.shape == (1.0,)


def test_of_a_drag_the_beginning_is_in_the_copy_at_once_and_the_rest_with_its_end(
    document: Document, autosave: Autosave
) -> None:
    step(document, 1.0, "drag")
    step(document, 2.0, "drag")
    folder = autosave.folder
    assert folder is not None
    assert kept(folder).explore.shape == (1.0,)
    document.end_step()
    assert kept(folder).explore.shape == (2.0,)
    step(document, 3.0, "other drag")
    step(document, 4.0, "other drag")
    autosave.flush()
    assert kept(folder).explore.shape == (4.0,)


def test_a_saved_document_leaves_nothing_but_its_project(
    document: Document, autosave: Autosave, tmp_path: Path
) -> None:
    step(document, 1.0)
    lock = autosave.lock(tmp_path / "study")
    save_project(document.state, tmp_path / "study", Progress())
    autosave.move_to(tmp_path / "study", lock)
    document.saved_in(tmp_path / "study", document.place)
    assert list(drafts_folder().iterdir()) == []
    step(document, 2.0)
    assert kept(tmp_path / "study").explore.shape == (2.0,)
    assert load_project(tmp_path / "study").state.explore.shape == (1.0,)
    document.undo()
    assert "autosave.json" not in files_in(tmp_path / "study")  # as it was saved
    autosave.close()
    assert files_in(tmp_path) == ["project.json"]


def test_closing_without_saving_leaves_nothing(document: Document, autosave: Autosave, tmp_path: Path) -> None:
    step(document, 1.0)
    autosave.close()
    step(document, 2.0)
    assert files_in(tmp_path) == []


def test_a_project_is_open_in_one_window_at_a_time(autosave: Autosave, tmp_path: Path) -> None:
    save_project(DocumentState(), tmp_path / "study", Progress())
    autosave.hold(tmp_path / "study")
    assert is_locked(tmp_path / "study")
    second = Autosave(Document(), lambda _: None)
    for take in (second.hold, second.lock):
        with pytest.raises(InputError, match=rf"open in another window \(process {os.getpid()} on ") as caught:
            take(tmp_path / "study")
        assert "save under another name" in str(caught.value)
    autosave.close()
    second.hold(tmp_path / "study")


def unwritable(*_: object, **__: object) -> None:
    raise PermissionError(13, os.strerror(13))


def test_a_read_only_project_is_looked_at_and_its_changes_go_into_a_draft(
    document: Document, autosave: Autosave, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_project(DocumentState(), tmp_path / "study", Progress())
    with monkeypatch.context() as patch:
        patch.setattr(module, "ProjectLock", unwritable)
        autosave.hold(tmp_path / "study")
        with pytest.raises(InputError, match=r"study.* cannot be written \(Permission denied\)"):
            autosave.lock(tmp_path / "study")
        with pytest.raises(InputError):
            autosave.lock(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    step(document, 1.0)
    assert autosave.folder is not None and autosave.folder.parent == drafts_folder()


def test_a_full_disk_is_said_once_until_there_is_room_again(
    document: Document, autosave: Autosave, failed: list[InputError], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "write_project", unwritable)
        step(document, 1.0)
        step(document, 2.0)
    assert len(failed) == 1
    step(document, 3.0)
    assert autosave.folder is not None
    assert kept(autosave.folder).explore.shape == (3.0,)
    assert len(failed) == 1


def test_what_is_recovered_is_kept_where_it_was_until_it_is_saved(
    document: Document, autosave: Autosave, tmp_path: Path
) -> None:
    step(document, 1.0)
    folder, state = autosave.folder, document.state
    assert folder is not None and autosave._lock is not None
    autosave._lock.release()  # as the end of its process does
    (found,) = recoverable([])
    assert found == folder
    again, other = Document(), list[InputError]()
    second = Autosave(again, other.append)
    second.hold(found)
    again.begin(kept(found), Contents(), is_saved=False)
    assert again.state == state
    assert not again.is_clean
    assert recoverable([]) == []  # it is open
    step(again, 2.0)
    assert kept(found).explore.shape == (2.0,)


def test_what_is_not_wanted_is_forgotten(document: Document, autosave: Autosave, tmp_path: Path) -> None:
    step(document, 1.0)
    assert autosave._lock is not None
    autosave._lock.release()
    (found,) = recoverable([])
    forget(found)
    assert recoverable([]) == []
    assert list(drafts_folder().iterdir()) == []


WORK = """
    import random, sys
    from dataclasses import replace
    from pathlib import Path
    from npm_studio.session.document.autosave import Autosave
    from npm_studio.session.document.document import Document
    from npm_studio.session.document.state import Exploration

    document = Document()
    autosave = Autosave(document, print)
    for number in range(10**6):
        document.change("step", replace(document.state, explore=Exploration((float(number),) * 64)))
        print(number, flush=True)
"""


@pytest.mark.slow
def test_after_a_kill_at_any_moment_the_copy_lacks_at_most_the_last_step_and_nothing_stray_stays(
    tmp_path: Path,
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", textwrap.dedent(WORK)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)
    assert process.stdout is not None
    for _ in range(12):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    last = int(["11", *process.stdout.read().split()][-1])
    process.wait()
    (folder,) = recoverable([])
    assert kept(folder).explore.shape[0] >= last
    forget(folder)
    assert files_in(tmp_path) == []


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    script = "import sys, pathlib; from npm_studio.session.document.project_lock import ProjectLock as Lock"
    script += "; lock = Lock(pathlib.Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(tmp_path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "held"
    with pytest.raises(InputError, match=rf"process {process.pid}"):
        ProjectLock(tmp_path)
    process.kill()
    process.communicate()
    ProjectLock(tmp_path).release()
    assert files_in(tmp_path) == []


def test_what_is_not_there_or_of_no_project_is_not_offered(tmp_path: Path, document: Document) -> None:
    (tmp_path / "empty").mkdir()
    places: list[Callable[[], Path]] = [lambda: tmp_path / "gone", lambda: tmp_path / "empty"]
    assert recoverable([place() for place in places]) == []
