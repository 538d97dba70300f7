"""Opening and saving: dialogs, drops, recent files."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt6.QtCore import QSettings
from PyQt6.QtWidgets import QFileDialog, QMenu, QProgressDialog

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.methods.run import Run, load_run
from engine.sequences.capture_options import AS_RECORDED, CaptureOptions
from engine.sequences.reader import file_endings, registered_readers
from npm_studio import resources
from npm_studio.session.document.document import open_model
from npm_studio.session.document.explorer import Explorer
from npm_studio.session.document.observation import Observation, observation_of_run, open_again, open_observation
from npm_studio.session.document.project import load_project, save_project
from npm_studio.session.document.recognise import Kind, recognise
from npm_studio.session.jobs.events import Advanced, JobEvent
from npm_studio.session.jobs.exporting import ExportChoice, export_run
from npm_studio.session.jobs.status import JobStatus
from npm_studio.views.export_dialog import ExportDialog
from npm_studio.views.words import FIELDS

if TYPE_CHECKING:
    from npm_studio.views.main_window import MainWindow

_MOST_RECENT = 10


def settings() -> QSettings:
    """Where the window and the recent files are remembered."""
    return QSettings(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "npm-studio", "npm-studio")


class Files:
    """Commands of the File menu, for one window. Reading happens in the background."""

    def __init__(self, window: "MainWindow") -> None:
        self._window = window
        self._session, self._document = window.session, window.session.document

    def open_path(self, path: Path, fit: bool = False) -> None:
        """Open whatever ``path`` is; with ``fit`` a depth sequence is fitted as soon as it is there."""
        try:
            kind, folder = recognise(path)
        except InputError as error:
            self._session.failed.emit(error, "")
            return
        match kind:
            case Kind.MODEL:
                self.open_model(folder)
            case Kind.SEQUENCE:
                self.open_sequence(folder, fit)
            case Kind.RUN:
                self.open_run(folder)
            case Kind.PROJECT:
                self.open_project(folder)

    def open_model(self, folder: Path, then: Callable[[], None] = lambda: None) -> None:
        self._session.message.emit(f"Loading {folder.name}…")

        def finished(explorer: object) -> None:
            assert isinstance(explorer, Explorer)
            self._document.set_model(folder, explorer)
            self._remember(folder)
            self._session.message.emit(f"Opened {folder}")
            self._place_recordings()
            then()

        self._load(lambda _: open_model(folder), finished)

    def open_sequence(self, path: Path, fit: bool = False, capture: CaptureOptions = AS_RECORDED) -> None:
        """Open a depth sequence or a recording; with ``fit`` it is fitted as soon as it is there.

        One that cannot be opened without what the panel of the workspace states is left to that.
        """
        self._session.message.emit(f"Reading {path.name}…")
        model = self._document.model

        def finished(observation: object) -> None:
            assert isinstance(observation, Observation)
            self._remember(path)
            self._document.add_observation(observation)
            self._window.fit.show_observation(observation)
            self._window.show_fit()
            sequence = observation.sequence
            self._session.message.emit(f"Opened {path}: {len(observation)} frames. {sequence.origin}")
            if fit and self._session.is_fitting:
                self._session.message.emit("A fit is running; press Fit when it is done.")
            elif fit and self._window.fit.tracking.is_there:
                self._session.message.emit("A track is not over yet; press Fit when it is kept or discarded.")
            elif fit and not sequence.warnings:
                self._window.fit.start()
            elif fit:
                self._session.message.emit("Look at the notes on this recording before you press Fit.")
            self._place_recordings()

        def failed(error: Exception, traceback: str) -> None:
            if isinstance(error, InputError) and FIELDS.keys() & error.settings:
                self._window.fit.ask_how_to_open(path, capture, error)
                self._window.show_fit()
            self._session.failed.emit(error, traceback)

        self._load(lambda progress: open_observation(path, capture, model, progress), finished, failed)

    def open_again(self, observation: Observation | Path, capture: CaptureOptions) -> None:
        """Open a recording in another way, or with another choice of what belongs to its subject.

        Args:
            observation: or the path of a recording that could not be opened before.
        """
        if isinstance(observation, Path):
            self.open_sequence(observation, capture=capture)
            return
        self._session.message.emit("Isolating and placing the subject…")
        model = self._document.model

        def finished(opened: object) -> None:
            assert isinstance(opened, Observation)
            self._document.add_observation(opened)
            self._session.message.emit(opened.sequence.origin)

        def failed(error: Exception, traceback: str) -> None:
            self._window.fit.show_capture()
            self._session.failed.emit(error, traceback)

        self._load(lambda progress: open_again(observation, capture, model, progress), finished, failed)

    def _place_recordings(self) -> None:
        """Bring recordings that do not say where their camera is to where the open model expects their subjects."""
        model = self._document.model
        for observation in self._document.observations:
            if model is not None and not observation.is_placed_for(model):
                self.open_again(observation, observation.capture)

    def open_run(self, folder: Path, then: Callable[[Run], None] | None = None) -> None:
        """Open a run and put it on show in Fit over its recording; or call ``then``, which can do without that."""
        self._session.message.emit(f"Reading {folder.name}…")
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
            self._remember(folder)
            if observation is not None:
                self._document.add_observation(observation)
            self._document.add_run(run)
            if then is None:
                self._window.fit.show_run(run)
                self._window.show_fit()
            else:
                then(run)
            self._session.message.emit(f"Opened {folder}")
            self._place_recordings()

        self._load(work, finished)

    def open_project(self, folder: Path) -> None:
        def work(progress: Progress) -> tuple[Explorer | None, list[Observation], list[Run]]:
            project = load_project(folder)
            explorer = None if project.model is None else open_model(project.model)
            model = None if explorer is None else explorer.model
            observations = [
                open_observation(path, project.captures.get(path, AS_RECORDED), model, progress)
                for path in project.sequences
            ]
            return explorer, observations, [load_run(path) for path in project.runs]

        def finished(result: object) -> None:
            assert isinstance(result, tuple)
            explorer, observations, runs = result
            self._document.clear_contents()
            if explorer is not None:
                model = load_project(folder).model
                assert model is not None
                self._document.set_model(model, explorer)
            for observation in observations:
                self._document.add_observation(observation)
            for run in runs:
                self._document.add_run(run)
            if observations:
                self._window.fit.show_observation(observations[-1])
            self._document.project_folder = folder
            self._remember(folder)
            self._window.update_title()
            self._session.message.emit(f"Opened project {folder}")
            self._place_recordings()

        self._session.message.emit(f"Reading {folder.name}…")
        self._load(work, finished)

    def save_project(self) -> None:
        if self._document.project_folder is None:
            self.choose_save_project()
        else:
            self._save_project(self._document.project_folder)

    def choose_model(self) -> None:
        self._choose_folder("Open a model folder (NAME.npm)", self.open_model)

    def choose_sequence(self) -> None:
        self._choose_folder("Open a folder of depth images or point clouds", self.open_sequence)

    def choose_recording(self) -> None:
        endings = " ".join(f"*{ending}" for ending in file_endings(registered_readers()))
        filters = f"Depth recordings ({endings})"
        name, _ = QFileDialog.getOpenFileName(self._window, "Open a depth recording", self._last_folder(), filters)
        if name:
            self.open_sequence(Path(name))

    def choose_run(self) -> None:
        self._choose_folder("Open a run folder", self.open_run)

    def choose_project(self) -> None:
        self._choose_folder("Open a project folder", self.open_project)

    def choose_save_project(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self._window, "Save the project as a folder", self._last_folder())
        if name:
            self._save_project(Path(name))

    def choose_screenshot(self) -> None:
        suggested = str(Path(self._last_folder()) / "npm-studio.png")
        name, _ = QFileDialog.getSaveFileName(self._window, "Save a screenshot", suggested, "PNG (*.png)")
        if name:
            self.save_screenshot(Path(name).with_suffix(".png"))

    def save_screenshot(self, path: Path) -> None:
        try:
            self._window.viewports.save_screenshot(path)
        except InputError as error:
            self._session.failed.emit(error, "")
        else:
            self._session.message.emit(f"Saved {path}")

    def choose_export(self) -> None:
        run = self._window.fit.run
        if run is not None:
            ExportDialog(run, lambda choice: self.export(run, choice), self._window).open()

    def export(self, run: Run, choice: ExportChoice) -> None:
        """Write ``run`` for other programs in the background; it can be cancelled, and leaves nothing then."""
        status, jobs = JobStatus(), self._session.jobs
        shown = QProgressDialog(f"Exporting {choice.out.name}…", "Cancel", 0, 0, self._window)
        shown.setWindowTitle("Export")
        shown.setMinimumDuration(500)
        shown.setAutoReset(False)
        shown.canceled.connect(lambda: jobs.cancel("export"))

        def event(event: JobEvent) -> None:
            status.update(event)
            shown.setMaximum(status.total)
            shown.setValue(status.done)

        def close() -> None:
            shown.canceled.disconnect()
            shown.close()
            shown.deleteLater()

        def finished(notes: object) -> None:
            assert isinstance(notes, tuple)
            close()
            self._session.message.emit("; ".join([f"Exported {choice.out}", *notes]))

        def failed(error: Exception, traceback: str) -> None:
            close()
            self._session.failed.emit(error, traceback)

        def stopped() -> None:
            close()
            self._session.message.emit("Export cancelled; nothing was written.")

        jobs.submit("export", lambda progress: export_run(run, choice, progress), finished, failed, stopped, event)

    def open_demo_model(self) -> None:
        self.open_model(resources.demo_model())

    def fill_built_in_models(self, menu: QMenu) -> None:
        """Entries of File > Other Built-in Models."""
        menu.clear()
        for name, folder in resources.built_in_models().items():
            if folder == resources.demo_model():
                continue
            action = menu.addAction(name)
            if action is not None:
                action.triggered.connect(lambda _, folder=folder: self.open_model(folder))

    def open_demo_sequence(self) -> None:
        self.open_sequence(resources.demo_sequence())

    def fill_recent(self, menu: QMenu) -> None:
        """Entries of File > Open Recent."""
        menu.clear()
        for path in self.recent():
            action = menu.addAction(f"{Path(path).name}    {Path(path).parent}")
            if action is not None:
                action.triggered.connect(lambda _, path=path: self.open_path(Path(path)))
        if menu.isEmpty():
            empty = menu.addAction("Nothing yet")
            if empty is not None:
                empty.setEnabled(False)

    def recent(self) -> list[str]:
        """Paths opened lately that are still there, the newest first."""
        stored = settings().value("recent", [])
        paths = [stored] if isinstance(stored, str) else list(stored or [])
        return [path for path in paths if Path(path).exists()]

    def _save_project(self, folder: Path) -> None:
        try:
            save_project(self._document.as_project(folder.name), folder)
        except OSError as error:
            reason = InputError(folder, f"cannot be written ({error.strerror})", "choose another folder")
            self._session.failed.emit(reason, "")
            return
        self._document.project_folder = folder
        self._remember(folder)
        self._window.update_title()
        self._session.message.emit(f"Saved {folder}")

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
                text = f"{status.stage[:1].upper()}{status.stage[1:]}: {status.done} of {status.total}"
                self._session.message.emit(text)

        self._session.jobs.submit("load", work, finished, failed or self._session.failed.emit, event=event)

    def _choose_folder(self, title: str, open_it: Callable[[Path], None]) -> None:
        name = QFileDialog.getExistingDirectory(self._window, title, self._last_folder())
        if name:
            open_it(Path(name))

    def _last_folder(self) -> str:
        recent: Sequence[str] = self.recent()
        return str(Path(recent[0]).parent) if recent else str(Path.home())

    def _remember(self, path: Path) -> None:
        newest = str(path.resolve())
        settings().setValue("recent", [newest, *(p for p in self.recent() if p != newest)][:_MOST_RECENT])
