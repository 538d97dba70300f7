"""A depth sequence, the fit of the model to it, and the fitted mesh over the observed points."""

import functools
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PyQt6.QtWidgets import QCheckBox

from engine.core.errors import InputError
from engine.geometry.mesh import vertex_normals
from engine.methods.run import Run
from engine.methods.run_summary import most_subjects
from engine.sequences.mesh_sequence import MeshSequence
from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.observation import Observation, box_of
from npm_studio.session.document.results import bounds_of, fits_of_run, mesh_sequence_of_run
from npm_studio.session.document.state import DocumentState
from npm_studio.session.document.timeline import FrameFit, Playable
from npm_studio.session.jobs.fitting import what_lacks_here
from npm_studio.views.fitting import Fitting
from npm_studio.views.framing import box_among
from npm_studio.views.session import Session
from npm_studio.views.tracking import Tracking
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.basics import Section, tab_before
from npm_studio.views.widgets.card_texts import card_texts, stale_text
from npm_studio.views.widgets.display_options import DisplayOptions
from npm_studio.views.widgets.method_form import MethodForm
from npm_studio.views.widgets.run_list import RunList
from npm_studio.views.widgets.sequence_list import SequenceList, what_can_be_opened
from npm_studio.views.widgets.verdict import quality_of
from npm_studio.views.workspaces.base import Actions, Workspace
from npm_studio.views.workspaces.capture_choice import CaptureChoice
from npm_studio.views.workspaces.drawing import draw_frame
from npm_studio.views.workspaces.earlier_fits import EarlierFits
from npm_studio.views.workspaces.point_errors import PointErrors
from npm_studio.views.workspaces.run_actions import RunActions
from npm_studio.views.workspaces.starting_fits import StartingFits
from npm_studio.views.workspaces.track_stage import TrackStage


class FitWorkspace(Workspace):
    """Shows one sequence at a time; a run of it, or the preview of a running fit, is drawn over the points."""

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self._on_show: tuple[Observation | None, Run | None] = (None, None)
        """What the viewports have been made for."""
        self._damaged: Run | None = None
        self._meshes: MeshSequence | None = None
        self._fits: tuple[FrameFit | None, ...] = ()
        self._bounds: NDArray[np.float32] | None = None
        """(2, 3) lowest and highest corner, metres, of the meshes on show."""
        self._depth_range: tuple[float, float] | None = None
        """Metres, of what is seen where they are."""

        self.sequences = SequenceList(actions["file.open_sequence"])
        self._capture = CaptureChoice(session)
        self.subject = self._capture.panel

        self._fit_section = fit = Section("Fit")
        self._form: MethodForm | None = None
        self.fitting = Fitting(session, actions, self)
        self.progress = self.fitting.progress
        self.tracking = Tracking(session, actions, lambda: self.observation, self)
        self.starting = StartingFits(self, self.fitting)
        self._track_stage = TrackStage(self, self.tracking, self.make_room)
        self.fill_lost = QCheckBox("Fill lost frames")
        self.fill_lost.toggled.connect(lambda _: self._on_form())
        self.fill_lost.setToolTip("Interpolate the meshes of lost frames between their neighbours; they stay marked")
        fit.body.addWidget(self.fill_lost)
        fit.body.addWidget(self.progress)

        self.runs = RunList(actions["fit.show_folder"], actions["fit.compare_truth"], actions["file.export"])
        self._earlier = EarlierFits(session, self._offer_earlier)  # no more: a choice may be on its way
        self.runs.earlier_wanted.connect(self._earlier.open)
        self.run_actions = RunActions(session, actions, lambda: self.run_on_show, self)
        self.runs.menu_wanted.connect(self.run_actions.show_menu)

        self.column.setSpacing(18)
        self.column.addWidget(self.sequences)
        self.column.addWidget(self.subject)
        self.column.addWidget(fit)
        self.column.addWidget(self.tracking.panel)
        self.column.addWidget(self.runs, 1)
        self.display = DisplayOptions()
        self.display.changed.connect(self._on_display)
        self._errors = PointErrors(session.jobs, self._draw, session.failed.emit)
        self.column.addWidget(self.display)

        document = self.document
        self.sequences.chosen.connect(lambda row: document.show_recording(document.observations[row]))
        self.runs.chosen.connect(self._on_run)
        document.contents_changed.connect(self._update)
        document.model_changed.connect(self._show_state)
        document.begun.connect(self._on_begun)
        self.fitting.began.connect(self._on_fit_begun)
        self.fitting.queued.connect(self._on_fit_queued)
        self.fitting.previewed.connect(self._on_preview)
        self.fitting.ended.connect(self._on_ended)
        self.tracking.changed.connect(session.state_changed)
        self._register(session.commands)
        self._update()

    @property
    def observation(self) -> Observation | None:
        """The recording on show."""
        return self.document.observation_at(self.document.state.fit.recording)

    @property
    def run(self) -> Run | None:
        """The run that is drawn over it."""
        run = self.document.run_at(self.document.state.fit.run)
        return None if run is self._damaged else run

    @property
    def run_on_show(self) -> Run | None:
        """The same; none while a track has the views to itself."""
        return None if self.tracking.is_there else self.run

    @property
    def has_truth(self) -> bool:
        """Whether the recording of the run on show came with the truth."""
        shown = self.run_on_show is not None and self.observation is not None and not self._is_preview
        return shown and self.observation is not None and self.observation.sequence.truth_folder is not None

    @property
    def form(self) -> MethodForm:
        """Made when somebody comes here or asks for it: for its list, all methods have to be imported."""
        if self._form is None:
            self._form = MethodForm()
            self._form.show_choice(self.document.state.fit.method, self.document.state.fit.values)
            self._form.changed.connect(self._on_form)
            body = self._fit_section.body
            body.insertWidget(body.indexOf(self.fill_lost), self._form)
            tab_before(self.fill_lost, self._form)
            self._show_state()
        return self._form

    @property
    def can_fit(self) -> bool:
        return self.starting.can_fit

    def start(self) -> None:
        """Begin to fit the sequence on show."""
        self.starting.start()

    def enter(self) -> None:
        super().enter()
        self._show_state()
        self.viewports.clear()
        self.viewports.set_split(False)
        if self.tracking.is_there:
            self._track_stage.show()
            return
        if self.observation is None:
            self.viewports.invite(
                "drop",
                "Drop a depth recording here",
                f"{what_can_be_opened()} You are shown what it was taken for first.",
                (self.actions_by_id["file.open_sequence"], self.actions_by_id["file.demo_sequence"]),
            )
            return
        self._place_ground()
        self._draw()
        self.frame_once(self.observation)
        self._report()

    def playable(self) -> Playable:
        if self.observation is None or self.tracking.is_there:
            return Playable()
        sequence = self.observation.sequence
        return Playable(sequence.frame_names, sequence.frame_rate, self._frame, self._fits)

    def show_frame(self, frame: int) -> None:
        self.document.follow(replace(self.document.state, fit=replace(self.document.state.fit, frame=frame)))

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        if (before.fit.recording, before.fit.run) != (after.fit.recording, after.fit.run):
            self._update()
        elif before.fit.frame != after.fit.frame:
            if self.is_active and not self.tracking.is_there:
                self.document.timeline.place(after.fit.frame)
            self._draw()
        fit, form = after.fit, self._form
        if form is not None and form.is_installed(fit.method) and not form.shows(fit.method, fit.values):
            form.show_choice(fit.method, fit.values)
            self._show_state()
        if before.view.frame_drawing != after.view.frame_drawing:
            self.display.show_drawing(after.view.frame_drawing)
            self._draw()

    def unkept(self) -> str:
        return self.tracking.unkept()

    def is_at_work(self) -> bool:
        return self.tracking.is_running

    def keep(self) -> None:
        self.tracking.end_and_keep()

    def give_up(self) -> None:
        self.tracking.discard()
        document = self.document
        self.run_actions.empty_wastebasket(document.state, document.folder, document.is_clean)

    def make_room(self, for_track: bool) -> None:
        """Give viewports and panel to a track, or take them back."""
        self._fit_section.setVisible(not for_track)
        self.runs.setEnabled(not for_track)
        self._update()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _on_fit_begun(self) -> None:
        if self.observation is self.fitting.observation:  # what it has so far comes on show
            self.document.timeline.pause()
            self.scroll_to(self.progress)
            fit = replace(self.document.state.fit, run=None)
            self.document.follow(replace(self.document.state, fit=fit))

    def _on_fit_queued(self) -> None:
        self._show_state()
        self._draw()

    def _on_preview(self, is_first: bool) -> None:
        preview = self.fitting.preview
        if self._is_preview and preview is not None:
            self._bounds, self._depth_range = bounds_of(preview), self._depths(preview)
        self._draw()
        self._report()
        if is_first and self.is_active and self._is_preview:
            self.viewports.keep_framed()

    def _on_ended(self, run: Run | None, fitted: Observation) -> None:
        """``run`` is None when there is nothing to keep."""
        on_show = self.observation
        is_on_show = run is not None and on_show is not None and on_show.sequence.root == fitted.sequence.root
        if run is not None:
            self.document.add_run(run, show=is_on_show, name=f"Fit {fitted.sequence.name}")
            self.scroll_to(self.runs)
        self._after_fit()
        if run is not None and is_on_show and self.is_active and run.is_complete and not run.interrupted:
            self.document.timeline.play()

    def _after_fit(self) -> None:
        self._update()
        if self.is_active and self.observation is not None:
            self._place_ground()
        self._show_fits()
        self._draw()
        self._report()
        if self.is_active and self.run is not None:
            self.viewports.keep_framed()

    def _take_run(self, run: Run | None) -> None:
        self._meshes, self._fits, self._bounds, self._depth_range = None, (), None, None
        observation = self.observation
        if run is None or run.decoding is not None:  # to decode meshes would hold up the window
            return
        meshes = mesh_sequence_of_run(run, None if observation is None else observation.sequence)
        try:
            self._bounds = bounds_of(meshes)
            if observation is not None:
                self._fits = fits_of_run(run, observation.sequence)
                self._depth_range = self._depths(meshes)
        except InputError as error:  # one of its meshes or images is damaged
            self._damaged = run
            self.session.failed.emit(error, "")
            return
        self._meshes = meshes

    def _depths(self, meshes: MeshSequence) -> tuple[float, float]:
        """Between which the subject is seen, by frames that are not lost."""
        assert self.observation is not None
        names, boxes = self.observation.sequence.frame_names, {}
        for frame in self.observation.picks:
            fit, index = self._fits[frame] if self._fits else None, meshes.index_of(names[frame])
            if index is not None and (fit is None or not fit.lost):
                boxes[frame] = box_of(meshes.read(index).vertices)
        return self.observation.depth_range_in(boxes)

    def _show_fits(self) -> None:
        """On the timeline, which plays the sequence on show."""
        if self.is_active:
            self.document.timeline.set_fits(self._fits)

    def _place_ground(self) -> None:
        assert self.observation is not None
        low, high = self.observation.bounds
        if self._meshes is not None and self._bounds is not None:
            low, high = self._bounds
        self.viewports.left.ground.place(float(low[1]), (float(low[0] + high[0]) / 2, float(low[2] + high[2]) / 2))

    def _draw(self) -> None:
        """Bring the viewports up to date with the frame, the run and the boxes."""
        if not self.is_active:
            return
        if self.tracking.is_there:
            self._track_stage.draw()
        if self.tracking.is_there or self.observation is None:
            return
        view, observation, drawing = self.viewports.left, self.observation, self.document.state.view.frame_drawing
        sequence = observation.sequence
        frame = self._frame
        meshes = self._meshes_on_show()
        index = None if meshes is None else meshes.index_of(sequence.frame_names[frame])
        bounds = None if meshes is None or not drawing.mesh else self._bounds
        view.focus = None if bounds is None else box_among(bounds, observation.bounds)
        surface = None
        try:
            observed = observation.frame(frame)
            if meshes is not None and index is not None and drawing.mesh:
                mesh = meshes.read(index)
                surface = mesh.vertices, vertex_normals(mesh.vertices, mesh.faces), mesh.faces
            subject = self._subject_near(meshes, frame) if meshes is not None and drawing.mesh else None
        except InputError as error:
            self.document.timeline.pause()
            self.session.failed.emit(error, "")
            return
        errors = None
        if drawing.errors and meshes is not None and index is not None and not self._is_preview:
            errors = functools.partial(self._errors.draw, view, observation, meshes, frame)
        depths = (None if meshes is None else self._depth_range) or observation.colour_range
        draw_frame(view, drawing, observed, depths, surface, errors, subject)
        what = "observed points" if meshes is None else "preview of the fit" if self._is_preview else "fitted mesh"
        fit = self._fits[frame] if self._fits else None
        said = "" if fit is None else f" · {fit.in_words()}"
        view.caption.set_text(sequence.name, f"Frame {frame + 1} of {len(sequence)} · {what}{said}")
        view.redraw()

    def _subject_near(self, meshes: MeshSequence, frame: int) -> NDArray[np.float32] | None:
        """Box (2, 3) of the mesh of the nearest frame that has one and is not lost; None where ``frame`` is that."""
        assert self.observation is not None
        names, fits = self.observation.sequence.frame_names, () if self._is_preview else self._fits
        lost = {place for place, fit in enumerate(fits) if fit is not None and fit.lost}
        for place in sorted(set(range(len(names))) - lost, key=lambda other: abs(other - frame)):
            index = meshes.index_of(names[place])
            if index is not None:
                return None if place == frame else box_of(meshes.read(index).vertices)
        return None

    @property
    def _is_fitted(self) -> bool:
        """Whether a fit of the recording on show runs or waits, which would be one of something else after a change."""
        return self.fitting.is_wanted_of(self.observation)

    @property
    def _is_preview(self) -> bool:
        fitting = self.fitting
        return fitting.preview is not None and self.observation is fitting.observation and self.run is None

    def _meshes_on_show(self) -> MeshSequence | None:
        return self.fitting.preview if self._is_preview else self._meshes

    def _report(self) -> None:
        if not self.is_active or self.tracking.is_there:
            return
        stale = stale_text(self.run, self.observation)
        self.quality_changed.emit(*quality_of(self._meshes_on_show(), self.run, self._is_preview, stale))

    def _update(self) -> None:
        """What is on show, and the lists, from the document."""
        document, observation, run = self.document, self.observation, self.run
        (shown, shown_run), self._on_show = self._on_show, (observation, run)
        if observation is not shown or run is not shown_run:
            self._take_run(run)
        if observation is None or (shown is not None and shown.sequence.root != observation.sequence.root):
            self.progress.forget_outcome()
        self.sequences.fill(document.observations, observation)
        runs = [] if observation is None else document.runs_of(observation.sequence)
        self._capture.show(observation, most_subjects(runs))
        self.runs.fill(card_texts(runs, document.state.runs, observation), run, stale_text(run, observation))
        self._earlier.look(observation)
        self._offer_earlier()
        self._show_state()
        if not self.is_active:
            return
        if observation is not shown:
            self.enter()
            self.clip_changed.emit()
        elif run is not shown_run and observation is not None and not self.tracking.is_there:
            self._place_ground()
            self._show_fits()
            self._draw()
            self._report()

    def _on_run(self, folder: str | None) -> None:
        run = next((run for run in self.document.runs if str(run.folder) == folder), None)
        if run is not self.run:
            self._damaged = None
            self.document.show_run(run)

    def _on_display(self) -> None:
        view = replace(self.document.state.view, frame_drawing=self.display.drawing)
        self.document.follow(replace(self.document.state, view=view))

    def _on_begun(self) -> None:
        now = self.document.state.fit
        if self._form is not None:
            self._form.show_choice(now.method, now.values)
        self.fill_lost.setChecked(now.fill_lost)
        self.display.show_drawing(self.document.state.view.frame_drawing)

    def _register(self, commands: Commands) -> None:
        commands.provide("can_compare_truth", lambda: self.is_active and self.has_truth)
        commands.provide("has_run", lambda: self.is_active and self.run_on_show is not None)

    def _offer_earlier(self) -> None:
        self.runs.offer_earlier(len(self._earlier.offered))

    def _show_state(self) -> None:
        """What the Fit button needs, in words, which methods can be chosen, and what a running fit forbids."""
        if not self.is_active and self._form is None:
            return
        model = self.document.model
        self.subject.setEnabled(self.observation is not None and not self._is_fitted and not self.tracking.is_there)
        for widget in (self.form, self.fill_lost):
            widget.setEnabled(not self._is_fitted)
        self.form.set_lacking(lambda method: what_lacks_here(method.requires, model))
        self.form.set_pointless(() if model is None or model.may_have_sides else ("side",))
        self.progress.offer_another(self.observation is not None and not self._is_fitted)
        if not self.session.is_fitting:
            ready = f"{self.form.method.title}: ready."
            if self.form.method.requires.takes_model() and model is not None:
                ready = f"Fits {model.info.name} to this sequence."
            self.progress.explain(ready, self.starting.lacking())

    def _on_form(self) -> None:
        form = self.form
        fit = replace(
            self.document.state.fit, method=form.method.id, values=form.values(), fill_lost=self.fill_lost.isChecked()
        )
        self.document.follow(replace(self.document.state, fit=fit))
        self._show_state()
        self.session.state_changed.emit()

    @property
    def _frame(self) -> int:
        """The frame on show; a recording that was opened in another way may have fewer."""
        observation = self.observation
        return 0 if observation is None else min(self.document.state.fit.frame, len(observation) - 1)
