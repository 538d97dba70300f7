from pathlib import Path

from PyQt6.QtGui import QImage
from PyQt6.QtWidgets import QAbstractButton, QScrollArea
from pytestqt.qtbot import QtBot

from npm_studio.resources import demo_model
from npm_studio.session.settings import load_settings
from npm_studio.session.thumbnails import SIZE, forget_all_but, thumbnail_of
from npm_studio.views.opening import remember
from npm_studio.views.splash import Splash
from npm_studio.views.theme import DARK
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present

SECONDS = 20_000


def test_exploring_from_the_welcome_page_shows_library_and_sliders(studio_window: StudioWindow) -> None:
    window = studio_window
    window.actions_by_id["help.welcome"].trigger()
    assert window.welcome.isVisible()
    window.actions_by_id["view.explore"].trigger()  # also where it is on show beside the page
    assert not window.welcome.isVisible()
    window.actions_by_id["help.welcome"].trigger()
    assert window.viewports.isVisible()
    assert not window.library.isVisible()
    assert not window.page.panel.isVisible()
    window.welcome.explore.click()
    assert not window.welcome.isVisible()
    assert window.library.isVisible()
    assert window.explore.isVisible()


def test_the_first_model_comes_beside_the_welcome_page_and_another_one_ends_it(
    window: StudioWindow, toy_folder: Path, tmp_path: Path, qtbot: QtBot
) -> None:
    window.welcoming.show(True)
    window.files.open_model(toy_folder)
    assert window.viewports.invitation.title == "Loading…"
    qtbot.waitUntil(lambda: window.session.document.model is not None, timeout=SECONDS)
    assert window.welcoming.is_shown
    window.show_fit()
    assert not window.welcoming.is_shown


def test_nothing_on_the_welcome_page_is_cut_off_on_a_small_screen(studio_window: StudioWindow, qtbot: QtBot) -> None:
    window = studio_window
    window.resize(1024, 640)
    window.welcoming.show(True)
    area = present(window.welcome.findChild(QScrollArea))
    qtbot.waitUntil(lambda: present(area.widget()).width() == present(area.viewport()).width(), timeout=SECONDS)
    assert present(area.widget()).minimumSizeHint().width() <= present(area.viewport()).width()


def test_a_saved_project_is_among_the_recent_ones_with_its_picture(
    studio_window: StudioWindow, tmp_path: Path, qtbot: QtBot
) -> None:
    window, folder = studio_window, tmp_path / "kept"
    window.files.save_in(folder)
    qtbot.waitUntil(lambda: thumbnail_of(folder).is_file(), timeout=SECONDS)
    picture = QImage(str(thumbnail_of(folder)))
    assert (picture.width(), picture.height()) == (2 * SIZE[0], 2 * SIZE[1])
    window.welcoming.show(True)
    first = window.welcome.cards[0]
    assert first.accessibleName() == "kept"
    first.click()
    assert not window.welcoming.is_shown
    assert not isinstance(window.focusWidget(), QAbstractButton)
    qtbot.waitUntil(lambda: not window.session.jobs.is_busy("load"), timeout=SECONDS)
    assert window.session.document.folder == folder


def test_recordings_runs_and_models_are_among_the_recent_ones_behind_the_projects(
    window: StudioWindow, tmp_path: Path
) -> None:
    for name, mark in (("study", "project.json"), ("walk-1", "run.json"), ("walk", "intrinsics.json")):
        (tmp_path / name).mkdir()
        (tmp_path / name / mark).write_text("{}")
        remember(tmp_path / name)
    remember(demo_model())
    window.welcoming.show(True)
    names = [card.accessibleName() for card in window.welcome.cards]
    assert names == ["study", demo_model().name, "walk", "walk-1"]


def test_the_welcome_page_can_be_left_out_at_start(window: StudioWindow) -> None:
    assert load_settings().welcome
    window.welcome.at_start.click()
    assert not load_settings().welcome


def test_pictures_of_what_is_no_longer_listed_are_deleted(tmp_path: Path) -> None:
    kept, gone = tmp_path / "a", tmp_path / "b"
    for path in (kept, gone):
        thumbnail_of(path).parent.mkdir(parents=True, exist_ok=True)
        thumbnail_of(path).write_bytes(b"")
    forget_all_but([kept])
    assert thumbnail_of(kept).is_file()
    assert not thumbnail_of(gone).exists()


def test_a_splash_says_what_is_loading_and_goes(qtbot: QtBot) -> None:
    with Splash(DARK) as splash:
        splash.say("Loading PyTorch…")
        assert splash.isVisible()
        colours = splash.grab().toImage()
        assert colours.pixelColor(40, 60) != colours.pixelColor(5, 5)
    assert not splash.isVisible()
