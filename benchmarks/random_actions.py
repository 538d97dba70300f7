"""A thousand random actions in the real application: what breaks, what is said on stderr, and what memory does.

    python benchmarks/random_actions.py [--actions N] [--seed S] [--model M] [--json FILE.json]

On a virtual screen of its own, with the built-in sequence and a run of it open: clicks on anything that can be clicked,
drags of sliders and over views, the wheel, keys, all commands, undo and redo, other workspaces, drops of good and bad
files. Dialogs are answered by closing them. After every action the document is written and read again and has to be
equal. Reported are exceptions, errors that are no fault of an input, lines that Qt or VTK wrote, and memory after each
half. Exits 1 when there was one of these, or the second half grew by more than 2 % and 20 MB.

What is loaded or begun once, such as modules, shaders and threads, is so before the first half: all workspaces are
shown, all commands given and all things dropped once, another model among them, a track is begun, and a fit is
brought to its end. After each half all work is stopped and the document is that of the beginning, read again and with
nothing to undo, all its small pictures made; three times, of which the least memory counts, since what was on its way
when the work was stopped goes with the next document. Memory is measured as in `leaks.py`, with large blocks apart, so
that holes between blocks in use do not count.
"""

import argparse
import ctypes
import faulthandler
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from application import open_window, own_screen, run_for, wait_until
from compare_window import make_runs
from leaks import M_MMAP_THRESHOLD
from leaks import state as left_behind
from pydantic import TypeAdapter

from engine.core.errors import InputError
from engine.core.files import write_json
from engine.core.process import prepare_process
from engine.core.progress import Progress
from npm_studio.resources import demo_model, model_path

if TYPE_CHECKING:
    from PyQt6.QtWidgets import QWidget

    from npm_studio.session.document.state import DocumentState
    from npm_studio.views.main_window import MainWindow

MOST_MB, MOST_GROWTH = 20.0, 0.02
OF_QT_OR_VTK = re.compile(r"^qt\.(?!qpa\.services)|^Q[A-Z]\w*[:(]|WARN\||ERR\||^Fatal")
"""What counts on stderr; without a file manager `qt.qpa.services` says so, as the window does."""
LANES = ("load", "look", "save", "fit", "measure", "track", "export")
LEFT_OUT = ("file.quit", "view.full_screen", "train.start", "train.example")
"""Commands that end the run, or begin what takes the machine for minutes."""


class Monkey:
    """Does something, whatever; `done` counts by kind."""

    def __init__(self, window: "MainWindow", drops: list[Path], seed: int) -> None:
        self.window, self.drops, self.chance = window, drops, random.Random(seed)
        self.done: Counter[str] = Counter()
        self.last = ""
        self._kinds: dict[Callable[[], str], int] = {
            self.command: 5,
            self.click: 8,
            self.drag: 6,
            self.wheel: 2,
            self.key: 3,
            self.undo: 3,
            self.workspace: 2,
            self.drop: 1,
        }

    @property
    def test(self) -> Any:
        """`QTest`, whose stubs take its functions for methods."""
        from PyQt6 import QtTest

        return QtTest.QTest

    def act(self) -> None:
        kind = self.chance.choices(list(self._kinds), list(self._kinds.values()))[0]
        self.last = f"{kind.__name__} {kind()}"
        self.done[kind.__name__] += 1

    def command(self) -> str:
        actions = [
            (name, action)
            for name, action in self.window.actions_by_id.items()
            if action.isEnabled() and name not in LEFT_OUT
        ]
        name, action = self.chance.choice(actions)
        action.trigger()
        return name

    def click(self) -> str:
        from PyQt6.QtCore import Qt
        from PyQt6.QtWidgets import QAbstractButton, QAbstractItemView, QComboBox

        widget = self._any(QAbstractButton, QAbstractItemView, QComboBox)
        if widget is None or self._starts_training(widget):
            return "nothing"
        target: Any = widget.viewport() if isinstance(widget, QAbstractItemView) else widget
        name = what(widget)
        self.test.mouseClick(target, Qt.MouseButton.LeftButton, pos=self._point(target))
        return name

    def drag(self) -> str:
        from PyQt6 import sip
        from PyQt6.QtCore import Qt
        from PyQt6.QtWidgets import QAbstractSlider, QWidget

        views: list[QWidget] = [view.view for view in self.window.viewports.views if view.isVisible()]
        sliders = self._all(QAbstractSlider)
        widget = self.chance.choice(sliders if sliders and self.chance.random() < 0.7 else views)
        self.test.mousePress(widget, Qt.MouseButton.LeftButton, pos=self._point(widget))
        name = what(widget)
        for _ in range(self.chance.randint(1, 8)):
            self.test.mouseMove(widget, self._point(widget))
            run_for(0.01)
            if sip.isdeleted(widget):  # a model that was being opened has come, with sliders of its own
                return name
        self.test.mouseRelease(widget, Qt.MouseButton.LeftButton, pos=self._point(widget))
        return name

    def wheel(self) -> str:
        from PyQt6.QtCore import QPoint, QPointF, Qt
        from PyQt6.QtGui import QWheelEvent
        from PyQt6.QtWidgets import QApplication, QWidget

        widget = self._any(QWidget)
        if widget is None:
            return "nothing"
        place = QPointF(self._point(widget))
        turn = QPoint(0, self.chance.choice((-120, 120)))
        event = QWheelEvent(
            place, QPointF(widget.mapToGlobal(place.toPoint())), QPoint(), turn, Qt.MouseButton.NoButton,
            Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
        )  # fmt: skip
        QApplication.sendEvent(widget, event)
        return what(widget)

    def key(self) -> str:
        from PyQt6.QtCore import Qt

        names = ("Left", "Right", "Up", "Down", "Space", "Tab", "Escape", "Home", "End", "PageUp")
        key = self.chance.choice([getattr(Qt.Key, f"Key_{name}") for name in names])
        self.test.keyClick(self.window.focusWidget() or self.window, key)
        return str(key)

    def undo(self) -> str:
        document = self.window.session.document
        document.undo() if self.chance.random() < 0.6 else document.redo()
        return ""

    def workspace(self) -> str:
        name = self.chance.choice(list(self.window.workspaces))
        self.window.session.document.show_workspace(name)
        return name

    def drop(self) -> str:
        paths = self.chance.sample(self.drops, self.chance.randint(1, 2))
        self.drop_these(paths)
        return ", ".join(path.name for path in paths)

    def drop_these(self, paths: list[Path]) -> None:
        from PyQt6.QtCore import QMimeData, QPointF, Qt, QUrl
        from PyQt6.QtGui import QDropEvent

        data = QMimeData()
        data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
        event = QDropEvent(
            QPointF(300, 300), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
        )
        self.window.dropEvent(event)

    def _starts_training(self, widget: "QWidget") -> bool:
        actions = self.window.actions_by_id
        default = getattr(widget, "defaultAction", lambda: None)()
        texts = {actions[name].text().replace("&", "") for name in LEFT_OUT if name in actions}
        return text_of(widget).replace("&", "") in texts or default in [
            actions[name] for name in LEFT_OUT if name in actions
        ]

    def _all(self, *kinds: type["QWidget"]) -> list["QWidget"]:
        from PyQt6.QtWidgets import QWidget

        return [
            widget
            for widget in self.window.findChildren(QWidget)
            if isinstance(widget, kinds) and widget.isVisible() and widget.isEnabled() and widget.width() > 3
        ]

    def _any(self, *kinds: type["QWidget"]) -> "QWidget | None":
        found = self._all(*kinds)
        return self.chance.choice(found) if found else None

    def _point(self, widget: "QWidget") -> Any:
        from PyQt6.QtCore import QPoint

        return QPoint(self.chance.randrange(max(widget.width(), 1)), self.chance.randrange(max(widget.height(), 1)))


def what(widget: "QWidget") -> str:
    return f"{type(widget).__name__} {widget.accessibleName() or text_of(widget)}".strip()


def text_of(widget: "QWidget") -> str:
    text = getattr(widget, "text", None)
    return str(text()) if callable(text) else ""


def close_dialogs(window: "MainWindow") -> None:
    """Menus and dialogs are closed as by Escape: nothing waits for an answer."""
    from PyQt6.QtWidgets import QApplication, QDialog

    popup = QApplication.activePopupWidget()
    if popup is not None:
        popup.close()
    for widget in QApplication.topLevelWidgets():
        if isinstance(widget, QDialog) and widget.isVisible():
            widget.reject()


def things_to_drop(folder: Path, recording: Path, runs: list[Path]) -> list[Path]:
    """Good ones and bad ones."""
    text, movie, broken, photos = folder / "notes.txt", folder / "film.mp4", folder / "broken", folder / "photos"
    text.write_text("nothing\n" * 100)
    movie.write_bytes(os.urandom(4096))
    broken.mkdir()
    (broken / "project.json").write_text("{")
    photos.mkdir()
    (photos / "a.jpg").write_bytes(os.urandom(2048))
    return [recording, runs[0], model_path("hand-compact"), demo_model(), text, movie, broken, photos, folder / "gone"]


def warm_up(window: "MainWindow", monkey: Monkey) -> None:
    """Everything that takes memory once, see above."""
    from engine.sequences.source_kind import Pace
    from npm_studio.session.jobs.tracking import recording_on_show
    from npm_studio.views.workspaces.fit import FitWorkspace

    document, fit = window.session.document, window.workspace_of(FitWorkspace)
    for path in monkey.drops:
        monkey.drop_these([path])
        wait_until(lambda: not is_busy(window), f"what becomes of {path.name}")
        run_for(0.5)
    fit.tracking.start(recording_on_show(document.observations[0], Pace.EVERY))
    wait_until(lambda: fit.tracking.view is not None or not fit.tracking.is_there, "a tracked frame")
    stop_all(window)
    before = len(document.runs)
    fit.start()
    wait_until(lambda: len(document.runs) > before and not is_busy(window), "a fit that is measured", 600.0)
    given = set(LEFT_OUT)
    for workspace in window.workspaces:
        for name, action in window.actions_by_id.items():
            document.show_workspace(workspace)
            if name not in given and action.isEnabled():
                given.add(name)
                action.trigger()
                run_for(0.05)
    print("everything has been done once", flush=True)


def is_busy(window: "MainWindow") -> bool:
    return any(window.session.jobs.is_busy(lane) for lane in LANES)


def stop_all(window: "MainWindow") -> None:
    window.session.document.timeline.pause()
    for lane in ("fit", "measure", "track", "export"):
        window.session.jobs.cancel(lane)
    wait_until(lambda: not is_busy(window), "the end of what runs", 300.0)
    window.actions_by_id["fit.track_discard"].trigger()


def begin_again(window: "MainWindow", first: "DocumentState") -> None:
    """Stop all work, and read the document of the beginning."""
    from npm_studio.views.opening import read_contents

    stop_all(window)
    window.session.document.begin(*read_contents(first, Progress()))
    run_for(5.0)
    portraits = window.session.portraits
    wait_until(lambda: not is_busy(window) and portraits.are_complete, "what is measured and pictured again", 300.0)


def after_beginning_again(window: "MainWindow", first: "DocumentState") -> dict[str, float]:
    begin_again(window, first)
    return left_behind()


def measure(window: "MainWindow", monkey: Monkey, actions: int, failures: list[str]) -> dict[str, Any]:
    from npm_studio.session.document.state import DocumentState

    adapter, first = TypeAdapter(DocumentState), window.session.document.state
    memory = []
    warm_up(window, monkey)
    begin_again(window, first)
    for half in range(2):
        for _ in range(actions // 2):
            monkey.act()
            print(f"{sum(monkey.done.values())}: {monkey.last}", flush=True)
            run_for(0.02)
            state = window.session.document.state
            if adapter.validate_json(adapter.dump_json(state)) != state:
                failures.append(f"the document is another one once it was written, after {monkey.last}")
        memory.append(min((after_beginning_again(window, first) for _ in range(3)), key=itemgetter("memory_mb")))
        print(f"half {half + 1}: {memory[-1]}", flush=True)
    return {"memory": memory, "done": dict(monkey.done)}


def main() -> int:
    prepare_process()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--actions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--model", default="anny-compact")
    parser.add_argument("--json", type=Path, default=Path("out/benchmarks/random_actions.json"))
    options = parser.parse_args()
    failures: list[str] = []
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 1 << 20)
    options.json.parent.mkdir(parents=True, exist_ok=True)
    said_in = options.json.with_suffix(".stderr.txt")  # which a crash leaves
    with own_screen() as folder, said_in.open("w+b") as said:
        from npm_studio import bootstrap

        application = bootstrap.create_application()
        from PyQt6.QtCore import QTimer

        window = open_window()
        monkey = Monkey(window, [], options.seed)

        def note(kind: type[BaseException], error: BaseException, trace: Any) -> None:
            import traceback

            failures.append(f"after {monkey.last}: {''.join(traceback.format_exception(kind, error, trace))}")
            print(failures[-1], flush=True)

        def note_shown(error: BaseException, trace: str = "") -> None:
            if not isinstance(error, InputError | OSError):
                failures.append(f"shown after {monkey.last}: {error}\n{trace}")

        sys.excepthook = note
        window.session.failed.connect(note_shown)
        window.files.open_model(model_path(options.model))
        wait_until(lambda: window.session.document.model is not None, "the model")
        recording, runs = make_runs(folder)
        for run in runs[:2]:
            window.files.open_run(run)
            wait_until(lambda run=run: any(r.folder == run for r in window.session.document.runs), "a run")  # type: ignore[misc]
        monkey.drops = things_to_drop(folder, recording, runs)
        closer = QTimer()
        closer.setInterval(40)
        closer.timeout.connect(lambda: close_dialogs(window))
        closer.start()
        faulthandler.enable(said)
        stderr = os.dup(2)
        os.dup2(said.fileno(), 2)
        try:
            results = measure(window, monkey, options.actions, failures)
        finally:
            os.dup2(stderr, 2)
        closer.stop()
        window.close_unasked()
        application.processEvents()
        said.seek(0)
        lines = [line for line in said.read().decode(errors="replace").splitlines() if OF_QT_OR_VTK.search(line)]
    first, second = (each["memory_mb"] for each in results["memory"])
    grew = second - first > MOST_MB and second > first * (1 + MOST_GROWTH)
    print(f"{sum(monkey.done.values())} actions: {dict(monkey.done)}")
    print(f"memory after each half: {first:.0f}, {second:.0f} MB")
    for line in lines[:30]:
        print(f"stderr: {line}")
    for failure in failures[:10]:
        print(f"FAIL {failure}")
    write_json(options.json, results | {"stderr": lines, "failures": failures, "seed": options.seed})
    print(f"written: {options.json}")
    return 1 if failures or lines or grew else 0


if __name__ == "__main__":
    sys.exit(main())
