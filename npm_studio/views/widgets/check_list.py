"""The model that would be fitted, and what was checked of it against a recording."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from npm_studio.session.document.model_checks import Check
from npm_studio.views.theme import pixmap, theme_of
from npm_studio.views.widgets.badge import tone_colour
from npm_studio.views.widgets.basics import Section, note
from npm_studio.views.words import words


class CheckList(Section):
    """A line for each check with a dot in the colour of its outcome, and a button where a model would suit better."""

    def __init__(self, open_model: Callable[[Path], object], parent: QWidget | None = None) -> None:
        super().__init__("Model", parent=parent)
        self._open_model = open_model
        self.model, self.lacking = QLabel(), note("")
        self.model.setWordWrap(True)
        self.cure = QPushButton()
        self.cure.setAutoDefault(False)
        self.cure.hide()
        self.cure.clicked.connect(self._on_cure)
        self._folder: Path | None = None
        self.lines: list[QLabel] = []
        self._rows = QVBoxLayout()
        self._rows.setSpacing(4)
        self.body.addWidget(self.model)
        self.body.addLayout(self._rows)
        self.body.addWidget(self.cure)
        self.body.addWidget(self.lacking)
        self.lacking.hide()

    def show_model(self, text: str) -> None:
        self.model.setText(text)

    def show_lacking(self, text: str) -> None:
        """Why nothing can be fitted; an empty ``text`` is for when it can be."""
        self.lacking.setText(text)
        self.lacking.setVisible(bool(text))

    def show_checks(self, checks: Sequence[Check]) -> None:
        """Lines for ``checks``, in place of those on show."""
        while (item := self._rows.takeAt(0)) is not None:
            row = item.widget()
            if row is not None:
                row.hide()
                row.deleteLater()
        self.lines = []
        for check in checks:
            self._rows.addWidget(self._row(check))
        self._folder = next((check.cure for check in checks if check.cure is not None), None)
        self.cure.setVisible(self._folder is not None)
        if self._folder is not None:
            self.cure.setText(f"Open {self._folder.stem}")

    def _row(self, check: Check) -> QWidget:
        theme, row = theme_of(self), QWidget()
        dot, line = QLabel(), QLabel(_sentence(check.notice.line(words)))
        dot.setPixmap(pixmap("dot", tone_colour(check.tone, theme), 14))
        line.setWordWrap(True)
        line.setMinimumWidth(40)
        self.lines.append(line)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(7)
        layout.addWidget(dot, 0, Qt.AlignmentFlag.AlignTop)
        layout.addWidget(line, 1)
        return row

    def _on_cure(self) -> None:
        if self._folder is not None:
            self.cure.hide()
            self._open_model(self._folder)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."
