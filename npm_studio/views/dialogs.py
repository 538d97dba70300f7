"""Errors, shortcuts, and what this program is."""

import platform
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from PyQt6.QtCore import QT_VERSION_STR, Qt, QUrl
from PyQt6.QtGui import QDesktopServices, QGuiApplication, QKeySequence
from PyQt6.QtWidgets import (
    QDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from engine.core.errors import InputError
from engine.core.streams import is_out_of_memory
from npm_studio.log_file import log_path
from npm_studio.session.commands.command import Menu
from npm_studio.session.commands.table import commands_in
from npm_studio.views.theme import Theme, pixmap
from npm_studio.views.widgets.basics import heading, note
from npm_studio.views.words import words

_MEMORY = (
    "Close other programs that use it, open a smaller model or fewer frames, or choose the CPU in the preferences; "
    "what is open stays as it is."
)
_UNEXPECTED = "Try again; if it comes back, save your work and report the details below, with the log."


class ErrorDialog(QDialog):
    """One sentence, what to try, and the details for those who want them."""

    def __init__(self, error: BaseException, traceback: str, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("NPM Studio")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.error = error
        self.sentence, self.remedy, details = _in_words(error, traceback)
        self.log = log_path()
        self.details = f"{details}\n\nLog: {self.log}"
        picture = QLabel()
        picture.setPixmap(pixmap("warning", theme.warn, 36))
        title = heading(self.sentence)
        title.setWordWrap(True)
        title.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        text = QVBoxLayout()
        text.setSpacing(6)
        text.addWidget(title)
        text.addWidget(note(self.remedy))
        top = QHBoxLayout()
        top.setSpacing(14)
        top.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        top.addLayout(text, 1)
        self.text = QPlainTextEdit(self.details)
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setMinimumHeight(180)
        self.text.hide()
        self.toggle = QPushButton("Show details")
        copy = QPushButton("Copy")
        log = QPushButton("Open log")
        log.setToolTip(str(self.log))
        log.setEnabled(self.log.is_file())
        close = QPushButton("Close")
        for button in (self.toggle, copy, log):
            button.setAutoDefault(False)
        close.setDefault(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.toggle)
        buttons.addWidget(copy)
        buttons.addWidget(log)
        buttons.addStretch(1)
        buttons.addWidget(close)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 16)
        column.setSpacing(16)
        column.addLayout(top)
        column.addWidget(self.text, 1)
        column.addLayout(buttons)
        self.setMinimumWidth(480)
        self.toggle.clicked.connect(self._toggle_details)
        copy.clicked.connect(self._copy)
        log.clicked.connect(lambda: QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.log))))
        close.clicked.connect(self.accept)
        close.setFocus()

    def _toggle_details(self) -> None:
        self.text.setVisible(self.text.isHidden())
        self.toggle.setText("Show details" if self.text.isHidden() else "Hide details")
        self.adjustSize()

    def _copy(self) -> None:
        clipboard = QGuiApplication.clipboard()
        if clipboard is not None:
            clipboard.setText(f"{self.sentence}\n{self.remedy}\n\n{self.details}")


def _in_words(error: BaseException, traceback: str) -> tuple[str, str, str]:
    """A sentence, what to try, and details."""
    if isinstance(error, Exception) and is_out_of_memory(error):
        where = "The memory of the GPU is full" if "cuda" in repr(error).lower() else "The memory is full"
        return f"{where}.", _MEMORY, traceback or repr(error)
    if not isinstance(error, InputError):
        return f"Something went wrong: {error or error.__class__.__name__}", _UNEXPECTED, traceback or repr(error)
    subject, remedy = error.name(words), error.remedy.line(words)
    details = "\n\n".join(part for part in (error.line(words), traceback) if part)
    return (
        f"{Path(subject).name or subject}: {error.problem}.",
        f"{remedy[:1].upper()}{remedy[1:]}." if remedy else "",
        details,
    )


class ShortcutsDialog(QDialog):
    """All shortcuts, by menu, and what the mouse does."""

    _MOUSE = (
        ("Turn the view", "Left drag"),
        ("Move the view", "Shift + left drag, or middle drag"),
        ("Zoom", "Wheel, or right drag"),
        ("Set a slider back to the mean", "Double click"),
    )

    def __init__(self, menus: Sequence[Menu], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._menus = menus
        self.setWindowTitle("Shortcuts")
        inside = QWidget()
        grid = QGridLayout(inside)
        grid.setContentsMargins(20, 16, 20, 16)
        grid.setHorizontalSpacing(36)
        grid.setVerticalSpacing(6)
        for line, (title, keys) in enumerate(self._lines()):
            if keys is None:
                grid.addWidget(heading(title), line, 0, 1, 2)
                grid.setRowMinimumHeight(line, 32)
            else:
                grid.addWidget(QLabel(title), line, 0)
                label = QLabel(keys)
                label.setObjectName("muted")
                grid.addWidget(label, line, 1)
        grid.setRowStretch(grid.rowCount(), 1)
        area = QScrollArea()
        area.setObjectName("side")
        area.setWidgetResizable(True)
        area.setWidget(inside)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        column = QVBoxLayout(self)
        column.addWidget(area)
        column.addLayout(_close_row(self))
        self.resize(520, 640)

    def _lines(self) -> Iterator[tuple[str, str | None]]:
        menu_on_show = ""
        for menu, command in commands_in(self._menus):
            if not command.shortcut:
                continue
            if menu.title != menu_on_show:
                menu_on_show = menu.title
                yield menu.title.replace("&", ""), None
            keys = QKeySequence(command.shortcut).toString(QKeySequence.SequenceFormat.NativeText)
            yield command.title.replace("&", "").rstrip("…"), keys
        yield "Mouse", None
        yield from self._MOUSE


class AboutDialog(QDialog):
    """Name, versions and licences."""

    def __init__(self, renderer: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle("About NPM Studio")
        try:
            own = version("npm-studio")
        except PackageNotFoundError:
            own = "not installed"
        import pyvista
        import torch

        picture = QLabel()
        picture.setPixmap(pixmap("app", "", 72))
        title = heading("NPM Studio")
        font = title.font()
        font.setPointSizeF(font.pointSizeF() + 6)
        title.setFont(font)
        facts = (
            f"Version {own}, MIT licence",
            f"Python {platform.python_version()}, PyTorch {torch.__version__}",
            f"Qt {QT_VERSION_STR} with PyQt6 (GPL-3.0), PyVista {pyvista.__version__}",
            f"Graphics: {renderer}",
        )
        words = QVBoxLayout()
        words.setSpacing(5)
        words.addWidget(title)
        words.addWidget(note("Learn, explore and fit neural parametric models."))
        words.addSpacing(6)
        words.addWidget(note("\n".join(facts)))
        words.addStretch(1)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addLayout(words, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(22, 22, 22, 16)
        column.setSpacing(18)
        column.addLayout(row)
        column.addLayout(_close_row(self))
        self.setMinimumWidth(460)


def _close_row(dialog: QDialog) -> QHBoxLayout:
    close = QPushButton("Close")
    close.setDefault(True)
    close.clicked.connect(dialog.accept)
    row = QHBoxLayout()
    row.addStretch(1)
    row.addWidget(close)
    return row
