"""From what is on show in Fit to a fit of it: of all frames, again as before, or of some frames of a run."""

from dataclasses import replace
from typing import Protocol

from engine.core.errors import InputError
from engine.methods.method import load_method
from engine.methods.run import Run
from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.observation import Observation
from npm_studio.session.jobs.fitting import fit_request, lacks_to_refit, refit_request, what_to_do_first
from npm_studio.views.fitting import Fitting
from npm_studio.views.session import Session
from npm_studio.views.tracking import Tracking
from npm_studio.views.widgets.method_form import MethodForm


class OnShow(Protocol):
    """What is on show in Fit."""

    session: Session
    tracking: Tracking
    is_active: bool

    @property
    def form(self) -> MethodForm: ...

    @property
    def observation(self) -> Observation | None: ...

    @property
    def run(self) -> Run | None: ...

    @property
    def run_on_show(self) -> Run | None: ...


class StartingFits:
    """Says what can be fitted, and has it fitted."""

    def __init__(self, on_show: OnShow, fitting: Fitting) -> None:
        self._on_show, self._fitting = on_show, fitting
        self._session, self._document = on_show.session, on_show.session.document
        self._document.timeline.marked_changed.connect(self._on_marked)
        self._register(self._session.commands)

    @property
    def can_fit(self) -> bool:
        """Whether a fit of the recording on show can begin, or wait for others."""
        return self._is_free and not self.lacking()

    @property
    def can_fit_again(self) -> bool:
        run, observation = self._on_show.run, self._on_show.observation
        if run is None or not self._is_free or not self._on_show.form.is_installed(run.method):
            return False
        return not what_to_do_first(load_method(run.method), observation, self._document.model)

    @property
    def can_refit(self) -> bool:
        return self._is_free and not self._lacks_to_refit()

    def lacking(self) -> str:
        """What must be done before a fit, in words; nothing when it can begin."""
        form = self._on_show.form
        return what_to_do_first(form.method, self._on_show.observation, self._document.model) or form.to_fill_in()

    def start(self) -> None:
        """Begin to fit the sequence on show."""
        observation, form = self._on_show.observation, self._on_show.form
        if not self.can_fit or observation is None:
            return
        fill_lost = self._document.state.fit.fill_lost
        try:
            request = fit_request(form.method, form.values(), observation, self._document, fill_lost)
        except InputError as error:
            self._session.failed.emit(error, "")
            return
        self._fitting.start(request, observation)

    def start_again(self) -> None:
        """Fit the recording as it is open now, as the run on show was fitted."""
        run, state = self._on_show.run, self._document.state
        if run is None or not self.can_fit_again:
            return
        fields = self._on_show.form.fields_of(run.method)
        values = {name: value for name, value in run.inputs.config.items() if name in fields and value is not None}
        self._document.follow(replace(state, fit=replace(state.fit, method=run.method, values=values)))
        self.start()

    def refit(self) -> None:
        """Fit the marked frames of the run on show again."""
        run, marked, observation = self._on_show.run, self._document.timeline.marked, self._on_show.observation
        if run is None or marked is None or observation is None or not self.can_refit:
            return
        try:
            request = refit_request(run, marked, observation, self._document)
        except InputError as error:
            self._session.failed.emit(error, "")
            return
        self._document.timeline.mark(None)
        self._fitting.start(request, observation)

    @property
    def _is_free(self) -> bool:
        return not self._fitting.is_wanted_of(self._on_show.observation) and not self._on_show.tracking.is_there

    def _lacks_to_refit(self) -> str:
        marked = self._document.timeline.marked
        return lacks_to_refit(self._on_show.run, marked, self._on_show.observation, self._document)

    def _on_marked(self) -> None:
        self._session.state_changed.emit()
        marked = self._document.timeline.marked
        if marked is not None and self._on_show.is_active and self._is_free:
            self._session.message.emit(
                self._lacks_to_refit()
                or f"{len(marked)} of {len(self._document.timeline.frame_names)} frames are marked."
            )

    def _register(self, commands: Commands) -> None:
        timeline, on_show = self._document.timeline, self._on_show
        commands.handle("fit.start", self.start)
        commands.handle("fit.again", self.start_again)
        commands.handle("fit.refit", self.refit)
        commands.handle("fit.mark_first", lambda: timeline.mark_end(at_start=True))
        commands.handle("fit.mark_last", lambda: timeline.mark_end(at_start=False))
        commands.provide("can_fit", lambda: on_show.is_active and self.can_fit)
        commands.provide("can_fit_again", lambda: on_show.is_active and self.can_fit_again)
        commands.provide("can_refit", lambda: on_show.is_active and self.can_refit)
        commands.provide("can_mark", lambda: on_show.is_active and on_show.run_on_show is not None)
