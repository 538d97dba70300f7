from pathlib import Path

import pytest
from PyQt6.QtWidgets import QApplication, QCheckBox, QComboBox, QFileDialog, QLineEdit, QPushButton, QSpinBox

from npm_studio.session.jobs.fitting import new_run_folder, runs_folder
from npm_studio.session.model import preferred_device
from npm_studio.session.settings import Settings, change_settings, load_settings
from npm_studio.views.preferences import PreferencesDialog
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.present import present


def opened(window: StudioWindow) -> PreferencesDialog:
    window.actions_by_id["edit.preferences"].trigger()
    return next(one for one in QApplication.topLevelWidgets() if isinstance(one, PreferencesDialog) and one.isVisible())


def test_every_setting_with_a_title_can_be_changed_and_is_kept(
    window: StudioWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
    dialog = opened(window)
    assert list(dialog.fields) == [name for name, field in Settings.model_fields.items() if field.title]
    for field in dialog.fields.values():
        assert field.accessibleName()
        match field:
            case QComboBox():
                field.setCurrentIndex(1)
            case QCheckBox():
                field.toggle()
            case QSpinBox():
                field.setValue(2)
            case _:
                next(button for button in field.findChildren(QPushButton) if button.text() == "Choose…").click()
    changed = load_settings()
    assert all(getattr(changed, name) != getattr(Settings(), name) for name in dialog.fields)
    assert changed.runs_folder == tmp_path
    assert new_run_folder(Path("walk")).parent == tmp_path
    assert window.theme.name == "light"
    next(button for button in dialog.findChildren(QPushButton) if button.text() == "Restore defaults").click()
    assert all(getattr(load_settings(), name) == getattr(Settings(), name) for name in dialog.fields)
    assert window.theme.name == "dark"
    dialog.close()


def test_a_device_that_is_not_there_is_not_insisted_on() -> None:
    change_settings(device="cuda")
    assert preferred_device().type in ("cpu", "cuda")


def test_the_folder_of_runs_that_is_in_use_is_named_before_one_is_chosen(window: StudioWindow) -> None:
    dialog = opened(window)
    line = present(dialog.fields["runs_folder"].findChild(QLineEdit))
    assert line.text() == "" and line.placeholderText() == str(runs_folder())
    dialog.close()
