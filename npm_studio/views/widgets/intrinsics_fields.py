"""Focal lengths and principal point of a depth camera, as recorded, typed or guessed."""

from PyQt6.QtCore import QTimer, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QDoubleSpinBox, QGridLayout, QLabel, QWidget

from engine.geometry.camera import PinholeCamera
from npm_studio.session.document.guessed_intrinsics import (
    FIELD_OF_VIEW_DEGREES,
    GUESSES,
    as_text,
    best_guess,
    by_field_of_view,
)
from npm_studio.views.widgets.basics import Section, note, scrolls_panel

_PAUSE_MS = 500
_NAMES = ("fx", "fy", "cx", "cy")
_MEANING = {
    "fx": "Focal length along the rows, pixels",
    "fy": "Focal length along the columns, pixels",
    "cx": "Where the axis of the lens meets the image, pixels from its left edge",
    "cy": "Where the axis of the lens meets the image, pixels from its upper edge",
}
_OWN, _BY_VIEW = "Typed", "By field of view"


class IntrinsicsFields(Section):
    """Four numbers; where nobody states them, a choice of cameras to guess them by."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Intrinsics", parent=parent)
        self._size = (1, 1)
        self.stated: str | None = None
        """``fx,fy,cx,cy`` as the user wants them; None for those of the recording."""
        self._is_recorded = True
        self.guess = QComboBox()
        self.guess.addItems([_OWN, _BY_VIEW, *(guess.title for guess in GUESSES)])
        self.guess.setToolTip("Cameras of a kind differ by some percent: type the numbers of yours if you know them")
        self.guess.setAccessibleName("Camera to guess the intrinsics by")
        self.guess.setMinimumContentsLength(10)
        self.guess.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.view = _number(10.0, 150.0, 1, FIELD_OF_VIEW_DEGREES, "°")
        self.view.setToolTip("Angle between the left and the right edge of the image")
        self.view.setAccessibleName("Field of view in degrees")
        self.numbers = {name: _number(0.1 if name[0] == "f" else 0.0, 1e5, 2, 1.0) for name in _NAMES}
        self.said = note("")
        grid = QGridLayout()
        grid.setHorizontalSpacing(8)
        grid.addWidget(self.guess, 0, 0, 1, 3)
        grid.addWidget(self.view, 0, 3)
        for place, (name, box) in enumerate(self.numbers.items()):
            label = QLabel(name)
            label.setBuddy(box)
            box.setToolTip(f"{_MEANING[name]}; pixel centres are at +0.5")
            box.setAccessibleName(_MEANING[name])
            grid.addWidget(label, 1 + place // 2, 2 * (place % 2))
            grid.addWidget(box, 1 + place // 2, 2 * (place % 2) + 1)
            box.valueChanged.connect(self._on_number)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self.body.addLayout(grid)
        self.body.addWidget(self.said)
        scrolls_panel(self.guess, self.view, *self.numbers.values())
        self.guess.activated.connect(self._on_guess)
        self.view.valueChanged.connect(self._on_guess)
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(_PAUSE_MS)
        self._pause.timeout.connect(self.changed)
        self._show_rows(guessed=False)

    def show_camera(self, camera: PinholeCamera, stated: str | None, can_be_changed: bool = True) -> None:
        """Put those on show that a recording was opened with, without telling anybody.

        Args:
            stated: as the user did; None where they are the recording's own
        """
        self._size, self.stated = (camera.width, camera.height), stated
        if stated is None:
            self._is_recorded = True
            self._show_rows(guessed=False)
        self._write(camera)
        self.setEnabled(can_be_changed)

    def guess_for(self, width: int, height: int) -> str:
        """Guess those of images of this size, offer other guesses, and give them as `stated`; nobody is told."""
        self._size, self._is_recorded = (width, height), False
        guess = best_guess(width, height)
        camera = guess.camera(width, height)
        row = self.guess.findText(guess.title)
        self.guess.setCurrentIndex(row if row >= 0 else 1)
        self._write(camera)
        self.stated = as_text(camera)
        self._show_rows(guessed=True)
        return self.stated

    @property
    def is_changing(self) -> bool:
        """Whether there is a change that nobody has been told of yet."""
        return self._pause.isActive()

    @property
    def is_guess(self) -> bool:
        """Whether the numbers are guessed, and nobody has typed better ones."""
        return not self._is_recorded and self.guess.currentText() != _OWN

    def _camera(self) -> PinholeCamera:
        return PinholeCamera(*self._size, *(box.value() for box in self.numbers.values()))

    def _write(self, camera: PinholeCamera) -> None:
        for box, value in zip(self.numbers.values(), (camera.fx, camera.fy, camera.cx, camera.cy), strict=True):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)

    def _on_number(self) -> None:
        self.guess.setCurrentText(_OWN)
        self._change()

    def _on_guess(self) -> None:
        title = self.guess.currentText()
        if title != _OWN:
            known = (guess for guess in GUESSES if guess.title == title)
            self._write(next(known, by_field_of_view(self.view.value())).camera(*self._size))
        self._change()

    def _change(self) -> None:
        self.stated = as_text(self._camera())
        self._say()
        self._pause.start()

    def _say(self) -> None:
        self.view.setEnabled(self.guess.currentText() == _BY_VIEW)
        guessed = "A guess: nothing in the recording states them. Sizes are wrong by as much as the focal lengths are."
        self.said.setText(guessed if self.is_guess else "As you typed them.")
        self.said.setVisible(not self._is_recorded)

    def _show_rows(self, guessed: bool) -> None:
        self.guess.setVisible(guessed)
        self.view.setVisible(guessed)
        self._say()


def _number(low: float, high: float, decimals: int, value: float, unit: str = "") -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setDecimals(decimals)
    box.setRange(low, high)
    box.setValue(value)
    box.setSuffix(unit)
    box.setKeyboardTracking(False)
    return box
