"""Which method fits, and what it must be told."""

from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QStandardItemModel
from PyQt6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from engine.core.config import FieldInfo, fields_of
from engine.methods.method import FitMethod, installed_methods
from npm_studio.views.widgets.basics import scrolls_panel
from npm_studio.views.widgets.path_field import PathField
from npm_studio.views.words import label_of

MAIN_FIELD = "steps"
"""Asked for beside the fields that must be given and those with a few choices: it trades time for closeness."""


class MethodForm(QWidget):
    """A list of the installed methods, and below it the fields that the chosen one asks for; others have defaults."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._methods = installed_methods()
        self.choice = QComboBox()
        self.choice.setAccessibleName("Method")
        self.choice.addItems([method.title for method in self._methods])
        self._pages = [_Page(method, self.changed.emit) for method in self._methods]
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.choice)
        for page in self._pages:
            column.addWidget(page)
        scrolls_panel(self.choice)
        self.choice.currentIndexChanged.connect(self._on_choice)
        self._on_choice(0)

    @property
    def method(self) -> FitMethod:
        return self._methods[self.choice.currentIndex()]

    @property
    def fields(self) -> dict[str, QWidget]:
        """Those of the chosen method, by name."""
        return self._pages[self.choice.currentIndex()].fields

    def values(self) -> dict[str, Any]:
        """What the fields say, by name; empty ones are left out."""
        return self._pages[self.choice.currentIndex()].values()

    def to_fill_in(self) -> str:
        """A sentence about a field that must be filled in first; nothing when all are."""
        values = self.values()
        names = [field.name for field in fields_of(self.method.config_type) if field.required]
        return next((f"Fill in “{label_of(name)}” first." for name in names if name not in values), "")

    def choose(self, name: str) -> None:
        """Choose a method by its name."""
        self.choice.setCurrentIndex([method.id for method in self._methods].index(name))

    def is_installed(self, name: str) -> bool:
        return any(method.id == name for method in self._methods)

    def fields_of(self, name: str) -> dict[str, QWidget]:
        """Those of the method called ``name``, by name."""
        return self._pages[[method.id for method in self._methods].index(name)].fields

    def shows(self, name: str, values: Mapping[str, Any]) -> bool:
        """Whether a method and its ``values`` are on show."""
        return (self.method.id, self.values()) == (name, dict(values))

    def show_choice(self, name: str, values: Mapping[str, Any]) -> None:
        """Put a method and its ``values`` on show, without telling anybody; one that is not installed is left out."""
        if not self.is_installed(name):
            return
        self.blockSignals(True)
        self.choose(name)
        for field, value in values.items():
            if field in self.fields:
                _show(self.fields[field], value)
        self.blockSignals(False)

    def set_lacking(self, lacks: Callable[[FitMethod], str]) -> None:
        """Methods that lack something cannot be chosen; their tooltips say what."""
        model = self.choice.model()
        assert isinstance(model, QStandardItemModel)
        for row, method in enumerate(self._methods):
            item, lacking = model.item(row), lacks(method)
            assert item is not None
            item.setEnabled(not lacking)
            self.choice.setItemData(row, f"Needs {lacking}." if lacking else "", Qt.ItemDataRole.ToolTipRole)

    def set_pointless(self, names: Collection[str]) -> None:
        """Fields of these names, which change nothing for the model that is open, are not shown."""
        for page in self._pages:
            for name, row in page.rows.items():
                row.setVisible(name not in names)

    def _on_choice(self, index: int) -> None:
        for row, page in enumerate(self._pages):
            page.setVisible(row == index)
        self.changed.emit()


class _Page(QWidget):
    """The fields that one method asks for."""

    def __init__(self, method: FitMethod, changed: Callable[[], None]) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        self.fields: dict[str, QWidget] = {}
        self.rows: dict[str, QWidget] = {}
        for field in fields_of(method.config_type):
            if field.required or field.choices or field.name == MAIN_FIELD:
                widget = self.fields[field.name] = _widget(field, changed)
                widget.setToolTip(field.description)
                widget.setAccessibleName(label_of(field.name))
                row = self.rows[field.name] = QWidget()
                line = QHBoxLayout(row)
                line.setContentsMargins(0, 0, 0, 0)
                line.addWidget(QLabel(label_of(field.name)))
                line.addStretch(1)
                line.addWidget(widget)
                column.addWidget(row)

    def values(self) -> dict[str, Any]:
        stated = {name: _value(widget) for name, widget in self.fields.items()}
        return {name: value for name, value in stated.items() if value is not None}


def _widget(field: FieldInfo, changed: Callable[[], None]) -> QWidget:
    if field.kind == "integer":
        number = QSpinBox()
        number.setRange(int(field.lowest or 0), int(min(field.highest or 1e9, 2**31 - 1)))
        number.setSingleStep(20)
        number.setValue(field.default or 0)
        number.valueChanged.connect(lambda _: changed())
        scrolls_panel(number)
        return number
    if field.kind == "path":
        return PathField(changed)
    if field.kind == "choice":
        box = QComboBox()
        box.addItems(field.choices)
        box.setCurrentText(str(field.default or field.choices[0]))
        box.currentIndexChanged.connect(lambda _: changed())
        scrolls_panel(box)
        return box
    line = QLineEdit()
    line.textChanged.connect(lambda _: changed())
    return line


def _value(widget: QWidget) -> Any:
    """As JSON would give it; None for an empty field."""
    if isinstance(widget, QSpinBox):
        return widget.value()
    if isinstance(widget, QComboBox):
        return widget.currentText()
    if isinstance(widget, PathField):
        return None if widget.path is None else str(widget.path)
    assert isinstance(widget, QLineEdit)
    return widget.text().strip() or None


def _show(widget: QWidget, value: Any) -> None:
    """The inverse of `_value`; what does not fit is left out."""
    if isinstance(widget, QSpinBox) and isinstance(value, int):
        widget.setValue(value)
    elif isinstance(widget, QComboBox):
        widget.setCurrentText(str(value))
    elif isinstance(widget, PathField):
        widget.set_path(Path(str(value)))
    elif isinstance(widget, QLineEdit):
        widget.setText(str(value))
