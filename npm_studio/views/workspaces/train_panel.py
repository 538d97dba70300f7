"""The panel of the workspace Train."""

from pathlib import Path

from PyQt6.QtCore import Qt, QUrl
from PyQt6.QtGui import QDesktopServices, QMouseEvent, QPixmap, QResizeEvent
from PyQt6.QtWidgets import QLabel, QProgressBar, QSizePolicy, QVBoxLayout, QWidget

from engine.dataset.verification.verify import Verification
from npm_studio.reports.training_curves import Curves
from npm_studio.reports.training_quality import quality_in_words
from npm_studio.session.document.dataset_on_show import DatasetOnShow
from npm_studio.session.jobs.job import Job, in_words
from npm_studio.session.jobs.training import newest_preview
from npm_studio.views.widgets.basics import Section, action_button, note
from npm_studio.views.widgets.dataset_tree import DatasetTree
from npm_studio.views.widgets.training_form import TrainingForm
from npm_studio.views.words import words
from npm_studio.views.workspaces.base import Actions

_MOST_PROBLEMS = 4


class TrainPanel(QWidget):
    """The dataset with its tree, the form of a training with its progress, and the model as it is."""

    def __init__(self, actions: Actions) -> None:
        super().__init__()
        data = Section("Dataset", [actions["train.open"]])
        self.about = note("")
        self.tree = DatasetTree()
        self.verify_button = action_button("Verify", actions["train.verify"])
        self.verified = note("")
        self.verified.hide()
        _stack(data, self.about, self.tree, self.verify_button, self.verified)
        training = Section("Training")
        self.form = TrainingForm()
        self.start_button = action_button("Train", actions["train.start"])
        self.start_button.setObjectName("primary")
        self.stop_button = action_button("Stop and keep", actions["train.stop"])
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setRange(0, 1000)
        self.progress = note("")
        _stack(training, self.form, self.start_button, self.stop_button, self.bar, self.progress)
        self.model = Section("Model")
        self.picture = _Picture()
        self.quality = note("")
        self.open_button = action_button("Open model", actions["train.open_model"])
        _stack(self.model, self.picture, self.quality, self.open_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(18)
        column.addWidget(data)
        column.addWidget(training)
        column.addWidget(self.model)
        column.addStretch(1)
        self._named: Path | None = None

    def show_dataset(self, shown: DatasetOnShow | None, folder: Path | None) -> None:
        """Describe ``shown``; ``folder`` is that of a dataset that is still being read."""
        if folder != self._named:
            self._named = folder
            self.show_verification(None)
        self.tree.fill(shown)
        if shown is None:
            reading = "" if folder is None else f"Reading {folder.name}…"
            self.about.setText(reading or "Meshes of several identities in motion, from which a model learns.")
        else:
            samples = " Distances have still to be sampled; a training does that first." if shown.lacks_samples else ""
            self.about.setText(f"{shown.dataset.name}: {shown.in_words()}.{samples}")
            self.about.setToolTip(str(shown.dataset.root))
        self.tree.setVisible(shown is not None)

    def begin_verification(self) -> None:
        self.verified.setText("Looking at every file…")
        self.verified.show()

    def show_verification(self, found: Verification | None) -> None:
        """What is wrong with the dataset and how to mend it; None where nobody has looked."""
        if found is None:
            self.verified.hide()
            return
        lines = [problem.line(words) for problem in found.problems[:_MOST_PROBLEMS]]
        more = len(found.problems) - len(lines)
        lines += [f"And {more} more: npm-studio dataset verify lists all."] if more > 0 else []
        lines += [each.line(words) for each in found.notes[:_MOST_PROBLEMS]] if not found.problems else []
        count = len(found.problems)
        head = f"{count} problem{'s' * (count > 1)}" if count else "Clean"
        self.verified.setText("\n".join([f"{head} ({found.checked_in_words()}).", *lines]))
        self.verified.show()

    def show_job(self, job: Job | None, can_go_on: bool) -> None:
        """How far the training is that is watched.

        Args:
            can_go_on: whether it left something to go on from
        """
        runs = job is not None and not job.is_over
        self.start_button.setVisible(not runs)
        self.stop_button.setVisible(runs)
        self.bar.setVisible(runs)
        if job is None:
            self.progress.setText("")
        elif runs:
            fraction = job.fraction
            self.bar.setRange(0, 0 if fraction is None and job.state == "running" else 1000)
            self.bar.setValue(round(1000 * (fraction or 0)))
            words_of = {"stopping": "Stopping after this step", "paused": "Paused"}
            self.progress.setText(words_of.get(job.state, in_words(job).capitalize()))
        elif job.state == "stopped":
            self.progress.setText("Stopped; Train goes on from there." if can_go_on else "Stopped before it had begun.")
        else:
            self.progress.setText("Trained." if job.state == "done" else "The training failed; its log is under Jobs.")
        self.progress.setVisible(bool(self.progress.text()))
        is_whole = job is None or job.state == "done"
        self.model.heading.setText("Model" if is_whole else "Model so far")

    def show_learned(self, out: Path | None, curves: Curves, scale: float, can_open: bool) -> None:
        """The newest picture of the model ``out``, what its curves say, and whether there is something to open."""
        picture = None if out is None else newest_preview(out)
        self.picture.show_file(picture)
        said = quality_in_words(curves, scale)
        self.quality.setText("\n".join(said))
        self.quality.setVisible(bool(said))
        self.model.setVisible(picture is not None or bool(said) or can_open)


def _stack(section: Section, *widgets: QWidget) -> None:
    for widget in widgets:
        section.body.addWidget(widget)


class _Picture(QLabel):
    """As wide as the panel; a click opens it in the picture viewer of the system."""

    def __init__(self) -> None:
        super().__init__()
        self._path: Path | None = None
        self._whole = QPixmap()
        self._stamp = 0.0
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setAccessibleName("Picture of what the model has learned")
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.hide()

    def show_file(self, path: Path | None) -> None:
        """Show the picture at ``path``; None hides it."""
        stamp = 0.0 if path is None else path.stat().st_mtime
        if (path, stamp) == (self._path, self._stamp):
            return
        self._path, self._stamp = path, stamp
        self._whole = QPixmap() if path is None else QPixmap(str(path))
        self.setToolTip("" if path is None else f"{path.name}: identities as learned, canonical above and posed below")
        self.setVisible(not self._whole.isNull())
        self._scale()

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        self._scale()

    def mousePressEvent(self, event: QMouseEvent | None) -> None:
        if self._path is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._path)))

    def _scale(self) -> None:
        if self._whole.isNull() or self.width() < 2:
            return
        ratio = self.devicePixelRatioF()
        smooth = Qt.TransformationMode.SmoothTransformation
        scaled = self._whole.scaledToWidth(round(self.width() * ratio), smooth)
        scaled.setDevicePixelRatio(ratio)
        self.setFixedHeight(round(scaled.height() / ratio))
        self.setPixmap(scaled)
