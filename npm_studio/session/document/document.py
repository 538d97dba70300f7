"""The document: its value, what can be undone of it, and what of it is loaded."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from engine.methods.run import Run
from engine.models.model import NeuralParametricModel
from engine.sequences.depth_sequence import DepthSequence
from npm_studio.session.document.comparison import ComparisonState
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.loaded import Contents, Loaded
from npm_studio.session.document.observation import Observation
from npm_studio.session.document.paths import with_paths
from npm_studio.session.document.signal import Signal
from npm_studio.session.document.state import DocumentState, Fitting, Locks, OpenRecording, OpenRun
from npm_studio.session.document.timeline import Timeline
from npm_studio.session.document.undo import UndoStack


class Document:
    """One value that is replaced, step by step; views read it, follow `changed`, and ask for changes.

    Everything that is loaded arrives finished: reading files is for background jobs.
    """

    def __init__(self) -> None:
        self._stack = UndoStack(DocumentState())
        self._loaded = Loaded()
        self._folder: Path | None = None
        self.timeline = Timeline()
        self.changed = Signal()
        """With the `DocumentState` before, and the one now."""
        self.model_changed = Signal()
        self.contents_changed = Signal()
        """Recordings or runs changed, or what is loaded of them."""
        self.begun = Signal()
        """Another document has been put in place of this one; told before `changed`."""
        self.undone = Signal()
        """Undone or redone: with how one looked at it when it was so; told before `changed`."""
        self.stepped = Signal()
        """Something was done, undone or saved: what could be lost has changed. With whether a new step began."""
        self.timeline.state_changed.connect(self._on_timeline)

    # ---- the value

    @property
    def state(self) -> DocumentState:
        return self._stack.value

    @property
    def folder(self) -> Path | None:
        """Of the project that it is saved in; None where it is not."""
        return self._folder

    @property
    def is_clean(self) -> bool:
        """Whether nothing would be lost without saving."""
        return self._stack.is_clean

    @property
    def undo_name(self) -> str | None:
        """What `undo` would undo; None where there is nothing."""
        return self._stack.undo_name

    @property
    def redo_name(self) -> str | None:
        return self._stack.redo_name

    def change(self, name: str, state: DocumentState, merge: object = None) -> None:
        """Something was done that is called ``name``, as in 'Undo Shape 1'.

        Args:
            merge: changes with the same one in a row are one step; None never merges.
        """
        before = self.state
        if state == before:
            return
        is_new = self._stack.push(name, state, merge)
        self._announce(before)
        self.stepped.emit(is_new)

    def follow(self, state: DocumentState) -> None:
        """Playback moved, or somebody looks at something else: no step, and nothing to save."""
        before = self.state
        if state != before:
            self._stack.follow(state)
            self._announce(before)

    def end_step(self) -> None:
        """A slider was let go: the next change is a step of its own."""
        self._stack.end_step()
        self.stepped.emit(True)

    def undo(self) -> None:
        """Take the last step back, in the workspace where it was made; how one looks at things stays."""
        self._move(self._stack.undo, self._stack.previous)

    def redo(self) -> None:
        self._move(self._stack.redo, self._stack.following)

    def show_workspace(self, name: str) -> None:
        self.follow(replace(self.state, view=replace(self.state.view, workspace=name)))

    @property
    def place(self) -> int:
        """Of the value among the steps, for `saved_in`."""
        return self._stack.place

    def saved_in(self, folder: Path, place: int, moved: Mapping[Path, Run] | None = None) -> None:
        """It has been written to the project ``folder`` as it was at ``place``.

        Args:
            moved: runs that were copied into the project, by the folders where they had been.
        """
        moved = moved or {}
        before, self._folder = self.state, folder
        for run in moved.values():
            self._loaded.take_run(run)
        places = {old: run.folder.resolve() for old, run in moved.items()}
        self._stack.map(lambda state: with_paths(state, lambda path: places.get(path, path)))
        self._stack.mark_clean(place)
        if self.state != before:
            self._announce(before)
        self.stepped.emit(True)

    def begin(
        self, state: DocumentState, contents: Contents, folder: Path | None = None, is_saved: bool = True
    ) -> None:
        """Put another document in place of this one, with nothing to undo."""
        before = self.state
        self._stack, self._folder = UndoStack(state), folder
        self._loaded.keep(())
        self._loaded = Loaded.of(state, contents)
        if not is_saved:
            self._stack.mark_changed()
        self.begun.emit()
        self._announce(before, everything=True)
        self.stepped.emit(True)

    # ---- the comparison

    @property
    def comparison(self) -> ComparisonState:
        return self.state.compare

    def set_comparison(self, comparison: ComparisonState, name: str = "Comparison") -> None:
        """Compare something else, or show it in another way; ``name`` as in 'Undo Layout'."""
        self.change(name, replace(self.state, compare=comparison))

    def follow_comparison(self, comparison: ComparisonState) -> None:
        """What is compared follows from what is open, or playback moved: no step."""
        self.follow(replace(self.state, compare=comparison))

    # ---- what is loaded

    @property
    def model_folder(self) -> Path | None:
        return self.state.model if self.explorer is not None else None

    @property
    def explorer(self) -> Explorer | None:
        return None if self.state.model is None else self._loaded.explorers.get(self.state.model)

    @property
    def model(self) -> NeuralParametricModel | None:
        explorer = self.explorer
        return None if explorer is None else explorer.model

    @property
    def observations(self) -> list[Observation]:
        """The open recordings."""
        loaded = self._loaded.observations
        names = ((one.path, one.capture) for one in self.state.recordings)
        return [loaded[name] for name in names if name in loaded]

    @property
    def runs(self) -> list[Run]:
        """The open runs."""
        loaded = self._loaded.runs
        return [loaded[one.folder] for one in self.state.runs if one.folder in loaded]

    def observation_at(self, path: Path | None) -> Observation | None:
        """The open recording ``path``."""
        named = next((one for one in self.state.recordings if one.path == path), None)
        return None if named is None else self._loaded.observations.get((named.path, named.capture))

    def run_at(self, folder: Path | None) -> Run | None:
        """The open run in ``folder``."""
        is_open = any(one.folder == folder for one in self.state.runs)
        return self._loaded.runs.get(folder) if folder is not None and is_open else None

    def observation_of(self, run: Run) -> Observation | None:
        """The open recording that ``run`` was fitted to."""
        return self.observation_at(self._recording_of(run))

    def runs_of(self, sequence: DepthSequence) -> list[Run]:
        """Open runs of ``sequence``, the oldest first."""
        wanted = sequence.root.resolve()
        return [run for run in self.runs if self._recording_of(run) == wanted]

    # ---- opening

    def set_model(self, folder: Path, explorer: Explorer) -> None:
        """Open another model, with the codes that it shows at first."""
        folder, before = folder.resolve(), self.state
        self._loaded.explorers[folder] = explorer
        state = replace(
            before,
            model=folder,
            explore=explorer.first(),
            locks=Locks(),
            interpolate=explorer.first_interpolation(),
            transfer=explorer.first_transfer(),
        )
        if before.model is None:  # nothing to go back to
            self.follow(state)
        elif folder == before.model:
            self._stack.push(f"Open {folder.name}", state)
            self._announce(before, everything=True)
            self.stepped.emit(True)
        else:
            self.change(f"Open {folder.name}", state)

    def add_observation(self, observation: Observation, show: bool = False) -> None:
        """Open a recording, or open it again in another way; with ``show`` it comes on show in Fit."""
        state, path = self.state, observation.sequence.root.resolve()
        opened = OpenRecording(path, observation.capture)
        self._loaded.take_observation(observation)
        after = replace(state, recordings=_opened(state.recordings, opened))
        if show or state.fit.recording is None:
            after = replace(after, fit=self._with_recording(after.fit, path))
        self._change_contents(f"Open {observation.sequence.name}", after)

    def add_run(self, run: Run, show: bool = False, name: str = "Open Run") -> None:
        """Open a run, or open it again; with ``show`` it comes on show in Fit over its recording."""
        state, folder, path = self.state, run.folder.resolve(), run.inputs.sequence.resolve()
        self._loaded.take_run(run)
        after = replace(state, runs=_with_run(state.runs, OpenRun(folder, path)))
        if show:
            fit = replace(after.fit, recording=path, run=folder)
            after = replace(after, fit=fit if state.fit.recording == path else replace(fit, frame=0))
        self._change_contents(name, after)

    def add_runs(self, runs: Sequence[Run]) -> None:
        """Open ``runs`` of one recording as one step; the last comes on show if the recording is."""
        if not runs:
            return
        opened = self.state.runs
        for run in runs:
            self._loaded.take_run(run)
            opened = _with_run(opened, OpenRun(run.folder.resolve(), run.inputs.sequence.resolve()))
        fit, last = self.state.fit, opened[-1]
        fit = replace(fit, run=last.folder) if fit.recording == last.recording else fit
        self._change_contents("Open Earlier Fits", replace(self.state, runs=opened, fit=fit))

    def replace_run(self, run: Run) -> None:
        """An open run is another one on disk now; no step."""
        if self.run_at(run.folder.resolve()) is not None:
            self._loaded.take_run(run)
            self.contents_changed.emit()

    def add_run_with_recording(self, run: Run, observation: Observation | None, show: bool = True) -> None:
        """Open a run, and its recording where there is one, as one step; with ``show`` they come on show in Fit."""
        state, folder, path = self.state, run.folder.resolve(), run.inputs.sequence.resolve()
        self._loaded.take_run(run)
        recordings = state.recordings
        if observation is not None:
            path = observation.sequence.root.resolve()
            self._loaded.take_observation(observation)
            recordings = _opened(recordings, OpenRecording(path, observation.capture))
        runs = _with_run(state.runs, OpenRun(folder, path))
        fit = replace(state.fit, recording=path, run=folder, frame=0) if show else state.fit
        self._change_contents(f"Open {run.folder.name}", replace(state, recordings=recordings, runs=runs, fit=fit))

    def show_recording(self, observation: Observation) -> None:
        """Put an open recording on show in Fit, with its latest run if there is one."""
        fit = self._with_recording(self.state.fit, observation.sequence.root.resolve())
        self.change(f"Show {observation.sequence.name}", replace(self.state, fit=fit))

    def show_run(self, run: Run | None) -> None:
        """Draw a run over the recording on show in Fit, or none."""
        folder = None if run is None else run.folder.resolve()
        self.change("Show Run", replace(self.state, fit=replace(self.state.fit, run=folder)))

    # ---- inside

    def _recording_of(self, run: Run) -> Path:
        folder = run.folder.resolve()
        named = next((one.recording for one in self.state.runs if one.folder == folder), None)
        return named or run.inputs.sequence.resolve()

    def _with_recording(self, fit: Fitting, path: Path) -> Fitting:
        """With the recording ``path`` on show, and its latest run; one that is on show keeps frame and run."""
        if fit.recording == path and fit.run is not None:
            return fit
        runs = [one.folder for one in self.state.runs if one.recording == path]
        frame = fit.frame if fit.recording == path else 0
        return replace(fit, recording=path, run=runs[-1] if runs else None, frame=frame)

    def _change_contents(self, name: str, after: DocumentState) -> None:
        if after == self.state:  # what is loaded is another object all the same
            self.contents_changed.emit()
        else:
            self.change(name, after)

    def _move(self, move: Callable[[], DocumentState], target: DocumentState | None) -> None:
        if target is None:
            return
        before = self.state
        view = replace(before.view, workspace=target.view.workspace)
        self._stack.follow(replace(before, view=view))  # the step stays in the workspace where it was made
        self._stack.follow(replace(move(), view=view))
        self.undone.emit(target.view)
        self._announce(before)
        self.stepped.emit(True)

    def _on_timeline(self) -> None:
        view = self.state.view
        if view.loop != self.timeline.loop:
            self.follow(replace(self.state, view=replace(view, loop=self.timeline.loop)))

    def _announce(self, before: DocumentState, everything: bool = False) -> None:
        after = self.state
        if self.timeline.loop != after.view.loop:
            self.timeline.set_loop(after.view.loop)
        if everything or before.model != after.model:
            self.model_changed.emit()
        if everything or (before.recordings, before.runs) != (after.recordings, after.runs):
            self._loaded.keep(self._stack.values())
            self.contents_changed.emit()
        self.changed.emit(before, after)


def _opened(recordings: tuple[OpenRecording, ...], opened: OpenRecording) -> tuple[OpenRecording, ...]:
    """With ``opened``, in place of what was open of the same recording."""
    if any(one.path == opened.path for one in recordings):
        return tuple(opened if one.path == opened.path else one for one in recordings)
    return (*recordings, opened)


def _with_run(runs: tuple[OpenRun, ...], opened: OpenRun) -> tuple[OpenRun, ...]:
    """With ``opened`` as the last; one that was open before keeps its name."""
    name = next((one.name for one in runs if one.folder == opened.folder), "")
    return (*(one for one in runs if one.folder != opened.folder), replace(opened, name=name))
