"""Results beside each other: runs, truth, what was seen, meshes from disk; and how far they are off."""

from dataclasses import replace
from pathlib import Path

from PyQt6.QtCore import QPoint, QTimer
from PyQt6.QtWidgets import QFileDialog, QWidget

from engine.methods.run import Run
from engine.sequences.named_meshes import ENDINGS
from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.compared_sides import (
    Offer,
    OpenedSide,
    first_sides,
    is_same,
    offers,
    reference_of,
    references,
)
from npm_studio.session.document.comparison import MOST_SIDES, ComparisonState, SideSource
from npm_studio.session.document.lineup import Lineup
from npm_studio.session.document.side_errors import SideErrors
from npm_studio.session.document.state import DocumentState
from npm_studio.session.document.timeline import Playable
from npm_studio.session.jobs.comparison_report import report_choice
from npm_studio.views.session import Session
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.error_curves import Curve, ErrorCurves
from npm_studio.views.widgets.side_picker import SidePicker
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.workspaces.base import Actions, Workspace
from npm_studio.views.workspaces.compare_panel import MODES, ColourChoice, ComparePanel
from npm_studio.views.workspaces.compare_words import row_of, what_is_measured
from npm_studio.views.workspaces.compared_views import Shown, draw_sides, place_ground
from npm_studio.views.workspaces.error_measuring import ErrorMeasuring
from npm_studio.views.workspaces.lineup_loading import LineupLoading

_BLINK_MS, _FIGURES_MS = 700, 250


class CompareWorkspace(Workspace):
    """Shows what the document says of the comparison; every choice of the user makes a new state there."""

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self.lineup: Lineup | None = None
        self.errors: SideErrors | None = None
        self._framed_by: OpenedSide | None = None
        """What the camera was pointed at; a side that was only written elsewhere moves no camera."""
        self._loading, self._measuring = LineupLoading(session, self), ErrorMeasuring(session, self)
        self._offers: tuple[Offer, ...] = ()
        self._wanted: tuple[Offer, ...] = ()
        """What is on show or being loaded, the reference last."""
        self._place = 0
        self._first: tuple[SideSource, ...] = ()
        """Sides that nobody has chosen yet."""
        self._scale_mm, self._known, self.is_other = 20.0, -1, False
        self.curves = ErrorCurves(session.document.timeline)
        self.panel = ComparePanel(self.column, actions)
        self.picker = SidePicker(self)
        self._blink, self._figures = QTimer(self), QTimer(self)
        self._blink.setInterval(_BLINK_MS)
        self._figures.setInterval(_FIGURES_MS)
        self._figures.setSingleShot(True)
        self._connect()
        self._refill()

    @property
    def state(self) -> ComparisonState:
        return self.document.comparison

    @property
    def _frame(self) -> int:
        """On show; another line-up may have fewer."""
        return 0 if self.lineup is None else min(self.state.frame, len(self.lineup) - 1)

    @property
    def _run_of_fit(self) -> Run | None:
        """On show in Fit: what is compared at first."""
        return self.document.run_at(self.document.state.fit.run)

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        if self.state.sides == self._first:  # of which something better may be there by now
            self._first = first_sides(self._offers, self._run_of_fit)
            self._follow(sides=self._first)
        self._show_state()

    def leave(self) -> None:
        super().leave()
        self._blink.stop()
        self._measuring.stop()
        self.curves.hide()
        self.viewports.clear()

    def playable(self) -> Playable:
        if self.lineup is None:
            return Playable()
        return Playable(self.lineup.frame_names, self.lineup.frame_rate, self._frame)

    def show_frame(self, frame: int) -> None:
        self._follow(frame=frame)

    def below_timeline(self, slider: BarSlider) -> QWidget | None:
        self.curves.stand_under(slider)
        return self.curves

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        has_moved = before.compare.frame != after.compare.frame
        if has_moved and self.is_active:
            self.document.timeline.place(self._frame)
        if replace(before.compare, frame=after.compare.frame) != after.compare:
            self._show_state()
        elif has_moved:
            self._draw()
            self._measure()

    def take_drop(self, path: Path) -> bool:
        if (path / "run.json").is_file() or path.name == "run.json":
            self.session.run_wanted.emit(path if path.is_dir() else path.parent, self.add_run)
            return True
        files = path.iterdir() if path.is_dir() else iter((path,))
        is_meshes = any(file.suffix.lower() in ENDINGS or file.name == "truth.json" for file in files)
        if is_meshes:
            self.add_meshes(path)
        return is_meshes

    # ---- what a user asks for

    def choose_side(self, place: int) -> None:
        """Open the list of what can be compared, for the side at ``place``."""
        self._place = place
        row = self.panel.sides.rows[place] if place < MOST_SIDES else self.panel.add
        at = row if row.isVisible() else self.panel.add
        current = self.state.sides[place] if place < len(self.state.sides) else None
        self.picker.open_at(at.mapToGlobal(QPoint(0, at.height())), self._offers, current)

    def choose_new_side(self) -> None:
        self.choose_side(len(self.state.on_show))

    def add(self, source: SideSource) -> None:
        """Show ``source`` where the user has asked for a side, or beside the others."""
        is_new = self._place >= len(self.state.on_show)
        state = self.state.added(source) if is_new else self.state.with_side(self._place, source)
        self.document.set_comparison(state, "Add Side" if is_new else "Other Side")

    def add_run(self, run: Run) -> None:
        """Compare a run that has been opened."""
        self._refill()
        self.add(SideSource("run", run.folder.resolve()))

    def add_meshes(self, path: Path) -> None:
        """Compare mesh files of others."""
        path = path.resolve()
        if path not in self.state.mesh_files:
            self._follow(mesh_files=(*self.state.mesh_files, path))
            self._refill()
        self.add(SideSource("meshes", path))

    def compare_with_truth(self) -> None:
        """Put the run on show in Fit beside its truth, in colours."""
        sides = first_sides(self._offers, self._run_of_fit)
        state = replace(ComparisonState(sides), mesh_files=self.state.mesh_files)
        self.document.show_workspace("compare")
        self.document.set_comparison(state, "Compare with Truth")

    def swap(self) -> None:
        if len(self.state.sides) > 1:
            self.document.set_comparison(self.state.with_side(0, self.state.sides[1]), "Swap Sides")

    def show_other(self) -> None:
        """In a blink, change sides."""
        self.is_other = not self.is_other
        self._draw()

    def _ask_for_run(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Compare a run: the folder that a fit wrote")
        if folder:
            self.session.run_wanted.emit(Path(folder), self.add_run)

    def _ask_for_meshes(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Compare mesh files: a folder with one for each frame")
        if folder:
            self.add_meshes(Path(folder))

    def _set_blinking(self, on: bool) -> None:
        self._blink.start() if on and self.state.mode == "blink" else self._blink.stop()

    def _change(self, name: str, **values: object) -> None:
        self.document.set_comparison(replace(self.state, **values), name)  # type: ignore[arg-type]

    def _follow(self, **values: object) -> None:
        self.document.follow_comparison(replace(self.state, **values))  # type: ignore[arg-type]

    # ---- from the document to the views

    def _refill(self) -> None:
        """What can be compared now; sides that are gone are left out."""
        self._offers = offers(self.document, self.state.mesh_files)
        known = {offer.source for offer in self._offers}
        self._follow(sides=tuple(source for source in self.state.sides if source in known))
        if self.is_active:
            self.enter() if not self.state.sides else self._show_state()

    @property
    def _room(self) -> int:
        """For so many more sides."""
        return (MOST_SIDES if self.state.mode == "beside" else 2) - len(self.state.on_show)

    def _show_state(self) -> None:
        by_source = {offer.source: offer for offer in self._offers}
        shown = [by_source[source] for source in self.state.on_show if source in by_source]
        titles = [(offer.title, offer.detail) for offer in shown]
        self.panel.show_state(self.state, titles, self._room)
        if not shown:
            self._forget()
        if not self.is_active:
            return
        self._set_blinking(self.panel.blinking.isChecked())
        if not shown:
            self._show_nothing()
            return
        if len(self.viewports.views) != self.state.view_count:
            self.viewports.set_view_count(self.state.view_count)
            self._place_views()
        current = reference_of(self.state, self._offers)
        assert current is not None
        wanted = (*shown, current)
        if [offer.origin for offer in wanted] != [offer.origin for offer in self._wanted] or [
            offer.source for offer in wanted
        ] != [offer.source for offer in self._wanted]:
            self._load(wanted)
        else:
            self._draw()
            self._frame_first()
            self._measure()
        self._show_colours()

    def _forget(self) -> None:
        """Let go of what was compared, which another document would keep in memory."""
        self.lineup = self.errors = self._framed_by = None
        self._wanted = ()
        self._loading.forget()

    def _show_nothing(self) -> None:
        self.viewports.set_view_count(1)
        self.viewports.drop_hidden()
        self.curves.hide()
        self.viewports.invite(
            "compare",
            "Nothing to compare yet",
            "Fit a recording, open a run or a recording with ground truth, or drop run folders and meshes here.",
            (self.actions_by_id["file.open_run"], self.actions_by_id["file.open_sequence"]),
        )
        self.clip_changed.emit()

    def open_again(self) -> None:
        """Read the sides and measure their errors anew: their files may have changed."""
        self._loading.forget()
        if self._wanted:
            self._load(self._wanted)

    def _load(self, wanted: tuple[Offer, ...]) -> None:
        self._wanted = wanted
        self.viewports.invitation.hide()
        for place, view in enumerate(self.viewports.views):
            if place < len(wanted) - 1:
                view.caption.set_text(wanted[place].title, "Loading…", place)
        self._loading.load(wanted, self.state.frame)

    def _on_not_loaded(self) -> None:
        self.lineup = self.errors = None
        self.viewports.clear()
        self._show_figures()
        self.clip_changed.emit()
        for place, view in enumerate(self.viewports.views):
            if self.is_active and place < len(self._wanted) - 1:
                view.caption.set_text(self._wanted[place].title, "Cannot be shown beside the others", place)

    def _on_loaded(self, lineup: Lineup, errors: SideErrors | None) -> None:
        before, self.lineup, self.errors = self.lineup, lineup, errors
        self._known = -1
        if before is None or before.frame_names != lineup.frame_names:
            names = lineup.frame_names
            frame = self.state.frame
            name = before.frame_names[frame] if before is not None and frame < len(before) else ""
            if before is not None:
                self._follow(frame=names.index(name) if name in names else 0)
            self.clip_changed.emit()
        if self.is_active:
            self._place_views()
            self._show_colours()
            self._draw()
            self._frame_first()
            self._measure()

    def _frame_first(self) -> None:
        if self.lineup is not None:
            first = self.lineup.sides[0]
            if self._framed_by is None or not is_same(self._framed_by, first):
                self._framed_by = first
            self.frame_once(self._framed_by)

    def _place_views(self) -> None:
        if self.lineup is not None:
            place_ground(self.viewports.views, self.lineup.bounds)

    def _measure(self) -> None:
        if self.errors is not None and self.is_active:
            self._measuring.measure(self.errors, self._frame)

    def _on_measured(self, errors: SideErrors) -> None:
        if errors is self.errors:
            self._show_figures()
            self._measure()  # the frame may be another one by now

    def _on_measuring(self, errors: SideErrors) -> None:
        if errors is not self.errors or not self.is_active:
            return
        if not self._figures.isActive():
            self._figures.start()
        known = sum(errors.values_mm(side, self._frame) is not None for side in errors.compared)
        if known > self._known:
            if self._known <= 0:
                self._show_figures()
            self._draw()

    def _show_figures(self) -> None:
        """Scale, table and curves as far as they are known."""
        lineup, errors = self.lineup, self.errors
        if not self.is_active or lineup is None:
            self.curves.hide()
            return
        self.panel.table.fill([row_of(side, lineup, errors) for side in lineup.sides])
        if errors is None:
            self.curves.show_curves("", ())
            self.panel.progress.setText("Choose another side to have errors.")
            return
        if self.state.scale_mm is None and errors.scale_mm != self._scale_mm:
            self._scale_mm = errors.scale_mm
            self.panel.show_scale(self._scale_mm)
            self._draw()
        compared = [(place, side) for place, side in enumerate(lineup.sides) if side in errors.compared]
        self.curves.show_curves(
            errors.kind.value, [Curve(place, side.title, errors.curve_mm(side)) for place, side in compared]
        )
        done = sum(errors.of_sequence(side) is not None for _, side in compared)
        self.panel.progress.setText("" if errors.is_complete and done else "Measuring…")
        self.panel.progress.setVisible(not errors.is_complete)

    def _show_colours(self) -> None:
        against = references(self.state, self._offers)
        current = self._wanted[-1].source if self._wanted else None
        scale = self.state.scale_mm if self.state.scale_mm is not None else self._scale_mm
        self.panel.show_colours(ColourChoice(against, current, what_is_measured(self.lineup, self.errors), scale))
        self._show_figures()

    def _draw(self) -> None:
        if not self.is_active or self.lineup is None:
            return
        errors, state = self.errors, self.state
        if errors is not None:
            self._known = sum(errors.values_mm(side, self._frame) is not None for side in errors.compared)
        scale = state.scale_mm if state.scale_mm is not None else self._scale_mm
        draw_sides(
            self.viewports, Shown(self.lineup, errors, state.coloured, scale), state.mode, self._frame, self.is_other
        )
        self.quality_changed.emit("", "good", f"Frame {self._frame + 1} of {len(self.lineup)}")

    def _on_scale(self, value: float) -> None:
        self.document.change(
            "Scale", replace(self.document.state, compare=replace(self.state, scale_mm=value)), "scale"
        )

    def _register(self, commands: Commands) -> None:
        commands.handle("compare.add", self.choose_new_side)
        commands.handle("compare.swap", self.swap)
        commands.handle("compare.other", self.show_other)
        commands.handle("fit.compare_truth", self.compare_with_truth)
        commands.provide("is_comparing", lambda: self.is_active and self.lineup is not None)
        commands.provide("can_add_side", lambda: self.is_active and self._room > 0)
        commands.provide("can_report", lambda: self.is_active and report_choice(self.document) is not None)
        commands.provide("has_two_sides", lambda: self.is_active and len(self.state.sides) > 1)
        commands.provide("is_blinking", lambda: self.is_active and self.state.mode == "blink")

    def _connect(self) -> None:
        document, panel = self.document, self.panel
        document.contents_changed.connect(self._refill)
        document.model_changed.connect(self._refill)
        self._register(self.session.commands)
        panel.sides.layout_chosen.connect(lambda count: self._change("Layout", layout=count))
        panel.sides.change_wanted.connect(self.choose_side)
        panel.sides.removed.connect(lambda place: document.set_comparison(self.state.removed(place), "Remove Side"))
        panel.add.clicked.connect(self.choose_new_side)
        panel.mode.chosen.connect(lambda place: self._change("Way of Comparing", mode=MODES[place][0]))
        panel.linked.setChecked(self.viewports.is_linked)
        panel.linked.toggled.connect(self.viewports.set_linked)
        self.viewports.changed.connect(lambda: panel.linked.setChecked(self.viewports.is_linked))
        panel.blinking.toggled.connect(self._set_blinking)
        panel.coloured.toggled.connect(lambda on: self._change("Error Colours", coloured=on))
        panel.reference.activated.connect(lambda _: self._change("Reference", reference=panel.reference.currentData()))
        panel.automatic.toggled.connect(lambda on: self._change("Scale", scale_mm=None if on else panel.scale.value()))
        panel.scale.valueChanged.connect(self._on_scale)
        panel.table.frame_wanted.connect(document.timeline.seek)
        self.picker.chosen.connect(self.add)
        self.picker.run_wanted.connect(self._ask_for_run)
        self.picker.meshes_wanted.connect(self._ask_for_meshes)
        self._loading.loaded.connect(self._on_loaded)
        self._loading.failed.connect(self._on_not_loaded)
        self._measuring.advanced.connect(self._on_measuring)
        self._measuring.ended.connect(self._on_measured)
        self._blink.timeout.connect(self.show_other)
        self._figures.timeout.connect(self._show_figures)
