"""What is asked before a recording is opened: what it is, what of it is the subject, and whether a model suits it."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtGui import QGuiApplication
from PyQt6.QtWidgets import (
    QDialog,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from engine.core.errors import InputError, Notice, Setting, remedy
from engine.sequences.capture_options import CaptureOptions
from engine.sequences.facts import frames_text, pose_text
from npm_studio.session.document.guessed_intrinsics import size_of_images
from npm_studio.session.document.model_checks import Check
from npm_studio.session.document.recording_look import RecordingLook
from npm_studio.session.document.state import Fitting
from npm_studio.views.widgets.basics import ElidedLabel, Section, heading, note
from npm_studio.views.widgets.check_list import CheckList
from npm_studio.views.widgets.depth_picture import DepthHistogram, DepthPicture
from npm_studio.views.widgets.intrinsics_fields import IntrinsicsFields
from npm_studio.views.widgets.method_form import MethodForm
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.widgets.subject import SubjectPanel
from npm_studio.views.words import words

_SIZE = (960, 640)


@dataclass(frozen=True)
class SheetAnswer:
    """What the user decided."""

    look: RecordingLook
    """Opened as it is wanted."""
    fit: bool
    """Whether to fit it at once."""
    method: str
    values: dict[str, Any]
    others: bool = False
    """Whether to do the same with the recordings that wait."""


class RecordingSheet(QDialog):
    """A recording before it is opened. Nothing of the document changes until it is answered."""

    wanted = pyqtSignal(object)
    """Another `CaptureOptions` to look with."""
    answered = pyqtSignal(object)
    """A `SheetAnswer`."""
    model_wanted = pyqtSignal(object)
    """The folder of a model that would suit the recording."""

    def __init__(self, path: Path, capture: CaptureOptions, fit: Fitting, parent: QWidget) -> None:
        """
        Args:
            fit: the method and its fields that are chosen at first
        """
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.path = path
        self._look: RecordingLook | None = None
        self._has_guessed = False
        self._lacking = ""
        self.picture, self.histogram = DepthPicture(), DepthHistogram()
        self.frame = BarSlider(0)
        self.frame.setAccessibleName("Frame that is looked at")
        self.caption, self.recognised, self.facts = note(""), note(""), QFormLayout()
        self.recognised.setObjectName("")
        self.checks = CheckList(self.model_wanted.emit)
        self.subject, self.intrinsics = SubjectPanel(explains=True), IntrinsicsFields()
        self.form = MethodForm()
        self.form.show_choice(fit.method, fit.values)
        self.runs_go_to = ElidedLabel()
        self.busy, self.bar = QLabel(), QProgressBar()
        self.fit_button, self.open_button = QPushButton("Fit"), QPushButton("Only open")
        self.cancel_button, self.all_button = QPushButton("Cancel"), QPushButton("Fit all")
        self.show_place(1, 1)
        self._lay_out(path)
        self.frame.hide()
        self.intrinsics.setEnabled(False)
        self.subject.changed.connect(lambda options: self.wanted.emit(self._with_intrinsics(options)))
        self.intrinsics.changed.connect(lambda: self.wanted.emit(self._with_intrinsics(self.subject.options)))
        self.histogram.range_changed.connect(self._on_range)
        self.frame.valueChanged.connect(lambda _: self._show_frame())
        self.form.changed.connect(self._show_state)
        self.fit_button.clicked.connect(lambda: self.answer(True))
        self.all_button.clicked.connect(lambda: self.answer(True, others=True))
        self.open_button.clicked.connect(lambda: self.answer(False))
        self.cancel_button.clicked.connect(self.reject)
        self.subject.show_choice(capture, ())
        self.show_busy("Reading the recording")
        self.picture.show_text("Reading the recording…")
        self._fit_to_screen()

    # ---- what is known

    def show_place(self, number: int, count: int) -> None:
        """Which of several recordings this is."""
        self.setWindowTitle(f"Open recording {number} of {count}" if count > 1 else "Open recording")
        self.cancel_button.setText("Skip" if number < count else "Cancel")
        self.all_button.setText(f"Fit all {count - number + 1}")
        self.all_button.setVisible(number < count)
        self.all_button.setToolTip(
            "Fit this one and those that wait in the same way, one after the other;\n"
            "about one that cannot be opened so, or that does not suit the model, you are asked"
        )

    def show_busy(self, text: str, done: int = 0, total: int = 0) -> None:
        """Something is being found out; an empty ``text`` says that nothing is."""
        self.busy.setText(text)
        self.bar.setRange(0, max(total, 0))
        self.bar.setValue(done)
        self.bar.setVisible(bool(text))

    def show_look(self, look: RecordingLook) -> None:
        """What is known by now."""
        is_first = self._look is None or self._look.scene is not look.scene
        self._look = look
        shown = look.scene if look.observation is None else look.observation.sequence
        self.recognised.setText(f"{_sentence(shown.origin)}")
        self._show_facts()
        if not (self.subject.is_changing or self.intrinsics.is_changing):  # else this look is out of date
            self.subject.show_choice(look.capture, shown.warnings, look.scene.streams)
            self.intrinsics.show_camera(look.scene.camera, _as_given(look.capture), not look.states_itself)
        self.subject.setEnabled(True)
        self.subject.scale.setEnabled(not look.states_itself)
        isolation = look.capture.isolation
        self.histogram.show_depths(look.depths, isolation.near_m, isolation.far_m)
        guess = Notice("nobody states the intrinsics: they are guessed", remedy("correct {}", Setting.INTRINSICS))
        guessed = (Check("warn", guess),) if self.intrinsics.is_guess else ()
        self.checks.show_checks((*guessed, *look.checks))
        self.frame.setRange(0, len(look.frames) - 1)
        self.frame.setVisible(len(look.frames) > 1)
        if is_first:
            self.frame.setValue(len(look.frames) // 2)
            self._show_state()
            self.fit_button.setFocus()
        self._show_frame()
        self._show_state()

    def show_trouble(self, error: InputError, capture: CaptureOptions) -> None:
        """The recording cannot be opened so; where intrinsics are missing, a guess is looked with."""
        self.show_busy("")
        if Setting.INTRINSICS in error.settings and capture.intrinsics is None and not self._has_guessed:
            size = size_of_images(self.path)
            if size is not None:
                self._has_guessed = True
                self.wanted.emit(replace(capture, intrinsics=self.intrinsics.guess_for(*size)))
                return
        self._look = None
        self.picture.show_text(_sentence(error.line(words)))
        self.histogram.show_depths(None, None, None)
        self.checks.show_checks(())
        self.recognised.setText("It cannot be opened as it is.")
        is_whole = error.subject == str(self.path)
        subject = "the recording" if is_whole else f"{Path(error.name(words)).name}:"
        notice = Notice(f"{subject} {error.problem}", error.remedy)
        self.subject.show_choice(capture, (notice,), asks_for_stream=Setting.STREAM in error.settings)
        self.subject.setEnabled(True)
        if Setting.DEPTH_UNITS in error.settings:
            self.subject.scale.setFocus()
        elif Setting.STREAM in error.settings:
            self.subject.stream.setFocus()
        self._show_state()

    def show_conditions(self, model: str, place: str, lacking: str, waits: bool) -> None:
        """
        Args:
            model: what would be fitted, in words
            place: where its run would go
            lacking: why it cannot be fitted; empty where it can be
            waits: whether other fits come first
        """
        self._lacking = lacking
        self.checks.show_model(model)
        self.runs_go_to.setText(f"The run goes to {place}")
        self.runs_go_to.setToolTip(place)
        self.fit_button.setText("Queue fit" if waits else "Fit")
        self.fit_button.setToolTip(
            "Open it and fit it once the fits before it are done" if waits else "Open and fit it"
        )
        self._show_state()

    # ---- inside

    def _with_intrinsics(self, options: CaptureOptions) -> CaptureOptions:
        return replace(options, intrinsics=self.intrinsics.stated)

    def _on_range(self, near_m: float | None, far_m: float | None) -> None:
        options = self.subject.options
        isolation = replace(options.isolation, near_m=near_m, far_m=far_m)
        self.wanted.emit(self._with_intrinsics(replace(options, isolation=isolation)))

    @property
    def is_in_doubt(self) -> bool:
        """Whether what is known by now is not good enough to fit it unasked."""
        look = self._look
        if look is None or look.observation is None or not self.fit_button.isEnabled():
            return True
        return any(check.tone == "bad" for check in look.checks)

    def answer(self, fit: bool, others: bool = False) -> None:
        """What a click on a button does; nothing while the recording is not open."""
        if self._look is None or self._look.observation is None:
            return
        self.answered.emit(SheetAnswer(self._look, fit, self.form.method.id, self.form.values(), others))
        self.accept()

    def _show_facts(self) -> None:
        assert self._look is not None
        scene, look = self._look.scene, self._look
        near, far = look.range_m
        rows = {
            "Frames": frames_text(scene),
            "Resolution": f"{scene.camera.width} × {scene.camera.height} pixels",
            "Depths": f"{near:.2f} to {far:.2f} m",
            "Camera pose": pose_text(scene),
        }
        while self.facts.rowCount():
            self.facts.removeRow(0)
        for name, text in rows.items():
            label = QLabel(name)
            label.setObjectName("muted")
            value = QLabel(text)
            value.setWordWrap(True)
            value.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            self.facts.addRow(label, value)

    def _show_frame(self) -> None:
        if self._look is None:
            self.caption.setText("")
            return
        frame = self._look.frames[min(self.frame.value(), len(self._look.frames) - 1)]
        self.picture.show_frame(frame)
        kept = self._look.how if frame.kept.any() else "nothing of the subject"
        count, looked_at = len(self._look.scene), len(self._look.frames)
        which = f", {self.frame.value() + 1} of {looked_at} that were looked at" if looked_at < count else ""
        self.caption.setText(f"Frame {frame.index + 1} of {count}{which}. In colour: {kept}.")

    def _show_state(self) -> None:
        is_open = self._look is not None and self._look.observation is not None
        lacking = self._lacking or self.form.to_fill_in()
        self.open_button.setEnabled(is_open)
        for button in (self.fit_button, self.all_button):
            button.setEnabled(is_open and not lacking)
        self.checks.show_lacking(lacking)
        is_bad = any(check.tone == "bad" for check in (self._look.checks if self._look else ()))
        self.fit_button.setObjectName("" if is_bad else "primary")
        style = self.fit_button.style()
        if style is not None:
            style.unpolish(self.fit_button)
            style.polish(self.fit_button)
        if is_bad and self.fit_button.text() == "Fit":
            self.fit_button.setText("Fit anyway")
        elif not is_bad and self.fit_button.text() == "Fit anyway":
            self.fit_button.setText("Fit")

    def _lay_out(self, path: Path) -> None:
        where = ElidedLabel(str(path.resolve()))
        where.setToolTip(str(path))
        left = QVBoxLayout()
        left.setSpacing(7)
        left.addWidget(self.picture, 1)
        left.addWidget(self.frame)
        left.addWidget(self.caption)
        left.addWidget(self.histogram)
        about, fit = Section("Recognised"), Section("Method")
        about.body.addWidget(self.recognised)
        self.facts.setContentsMargins(0, 0, 0, 0)
        self.facts.setVerticalSpacing(2)
        self.facts.setHorizontalSpacing(14)
        about.body.addLayout(self.facts)
        fit.body.addWidget(self.form)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 12, 0)
        column.setSpacing(16)
        for section in (about, self.checks, self.subject, self.intrinsics, fit):
            column.addWidget(section)
        column.addStretch(1)
        area = QScrollArea()
        area.setObjectName("side")
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(inside)
        area.setMinimumWidth(330)
        middle = QHBoxLayout()
        middle.setSpacing(20)
        middle.addLayout(left, 5)
        middle.addWidget(area, 4)
        self.bar.setTextVisible(False)
        self.bar.setFixedWidth(110)
        self.busy.setObjectName("muted")
        buttons = QHBoxLayout()
        buttons.setSpacing(10)
        buttons.addWidget(self.bar)
        buttons.addWidget(self.busy)
        buttons.addStretch(1)
        for button in (self.cancel_button, self.open_button, self.all_button, self.fit_button):
            button.setAutoDefault(button is self.fit_button)
            buttons.addWidget(button)
        self.fit_button.setDefault(True)
        self.open_button.setToolTip("Open it in the workspace “Fit” without fitting it")
        around = QVBoxLayout(self)
        around.setContentsMargins(20, 16, 20, 14)
        around.setSpacing(10)
        around.addWidget(heading(path.name))
        around.addWidget(where)
        around.addLayout(middle, 1)
        around.addWidget(self.runs_go_to)
        around.addLayout(buttons)

    def _fit_to_screen(self) -> None:
        screen = QGuiApplication.primaryScreen()
        width, height = _SIZE
        parent = self.parentWidget()
        if parent is not None:
            width, height = min(width, parent.width() - 24), min(height, parent.height() - 40)
        if screen is not None:
            space = screen.availableSize()
            width, height = min(width, space.width()), min(height, space.height() - 40)
        self.resize(max(width, 700), max(height, 420))


def _as_given(capture: CaptureOptions) -> str | None:
    return None if capture.intrinsics is None else str(capture.intrinsics)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")
