"""Opening by path: whatever a path is, it is read in the background and then put into the document."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from engine.core.errors import InputError
from engine.core.files import clear_leftovers
from engine.core.progress import Progress
from engine.methods.run import Run, load_run
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from npm_studio.resources import is_built_in
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.loaded import Contents
from npm_studio.session.document.observation import Observation, observation_of_run, open_again, open_observation
from npm_studio.session.document.project import AUTOSAVE_NAME, FILE_NAME, RUNS, load_project, open_run
from npm_studio.session.document.recognise import Kind, recognise
from npm_studio.session.document.state import DocumentState, Training
from npm_studio.session.jobs.events import Advanced, JobEvent
from npm_studio.session.jobs.fitting import runs_folder
from npm_studio.session.jobs.status import JobStatus
from npm_studio.session.model import open_model
from npm_studio.session.settings import MOST_RECENT, change_settings, load_settings
from npm_studio.views.session import Session
from npm_studio.views.words import FIELDS


class Opening:
    """Reads what is asked for; the document changes when it is there."""

    def __init__(self, session: Session) -> None:
        self._session, self._document = session, session.document
        session.capture_wanted.connect(self.open_again)
        session.run_wanted.connect(self.open_run)
        session.open_wanted.connect(self._open_wanted)
        self._document.model_changed.connect(self._place_recordings)

    def _open_wanted(self, path: Path) -> None:
        self.open_path(path)

    def open_path(self, path: Path) -> None:
        """Open whatever ``path`` is; about a recording the user is asked first."""
        try:
            kind, folder = recognise(path)
        except InputError as error:
            self._session.failed.emit(error, "")
            return
        match kind:
            case Kind.MODEL:
                self.open_model(folder)
            case Kind.SEQUENCE:
                self._session.sheet_wanted.emit(folder)
            case Kind.RUN:
                self.open_run(folder)
            case Kind.PROJECT:
                self.open_project(folder)
            case Kind.DATASET:
                self.open_dataset(folder)

    def open_model(self, folder: Path, load: Callable[[], Explorer] | None = None) -> None:
        """Open a model; with ``load`` by that, which may have begun already."""
        self._say(f"Loading {folder.name}…")

        def finished(explorer: object) -> None:
            assert isinstance(explorer, Explorer)
            before = self._document.undo_name
            self._document.set_model(folder, explorer)
            remember(folder)
            way_back = "" if self._document.undo_name == before else "; Undo brings the one before back"
            self._say(f"Opened {folder}{way_back}")

        self._load(lambda _: open_model(folder) if load is None else load(), finished)

    def open_dataset(self, folder: Path) -> None:
        """Put a dataset on show in Train, which reads it."""
        state, folder = self._document.state, folder.resolve()
        if folder != state.train.dataset:
            train = Training(folder, device=state.train.device)
            self._document.change(f"Open {folder.name}", replace(state, train=train))
        remember(folder)
        self._document.show_workspace("train")

    def open_sequence(self, path: Path, capture: CaptureOptions = AS_RECORDED) -> None:
        """Open a depth sequence or a recording without asking; one that cannot be opened so is asked about."""
        self._say(f"Reading {path.name}…")
        model = self._document.model

        def finished(observation: object) -> None:
            assert isinstance(observation, Observation)
            remember(path)
            self._document.add_observation(observation, show=True)
            self._document.show_workspace("fit")
            self._say(f"Opened {path}: {len(observation)} frames. {observation.sequence.origin}")
            self._place_recordings()

        def failed(error: Exception, traceback: str) -> None:
            if isinstance(error, InputError) and FIELDS.keys() & error.settings:
                self._session.sheet_wanted.emit(path)
            else:
                self._session.failed.emit(error, traceback)

        self._load(lambda progress: open_observation(path, capture, model, progress), finished, failed)

    def open_again(self, observation: Observation, capture: CaptureOptions) -> None:
        """Open a recording in another way, or with another choice of what belongs to its subject."""
        self._say("Isolating and placing the subject…")
        model = self._document.model

        def finished(opened: object) -> None:
            assert isinstance(opened, Observation)
            self._document.add_observation(opened)
            self._say(opened.sequence.origin)

        def failed(error: Exception, traceback: str) -> None:
            self._document.contents_changed.emit()  # the panel goes back to how it is open
            self._session.failed.emit(error, traceback)

        self._load(lambda progress: open_again(observation, capture, model, progress), finished, failed)

    def open_run(self, folder: Path, then: Callable[[Run], None] | None = None) -> None:
        """Open a run and put it on show in Fit over its recording; or call ``then``, which can do without that."""
        self._say(f"Reading {folder.name}…")
        open_folder, open_one = self._document.model_folder, self._document.model

        def work(progress: Progress) -> tuple[Run, Observation | None]:
            run = load_run(folder)
            fitted = run.inputs.model
            is_open = open_folder is not None and fitted is not None and open_folder.resolve() == fitted.resolve()
            model = open_one if is_open else None
            try:
                return run, self._document.observation_of(run) or observation_of_run(run, model, progress)
            except InputError:
                if then is None:
                    raise
                return run, None

        def finished(result: object) -> None:
            assert isinstance(result, tuple)
            run, observation = result
            remember(folder)
            self._document.add_run_with_recording(run, observation, show=then is None)
            if then is None:
                self._document.show_workspace("fit")
            else:
                then(run)
            self._say(f"Opened {folder}")
            self._place_recordings()

        self._load(work, finished)

    def open_project(self, folder: Path, recover: bool = False) -> None:
        """Put a project in place of the document; with ``recover`` as its automatic copy has it."""
        folder = folder.resolve()
        is_draft = not (folder / FILE_NAME).is_file()
        name = "what you made" if is_draft else folder.name

        def work(progress: Progress) -> tuple[DocumentState, Contents]:
            state = load_project(folder, AUTOSAVE_NAME if recover else FILE_NAME).state
            if recover:  # a fit may have been killed, too
                for place in (runs_folder(), folder / RUNS):
                    if place.is_dir():
                        clear_leftovers(place)
            return read_contents(state, progress)

        def finished(result: object) -> None:
            assert isinstance(result, tuple)
            state, contents = result
            try:
                self._session.autosave.hold(folder)
            except InputError as error:
                self._session.failed.emit(error, "")
                return
            self._document.begin(state, contents, None if is_draft else folder, is_saved=not recover)
            if not is_draft:
                remember(folder)
            self._say(f"Recovered {name}" if recover else f"Opened project {folder}")

        self._say(f"Reading {name}…")
        self._load(work, finished)

    def _place_recordings(self) -> None:
        """Bring recordings that do not say where their camera is to where the open model expects their subjects."""
        model = self._document.model
        for observation in self._document.observations:
            if model is not None and not observation.is_placed_for(model):
                self.open_again(observation, observation.capture)

    def _say(self, text: str) -> None:
        self._session.message.emit(text)

    def _load(
        self,
        work: Callable[[Progress], object],
        finished: Callable[[object], None],
        failed: Callable[[Exception, str], None] | None = None,
    ) -> None:
        status = JobStatus()

        def event(event: JobEvent) -> None:
            status.update(event)
            if isinstance(event, Advanced) and status.done < status.total:
                self._say(f"{status.stage[:1].upper()}{status.stage[1:]}: {status.done} of {status.total}")

        self._session.jobs.submit("load", work, finished, failed or self._session.failed.emit, event=event)


def read_contents(state: DocumentState, progress: Progress) -> tuple[DocumentState, Contents]:
    """Everything that ``state`` names; and ``state``, with what an older project lacks as the model shows it at first.

    Raises:
        InputError: some of it is gone or damaged.
    """
    explorer = None if state.model is None else open_model(state.model)
    model = None if explorer is None else explorer.model
    observations = tuple(open_observation(one.path, one.capture, model, progress) for one in state.recordings)
    runs = tuple(map(open_run, state.runs))
    if explorer is not None:
        state = explorer.fitting(state)
    return state, Contents(explorer, observations, runs)


def recent() -> list[Path]:
    """Paths opened lately that are still there, the newest first."""
    return [Path(path) for path in load_settings().recent if Path(path).exists()]


def recent_of_ones_own() -> list[Path]:
    """Those of `recent` that did not come with the program."""
    return [path for path in recent() if not is_built_in(path)]


def remember(path: Path) -> None:
    newest = path.resolve()
    others = [str(other) for other in recent() if other != newest]
    change_settings(recent=(str(newest), *others)[:MOST_RECENT])
