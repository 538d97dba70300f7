"""Questions with a few answers, which do not hold up the window."""

from collections.abc import Callable, Mapping

from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QAbstractButton, QMessageBox, QPushButton, QWidget


class Question(QMessageBox):
    """One sentence, what follows from it, and what one can answer; Cancel does nothing."""

    def __init__(
        self,
        parent: QWidget,
        text: str,
        detail: str,
        answers: Mapping[str, Callable[[], object]],
        cancel: str = "Cancel",
    ) -> None:
        """
        Args:
            answers: what each of them does, the usual one first; the last is what cannot be taken back
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setIcon(QMessageBox.Icon.Question)
        self.setWindowTitle("NPM Studio")
        self.setText(text)
        self.setInformativeText(detail)
        self.buttons_by_answer: dict[str, QPushButton] = {}
        self._acts: dict[QAbstractButton, Callable[[], object]] = {}
        for place, (answer, act) in enumerate(answers.items()):
            last = place == len(answers) - 1 and place > 0
            role = QMessageBox.ButtonRole.DestructiveRole if last else QMessageBox.ButtonRole.AcceptRole
            button = self.addButton(answer, role)
            assert button is not None
            self.buttons_by_answer[answer], self._acts[button] = button, act
        escape = self.addButton(cancel, QMessageBox.ButtonRole.RejectRole)
        assert escape is not None
        self.buttons_by_answer[cancel] = escape
        self.setEscapeButton(escape)
        self.setDefaultButton(next(iter(self.buttons_by_answer.values())))
        self.buttonClicked.connect(self._on_clicked)

    def answer(self, answer: str) -> None:
        """What a click on that button does."""
        self.buttons_by_answer[answer].click()

    def _on_clicked(self, button: QAbstractButton | None) -> None:
        if button in self._acts:
            self._acts[button]()
