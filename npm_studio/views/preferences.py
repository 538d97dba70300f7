"""What a user can choose once for all, as the schema of the settings has it."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from npm_studio.session.jobs.fitting import runs_folder
from npm_studio.session.settings import Settings, change_settings, load_settings
from npm_studio.views.widgets.basics import note

Changed = Callable[[Any], None]


class PreferencesDialog(QDialog):
    """A row for each setting that has a title; a change is kept at once."""

    def __init__(self, changed: Callable[[], None], parent: QWidget) -> None:
        """
        Args:
            changed: called after each change
        """
        super().__init__(parent)
        self.setWindowTitle("Preferences")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._changed = changed
        self.fields: dict[str, QWidget] = {}
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(20)
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(1, 1)
        self._fill(load_settings())
        defaults, close = QPushButton("Restore defaults"), QPushButton("Close")
        defaults.setAutoDefault(False)
        defaults.clicked.connect(self._restore)
        close.setDefault(True)
        close.clicked.connect(self.accept)
        buttons = QHBoxLayout()
        buttons.addWidget(defaults)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 20, 22, 16)
        column.setSpacing(18)
        column.addLayout(self._grid)
        column.addStretch(1)
        column.addLayout(buttons)
        self.setMinimumWidth(520)

    def _fill(self, settings: Settings) -> None:
        while (item := self._grid.takeAt(0)) is not None:
            if (widget := item.widget()) is not None:
                widget.hide()
                widget.deleteLater()
        for row, (name, field) in enumerate(_shown()):
            widget = _widget(field, getattr(settings, name), partial(self._keep, name))
            widget.setAccessibleName(field.title or "")
            self.fields[name] = widget
            label = QLabel(field.title)
            label.setBuddy(widget)
            self._grid.addWidget(label, 2 * row, 0)
            self._grid.addWidget(widget, 2 * row, 1)
            about = note(field.description or "")
            about.setContentsMargins(0, 0, 0, 10)
            self._grid.addWidget(about, 2 * row + 1, 1)

    def _keep(self, name: str, value: Any) -> None:
        change_settings(**{name: value})
        self._changed()

    def _restore(self) -> None:
        usual = Settings()
        change_settings(**{name: getattr(usual, name) for name, _ in _shown()})
        self._fill(usual)
        self._changed()


class _FolderField(QWidget):
    """The folder of runs; where none is chosen, the one that is in use is named faintly."""

    def __init__(self, folder: Path | None, changed: Changed) -> None:
        super().__init__()
        self._changed = changed
        self.line = QLineEdit("" if folder is None else str(folder))
        self.line.setReadOnly(True)
        self.line.setPlaceholderText(str(runs_folder()))
        self.line.textChanged.connect(lambda text: changed(Path(text) if text else None))
        choose = QPushButton("Choose…")
        choose.setAutoDefault(False)
        choose.clicked.connect(self._choose)
        clear = QPushButton("Clear")
        clear.setAutoDefault(False)
        clear.clicked.connect(self.line.clear)
        clear.setEnabled(folder is not None)
        self.line.textChanged.connect(lambda text: clear.setEnabled(bool(text)))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in (self.line, choose, clear):
            row.addWidget(widget)
        self.setFocusProxy(choose)

    def setAccessibleName(self, name: str | None) -> None:
        super().setAccessibleName(name)
        self.line.setAccessibleName(name)

    def _choose(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder", self.line.text())
        if chosen:
            self.line.setText(chosen)


def _shown() -> list[tuple[str, FieldInfo]]:
    return [(name, field) for name, field in Settings.model_fields.items() if field.title]


def _widget(field: FieldInfo, value: Any, changed: Changed) -> QWidget:
    """What a setting of this kind is changed with."""
    if get_origin(field.annotation) is Literal:
        names = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        box = QComboBox()
        for choice in get_args(field.annotation):
            box.addItem(str(names.get(choice, choice.capitalize())), choice)
        box.setCurrentIndex(box.findData(value))
        box.currentIndexChanged.connect(lambda _: changed(box.currentData()))
        return box
    if field.annotation is bool:
        check = QCheckBox()
        check.setChecked(value)
        check.toggled.connect(changed)
        return check
    if field.annotation is int:
        number = QSpinBox()
        number.setMaximum(next(int(str(limit.le)) for limit in field.metadata if hasattr(limit, "le")))
        number.setSpecialValueText("All")
        number.setValue(value)
        number.valueChanged.connect(changed)
        return number
    assert field.annotation == Path | None, field.annotation
    return _FolderField(value, changed)
