import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtCore import QEvent, Qt
from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QApplication, QFileDialog, QMenu
from pytestqt.qtbot import QtBot

from npm_studio.session.commands.table import commands_in
from npm_studio.session.settings import load_settings
from npm_studio.views.dialogs import AboutDialog, ShortcutsDialog
from tests.npm_studio.views.drops import drop
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

ROOT = Path(__file__).parents[3]
SECONDS = 20_000


def test_every_command_runs_or_is_disabled_on_an_empty_document(
    window: StudioWindow, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("", ""))
    opened: list[str] = []
    for name in ("open_model", "open_sequence"):
        monkeypatch.setattr(window.files, name, lambda *_, name=name: opened.append(name))
    commands = [command for _, command in commands_in(window.menus)]
    for command in sorted(commands, key=lambda command: command.id == "file.quit"):
        action = window.actions_by_id[command.id]
        window.refresh_actions()
        assert action.isEnabled() is not bool(command.needs), command.id
        if action.isEnabled():
            action.trigger()
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, ShortcutsDialog | AboutDialog):
                dialog.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    assert not window.findChildren(ShortcutsDialog) + window.findChildren(AboutDialog)  # they have not piled up
    assert opened == ["open_model", "open_sequence"]
    assert not window.isVisible()


def test_an_empty_window_says_how_to_begin(window: StudioWindow) -> None:
    assert window.viewports.invitation.isVisible()
    assert window.viewports.invitation.title == "No model is open"


@pytest.mark.parametrize(
    ("name", "words"),
    [("letter.txt", "letter.txt: is not something NPM Studio opens"), ("junk", "junk: holds nothing")],
)
def test_dropping_junk_shows_one_clear_line_and_what_to_drop(
    qtbot: QtBot, window: StudioWindow, tmp_path: Path, name: str, words: str
) -> None:
    (tmp_path / "junk").mkdir()
    (tmp_path / "junk" / "a.doc").write_text("")
    (tmp_path / "letter.txt").write_text("dear")
    drop(window, tmp_path / name)
    qtbot.waitUntil(lambda: window.error is not None, timeout=SECONDS)
    error = present(window.error)
    assert error.sentence.startswith(words)
    assert "\n" not in error.sentence
    assert "depth-sequence folder" in error.remedy
    assert error.text.isHidden()
    error.toggle.click()
    assert not error.text.isHidden()
    error.close()


@pytest.mark.parametrize("damage", ["truncated", "8 bit"])
def test_a_damaged_sequence_is_named_with_its_file(
    qtbot: QtBot, studio_window: StudioWindow, capture: Path, damage: str
) -> None:
    frame = capture / "depth" / "000001.png"
    match damage:
        case "truncated":
            frame.write_bytes(frame.read_bytes()[:60])
        case _:
            QImage(160, 120, QImage.Format.Format_Grayscale8).save(str(frame))
    drop(studio_window, capture)
    qtbot.waitUntil(lambda: studio_window.error is not None, timeout=SECONDS)
    error = present(studio_window.error)
    assert error.sentence.startswith("000001.png: ")
    error.close()
    assert not studio_window.session.is_fitting


def test_the_theme_switches_colours_and_is_remembered(window: StudioWindow) -> None:
    def lightness() -> int:
        return window.palette().window().color().lightness()

    dark = lightness()
    window.actions_by_id["view.dark"].trigger()
    assert lightness() > 200 > 60 > dark
    assert load_settings().theme == "light"
    background = window.viewports.left.view.background_color
    assert sum(background.int_rgb) > 500
    window.actions_by_id["view.dark"].trigger()
    assert lightness() == dark


def test_a_screenshot_is_a_png_of_the_stage_with_the_figure_in_it(
    qtbot: QtBot, studio_window: StudioWindow, tmp_path: Path
) -> None:
    target = tmp_path / "shot.png"
    qtbot.wait(50)
    studio_window.files.save_screenshot(target)
    image = QImage(str(target))
    assert image.width() == studio_window.viewports.width()
    middle = image.pixelColor(image.width() // 2, image.height() // 2)
    corner = image.pixelColor(image.width() - 5, image.height() // 2)
    assert middle.lightness() > corner.lightness() + 40  # a light mesh before a dark ground


def test_a_screenshot_on_transparent_ground_has_the_figure_alone(
    qtbot: QtBot, studio_window: StudioWindow, tmp_path: Path
) -> None:
    target = tmp_path / "shot.png"
    before = studio_window.viewports.picture().toImage()
    studio_window.files.save_screenshot(target, cut_out=True)
    pixels = np.asarray(Image.open(target))
    opacity = pixels[..., 3]
    assert pixels.shape[2] == 4
    edge = np.concatenate([opacity[0], opacity[-1], opacity[:, 0], opacity[:, -1]])
    assert not edge.any()  # nor is there a ground
    assert (opacity == 255).mean() > 0.02
    assert pixels[opacity == 255][:, 0].mean() > 60  # not black
    assert studio_window.viewports.picture().toImage() == before


def test_a_screenshot_into_nowhere_is_refused(studio_window: StudioWindow, tmp_path: Path) -> None:
    studio_window.files.save_screenshot(tmp_path / "gone" / "shot.png")
    assert studio_window.error is not None
    assert "cannot be written" in studio_window.error.sentence
    studio_window.error.close()


def test_opened_folders_are_found_under_recent(qtbot: QtBot, studio_window: StudioWindow, toy_folder: Path) -> None:
    menu = QMenu()
    studio_window.actions_by_id.fill_submenu("file.recent", menu)
    assert menu.actions()[0].text().startswith("toy.npm")
    menu.actions()[0].trigger()
    qtbot.waitUntil(lambda: not studio_window.session.jobs.is_busy("load"), timeout=SECONDS)


def test_arrow_keys_belong_to_a_slider_that_has_the_focus(studio_window: StudioWindow, qtbot: QtBot) -> None:
    slider = studio_window.explore.shape.sliders[0].slider
    frame = studio_window.session.document.timeline.frame
    slider.setFocus()
    value = slider.value()
    qtbot.keyClick(slider, Qt.Key.Key_Right)
    assert slider.value() == value + slider.singleStep()
    assert studio_window.session.document.timeline.frame == frame
    studio_window.library.setFocus()
    qtbot.keyClick(studio_window, Qt.Key.Key_Right)
    assert studio_window.session.document.timeline.frame == frame + 1


def test_keys_of_vtk_do_nothing(studio_window: StudioWindow, qtbot: QtBot) -> None:
    view = studio_window.viewports.left.view
    camera = studio_window.viewports.left.camera_state()
    for key in "qewrjtcu":
        qtbot.keyClicks(view, key)
    assert view.isVisible()
    assert studio_window.viewports.left.camera_state() == camera
    assert studio_window.viewports.left.mesh.actor.prop.style == "Surface"


def test_the_window_remembers_its_panels(studio_window: StudioWindow, qtbot: QtBot) -> None:
    studio_window.page.splitter.setSizes([260, 400, 340])
    widths = studio_window.page.splitter.sizes()
    studio_window.close()
    again = StudioWindow()
    again.show()
    qtbot.waitExposed(again)
    assert [abs(a - b) <= 2 for a, b in zip(again.page.splitter.sizes(), widths, strict=True)] == [True] * 3
    again.close()


def test_the_library_is_as_wide_as_before_when_the_window_was_closed_while_it_was_hidden(
    studio_window: StudioWindow, qtbot: QtBot
) -> None:
    before = studio_window.library.width()
    studio_window.show_fit()
    qtbot.waitUntil(lambda: studio_window.page.splitter.sizes()[0] == 0)
    studio_window.close()
    again = StudioWindow()
    again.show()
    qtbot.waitExposed(again)
    again.show_explore()
    qtbot.waitUntil(lambda: abs(again.library.width() - before) <= 2)
    again.close()


def test_an_exception_in_a_slot_is_shown_and_the_window_goes_on(
    window: StudioWindow, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from npm_studio import bootstrap

    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    bootstrap._show_unexpected_errors(window)
    error = ZeroDivisionError("division by zero")
    sys.excepthook(ZeroDivisionError, error, None)
    assert window.error is not None
    assert "division by zero" in window.error.sentence
    assert "ZeroDivisionError" in window.error.details
    window.error.close()
    assert "ZeroDivisionError" in capsys.readouterr().err


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    own = {"XDG_CONFIG_HOME": str(tmp_path / "config"), "XDG_DATA_HOME": str(tmp_path / "data")}
    return {**os.environ, **own, **more}


def test_the_command_without_a_display_exits_2_and_names_commands_that_need_none(tmp_path: Path) -> None:
    bare = {key: value for key, value in environment(tmp_path).items() if key not in ("DISPLAY", "WAYLAND_DISPLAY")}
    for extra in ({}, {"DISPLAY": ":4711"}):
        command = [sys.executable, "-m", "npm_studio", "gui"]
        done = subprocess.run(command, env={**bare, **extra}, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr
        lines = done.stderr.strip().splitlines()
        assert len(lines) == 1
        assert "no display" in lines[0]
        assert all(name in lines[0] for name in ("demo", "fit", "render"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["nowhere.npm"], "does not exist"), ([".", "--sequence", "x"], "nothing that NPM Studio opens")],
)
def test_the_command_refuses_what_is_not_a_model(tmp_path: Path, arguments: list[str], words: str) -> None:
    command = [sys.executable, "-m", "npm_studio", "gui", *arguments]
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "x.txt").write_text("")
    done = subprocess.run(
        command,
        env={**environment(tmp_path), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path / "empty",
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2, done.stderr
    assert words in done.stderr


START = """
    import os
    import sys
    from PyQt6.QtCore import QTimer
    from npm_studio.views.main_window import MainWindow

    show = MainWindow.show

    def show_and_watch(window):
        show(window)
        window.watch = QTimer(window)
        window.watch.timeout.connect(lambda: act(window))
        window.watch.start(50)
        window.asked = []
        QTimer.singleShot(100_000, lambda: os._exit(3))  # nobody waits for a fit that was not seen

    def act(window):
        sheet = window.files.sheets.sheet
        if sheet is not None and sheet.fit_button.isEnabled():
            sheet.fit_button.click()
        if not window.asked and window.session.is_fitting and window.workspaces["fit"].fitting.status.stage == "fit":
            window.asked = ["once"]
            {then}
        for question in (window.closing.question, window.files.question):
            if question is not None:
                print(question.text(), flush=True)
                question.answer("Discard" if question is window.files.question else "Stop and keep")

    MainWindow.show = show_and_watch
    from npm_studio.cli.main import main
    sys.exit(main(["gui", {model!r}, "--sequence", {sequence!r}]))
"""


def start(then: str, model: Path, sequence: Path, tmp_path: Path) -> subprocess.Popen[str]:
    script = textwrap.dedent(START).format(then=then, model=str(model), sequence=str(sequence))
    return subprocess.Popen(
        [sys.executable, "-c", script],
        env=environment(tmp_path),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_closing_the_window_during_a_fit_asks_and_keeps_the_best_so_far(
    screen: None, toy_folder: Path, capture: Path, tmp_path: Path
) -> None:
    process = start("window.close()", toy_folder, capture, tmp_path)
    said, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    first, last = said.splitlines()
    assert first.startswith("Fit ")
    assert last == "Save what you made?"
    assert "Traceback" not in errors
    assert list((tmp_path / "data" / "npm-studio" / "runs").glob("doll-*/run.json"))


@pytest.mark.slow
def test_ctrl_c_closes_the_window_during_a_fit(screen: None, toy_folder: Path, capture: Path, tmp_path: Path) -> None:
    process = start("print('fitting', flush=True)", toy_folder, capture, tmp_path)
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "fitting"
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
