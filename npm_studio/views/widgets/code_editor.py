"""A code as the numbers it consists of, to be copied, pasted and typed over."""

import numpy as np
from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QFontDatabase, QGuiApplication
from PyQt6.QtWidgets import QHBoxLayout, QPlainTextEdit, QPushButton

from engine.core.errors import InputError
from npm_studio.session.document.state import Code
from npm_studio.views.widgets.basics import Section, note


class CodeEditor(Section):
    """The numbers of one code, and buttons to copy them and to take what was typed."""

    taken = pyqtSignal(object)
    """A `Code` that was typed or pasted."""
    refused = pyqtSignal(object)
    """The InputError that says why it cannot be taken."""

    def __init__(self, title: str) -> None:
        super().__init__(title)
        self._title = title
        self._code: Code | None = None
        self._size = 0
        self._about = note("")
        self.text = QPlainTextEdit()
        self.text.setAccessibleName(f"{title} code")
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setTabChangesFocus(True)
        self.copy, self.apply, self.revert = QPushButton("Copy"), QPushButton("Apply"), QPushButton("Revert")
        self.copy.setToolTip("Copy all numbers to the clipboard, separated by spaces")
        self.apply.setToolTip("Show the body of the numbers as they stand in the field")
        self.revert.setToolTip("Forget what was typed")
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in (self.copy, self.apply, self.revert):
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            row.addWidget(button)
        row.addStretch(1)
        self.body.addWidget(self._about)
        self.body.addWidget(self.text, 1)
        self.body.addLayout(row)
        self.copy.clicked.connect(self._copy)
        self.apply.clicked.connect(self._apply)
        self.revert.clicked.connect(self._write)
        self.text.textChanged.connect(self._refresh)
        self.show_code(None, 0)

    def show_code(self, code: Code | None, size: int) -> None:
        """The code on show, of so many numbers; None in the canonical pose. What is being typed stays."""
        if code == self._code and size == self._size:
            return
        self._code, self._size = code, size
        self._about.setText(
            "This model has none." if size == 0 else f"{size} numbers" if code else "None: the canonical pose."
        )
        document = self.text.document()
        if document is not None and not (document.isModified() and self.text.hasFocus()):
            self._write()

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(self.text.toPlainText())

    def _apply(self) -> None:
        try:
            code = code_in(self.text.toPlainText(), self._size, f"the {self._title.lower()} code")
        except InputError as error:
            self.refused.emit(error)
            return
        document = self.text.document()
        if document is not None:
            document.setModified(False)
        self.taken.emit(code)
        self._write()

    def _write(self) -> None:
        self.text.setPlainText(text_of(self._code or ()))
        self._refresh()

    def _refresh(self) -> None:
        document = self.text.document()
        is_changed = document is not None and document.isModified()
        self.text.setEnabled(self._size > 0)
        self.copy.setEnabled(bool(self.text.toPlainText()))
        self.apply.setEnabled(is_changed)
        self.revert.setEnabled(is_changed)


def text_of(code: Code) -> str:
    """The numbers of ``code``, each as short as a float32 can be written without loss."""
    return " ".join(np.format_float_positional(np.float32(value), unique=True, trim="-") for value in code)


def code_in(text: str, size: int, whose: str) -> Code:
    """The ``size`` numbers in ``text``, separated by spaces, commas, lines or brackets.

    Raises:
        InputError: they are not as many, or not numbers; ``whose`` they are.
    """
    words = text.translate(str.maketrans(",;[]()\n\t", "        ")).split()
    values = []
    for place, word in enumerate(words, 1):
        try:
            values.append(float(np.float32(word.replace("−", "-"))))
        except ValueError:
            raise InputError(whose, f"value {place}, '{word}', is not a number", "write numbers alone") from None
    if len(values) != size:
        raise InputError(whose, f"has {len(values)} numbers, this model needs {size}", "paste a whole code of it")
    if not np.isfinite(values).all():
        raise InputError(whose, "holds a number that is not finite", "correct it")
    return tuple(values)
