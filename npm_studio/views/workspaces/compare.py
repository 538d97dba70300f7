"""Two results side by side, and the distance between them as colours."""

from collections.abc import Callable
from functools import partial

import numpy as np
from PyQt6.QtCore import Qt
from PyQt6.QtWidgets import QCheckBox, QComboBox, QDoubleSpinBox, QGridLayout, QHBoxLayout, QLabel, QPushButton

from engine.core.progress import Progress
from engine.geometry.mesh import vertex_normals
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.document.comparison import Comparison, round_scale
from npm_studio.session.document.explorer import pretty
from npm_studio.session.document.results import (
    mesh_sequence_of_identity,
    mesh_sequence_of_run,
    mesh_sequence_of_truth,
)
from npm_studio.session.document.timeline import Playable
from npm_studio.session.jobs.events import JobEvent
from npm_studio.views.scene import DISTANCE_COLOURS, colours_of
from npm_studio.views.session import Session
from npm_studio.views.viewport import Viewport
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, note
from npm_studio.views.workspaces.base import Actions, Workspace

_METRICS = (("mean", "Mean"), ("median", "Median"), ("percentile_95", "95 % below"), ("largest", "Largest"))


class CompareWorkspace(Workspace):
    """Runs, ground truth and identities in pairs."""

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self.comparison: Comparison | None = None
        self._sources: dict[str, Callable[[], MeshSequence]] = {}
        self._frame = 0
        self._scale_chosen = False

        what = Section("Compare")
        self.left, self.right = QComboBox(), QComboBox()
        for label, box in (("Left", self.left), ("Right", self.right)):
            title = QLabel(label)
            title.setObjectName("muted")
            what.body.addWidget(title)
            what.body.addWidget(box)
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(12)
            box.setPlaceholderText("Nothing to choose from yet")
            box.activated.connect(lambda _: self._load())
        swap = QPushButton("Swap left and right")
        swap.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        swap.clicked.connect(self.swap)
        what.body.addSpacing(4)
        what.body.addWidget(swap)

        how = Section("Show")
        self.linked = QCheckBox("Link the cameras")
        link = actions["view.link_cameras"]
        self.linked.setToolTip(link.toolTip())
        self.linked.setChecked(viewports.is_linked)
        self.linked.toggled.connect(viewports.set_linked)
        viewports.changed.connect(lambda: self.linked.setChecked(viewports.is_linked))
        self.coloured = QCheckBox("Colour the left by its distance to the right")
        self.coloured.setChecked(True)
        self.coloured.toggled.connect(lambda _: self._draw())
        self.scale = QDoubleSpinBox()
        self.scale.setRange(0.1, 1000)
        self.scale.setDecimals(1)
        self.scale.setSuffix(" mm")
        self.scale.setValue(20)
        self.scale.setToolTip("Distance at the end of the colour scale")
        self.scale.valueChanged.connect(self._on_scale)
        row = QHBoxLayout()
        row.addWidget(QLabel("Scale ends at"))
        row.addStretch(1)
        row.addWidget(self.scale)
        for widget in (self.linked, self.coloured):
            how.body.addWidget(widget)
        how.body.addLayout(row)

        metrics = Section("Distance in this frame")
        grid = QGridLayout()
        grid.setVerticalSpacing(5)
        self.metrics: dict[str, QLabel] = {}
        for line, (metric, words) in enumerate(_METRICS):
            value = self.metrics[metric] = QLabel("–")
            grid.addWidget(QLabel(words), line, 0)
            grid.addWidget(value, line, 1, Qt.AlignmentFlag.AlignRight)
        metrics.body.addLayout(grid)
        metrics.body.addSpacing(4)
        metrics.body.addWidget(note("From each vertex on the left to the nearest point of the surface on the right."))

        self.column.setSpacing(20)
        for section in (what, how, metrics):
            self.column.addWidget(section)
        self.column.addStretch(1)
        session.document.contents_changed.connect(self._refill)
        session.document.model_changed.connect(self._refill)
        self._refill()

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        if len(self._sources) < 2:
            self.viewports.set_split(False)
            self.viewports.invite(
                "compare",
                "Nothing to compare yet",
                "Open or make two runs, a run whose sequence has ground truth, or a model with two identities.",
                (self.actions_by_id["file.open_run"], self.actions_by_id["file.open_model"]),
            )
            return
        self.viewports.set_split(True)
        if self.comparison is None:
            self._load()
        else:
            self._show_comparison()

    def playable(self) -> Playable:
        if self.comparison is None:
            return Playable()
        return Playable(self.comparison.frame_names, self.comparison.frame_rate, self._frame)

    def show_frame(self, frame: int) -> None:
        self._frame = frame
        self._draw()

    def choose(self, left: str, right: str) -> None:
        """Compare two of the offered results, by title."""
        self.left.setCurrentText(left)
        self.right.setCurrentText(right)
        self._load()

    @property
    def titles(self) -> tuple[str, ...]:
        """Titles of what can be compared."""
        return tuple(self._sources)

    def _refill(self) -> None:
        """What can be compared now; keeps the choice where it is still there."""
        document, model = self.session.document, self.session.document.model
        sources: dict[str, Callable[[], MeshSequence]] = {}
        for run in document.runs:
            shown = document.observation_of(run)
            fitted = partial(mesh_sequence_of_run, run, None if shown is None else shown.sequence)
            sources[f"Run {run.folder.name}"] = fitted
        for observation in document.observations:
            sequence = observation.sequence
            if sequence.truth_folder is not None:
                sources[f"Ground truth of {sequence.name}"] = partial(
                    mesh_sequence_of_truth, sequence, observation.scene
                )
        if model is not None:
            for index, name in enumerate(model.info.identities):
                sources[pretty(name)] = partial(mesh_sequence_of_identity, model, index)
        before = (self.left.currentText(), self.right.currentText())
        self._sources = sources
        for box in (self.left, self.right):
            box.clear()
            box.addItems(list(sources))
            box.setEnabled(len(sources) > 1)
        if set(before) <= set(sources) and self.comparison is not None:
            self.left.setCurrentText(before[0])
            self.right.setCurrentText(before[1])
            return
        self.comparison = None
        self.left.setCurrentIndex(0 if sources else -1)
        self.right.setCurrentIndex(1 if len(sources) > 1 else -1)
        if self.is_active:
            self.enter()

    def offer(self, left: str) -> None:
        """Preselect ``left`` against the ground truth, or against whatever else there is."""
        if left in self._sources:
            others = [title for title in self._sources if title != left]
            truths = [title for title in others if title.startswith("Ground truth")]
            self.left.setCurrentText(left)
            if others:
                self.right.setCurrentText((truths or others)[0])
            self.comparison = None

    def swap(self) -> None:
        """Show on the left what is on the right, and the other way round."""
        left, right = self.left.currentText(), self.right.currentText()
        self.choose(right, left)

    def _load(self) -> None:
        """Read both results in the background."""
        names = self.left.currentText(), self.right.currentText()
        if not all(name in self._sources for name in names):
            return
        sources = [self._sources[name] for name in names]
        self.session.jobs.cancel("measure")
        for view, name in zip(self.viewports.views, names, strict=False):
            view.caption.set_text(name, "Loading…")

        def work(progress: Progress) -> Comparison:
            return Comparison(sources[0](), sources[1]())

        self.session.jobs.submit("load", work, self._on_loaded, self._on_failed)

    def _on_failed(self, error: Exception, traceback: str) -> None:
        self.comparison = None
        self.viewports.clear()
        self.clip_changed.emit()
        self.session.failed.emit(error, traceback)

    def _on_loaded(self, result: object) -> None:
        assert isinstance(result, Comparison)
        self.comparison, self._frame, self._scale_chosen = result, 0, False
        if self.is_active:
            self.viewports.clear()
            self._show_comparison()
            self.clip_changed.emit()

    def _show_comparison(self) -> None:
        assert self.comparison is not None
        for view in self.viewports.views:
            view.ground.place(self.comparison.ground)
        self._draw()
        self.frame_once(self.comparison)
        comparison, first = self.comparison, self._frame
        self.session.jobs.cancel("measure")
        self.session.jobs.submit(
            "measure",
            lambda progress: comparison.measure(progress, first),
            finished=lambda _: self._on_measured(),
            failed=self.session.failed.emit,
            event=self._on_progress,
        )

    def _on_progress(self, event: JobEvent) -> None:
        if self.comparison is not None and self.comparison.distances_mm(self._frame) is not None:
            self._on_measured()

    def _on_measured(self) -> None:
        if self.comparison is None:
            return
        distances = self.comparison.distances_mm(self._frame)
        if distances is not None and not self._scale_chosen:
            self._scale_chosen = True
            self.scale.blockSignals(True)
            self.scale.setValue(round_scale(float(np.percentile(distances, 95))))
            self.scale.blockSignals(False)
        self._draw()

    def _on_scale(self) -> None:
        self._scale_chosen = True
        self._draw()

    def _draw(self) -> None:
        if not self.is_active or self.comparison is None or not self.viewports.is_split:
            return
        frame = min(self._frame, len(self.comparison) - 1)
        pair = self.comparison.pairs[frame]
        sides = (self.comparison.left, self.comparison.right)
        for view, side, index in zip(self.viewports.views, sides, pair, strict=True):
            self._draw_side(view, side, index)
        left, distances = self.viewports.left, self.comparison.distances_mm(frame)
        if self.coloured.isChecked() and distances is not None:
            left.mesh.colour_by(distances, self.scale.value())
            title = "Distance to the right"
            left.colour_bar.set_scale(title, 0, self.scale.value(), "mm", colours_of(DISTANCE_COLOURS))
        else:
            left.mesh.colour_by(None)
            left.colour_bar.hide()
        summary = self.comparison.summary(frame)
        for name, label in self.metrics.items():
            label.setText("–" if summary is None else f"{getattr(summary, name):.1f} mm")
        self.quality_changed.emit("", "good", f"Frame {frame + 1} of {len(self.comparison)}")

    def _draw_side(self, view: Viewport, side: MeshSequence, index: int) -> None:
        mesh = side.read(index)
        view.mesh.set_opacity(1.0)
        view.mesh.stand_on(None)
        view.mesh.show(mesh.vertices, vertex_normals(mesh.vertices, mesh.faces), mesh.faces)
        view.ground.cast_shadow(mesh.vertices)
        detail = f"Frame {side.frame_names[index]}" if len(side) > 1 else "Canonical pose"
        view.caption.set_text(side.title, detail)
        view.redraw()
