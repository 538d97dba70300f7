"""The File menu: dialogs, recent files, saving, pictures and exports."""

import time
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path

from PyQt6.QtCore import QStandardPaths
from PyQt6.QtWidgets import QFileDialog, QMessageBox, QProgressBar, QProgressDialog, QWidget

from engine.core.errors import InputError
from engine.core.files import clear_leftovers
from engine.core.progress import Progress
from engine.methods.run import Run
from engine.sequences.reader import file_endings, registered_readers
from npm_studio import resources
from npm_studio.session.commands.registry import Choice
from npm_studio.session.document.autosave import forget, recoverable
from npm_studio.session.document.project import AUTOSAVE_NAME, FILE_NAME, load_project, save_project
from npm_studio.session.document.recognise import Kind
from npm_studio.session.document.run_steps import run_title
from npm_studio.session.document.signal import Signal
from npm_studio.session.jobs.comparison_report import PAGE, ReportChoice, report_choice, write_report
from npm_studio.session.jobs.events import JobEvent
from npm_studio.session.jobs.exporting import Exportable, ExportChoice, exportable_run
from npm_studio.session.jobs.fitting import runs_folder
from npm_studio.session.jobs.job import JobInfo
from npm_studio.session.jobs.status import JobStatus
from npm_studio.views.dialog_places import folder_of, free_name, name_of_picture, place_of
from npm_studio.views.export_dialog import ExportDialog
from npm_studio.views.opening import Opening, recent, remember
from npm_studio.views.questions import Question
from npm_studio.views.revealing import open_with_desktop
from npm_studio.views.session import Session
from npm_studio.views.sheets import Sheets
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.workspaces.base import Workspace

_AS_SHOWN, _CUT_OUT = "PNG as shown, with captions (*.png)", "PNG with transparent background (*.png)"


class Files(Opening):
    """Commands of the File menu, for one window. Reading and writing happen in the background."""

    def __init__(
        self, session: Session, viewports: ViewportArea, workspace: Callable[[], Workspace], parent: QWidget
    ) -> None:
        """
        Args:
            workspace: the one on show
        """
        super().__init__(session)
        self._viewports, self._workspace, self._parent = viewports, workspace, parent
        self.question: Question | None = None
        self.exports = place_of(QStandardPaths.StandardLocation.DocumentsLocation)
        self._export_format = ""
        """That was chosen last."""
        """Where something was exported to last."""
        self.sheets = Sheets(session, self, lambda: self.question is None, parent)
        self.saved = Signal()
        """With the folder of the project that has been written."""
        commands = session.commands
        commands.handle("file.open_model", self.choose_model)
        commands.handle("file.open_sequence", self.choose_sequence)
        commands.handle("file.open_recording", self.choose_recording)
        commands.handle("file.open_run", self.choose_run)
        commands.handle("file.open_project", self.choose_project)
        commands.handle("file.demo_model", self.open_demo_model)
        commands.handle("file.demo_sequence", self.open_demo_sequence)
        commands.handle("file.save_project", self.save_project)
        commands.handle("file.save_project_as", self.choose_save_project)
        commands.handle("file.screenshot", self.choose_screenshot)
        commands.handle("file.export", self.choose_export)
        commands.handle("compare.picture", self.choose_screenshot)
        commands.handle("compare.report", self.choose_report)
        commands.offer("file.recent", self.recent_choices)
        commands.offer("file.built_in_models", self.built_in_models)
        commands.provide("has_model", lambda: self._document.model is not None)
        commands.provide("can_export", lambda: bool(self._runs_on_show) or workspace().can_export)

    def open_project(self, folder: Path, recover: bool = False) -> None:
        """Put a project in place of the document, once what is unsaved of both is settled."""
        load = super().open_project
        try:
            load_project(folder, AUTOSAVE_NAME if recover else FILE_NAME)  # before anything is asked
        except InputError as error:
            self._session.failed.emit(error, "")
            return
        what = f"The project {folder.name}" if (folder / FILE_NAME).is_file() else "What is recovered"
        why = f"{what} takes its place in this window."

        def open_as_saved() -> None:
            forget(folder)
            load(folder)

        if recover or not recoverable([folder], drafts=False):
            self.settle(lambda: load(folder, recover), why)
            return
        self._ask(
            f"{folder.name} has changes that were not saved when the program ended.",
            "They can be brought back as they were after the last step.",
            {
                "Recover": lambda: self.settle(lambda: load(folder, recover=True), why),
                "Open as saved": lambda: self.settle(open_as_saved, why),
            },
        )

    def offer_recovery(self) -> None:
        """Ask about what was made and not saved when the program ended the last time; halves of its runs go at once."""
        clear_leftovers(runs_folder())
        folders = recoverable([path for path in recent() if (path / FILE_NAME).is_file()])
        if not folders:
            return
        folder, of = folders[0], folders[0].name
        minutes = round((time.time() - (folder / AUTOSAVE_NAME).stat().st_mtime) / 60)
        what = f"The changes to {of} were" if (folder / FILE_NAME).is_file() else "What you made was"
        ago = "just now" if minutes < 1 else f"{minutes} min ago" if minutes < 120 else f"{round(minutes / 60)} h ago"
        self._ask(
            f"{what} not saved when the program ended, {ago}.",
            "All is brought back as it was after the last step.",
            {"Recover": lambda: self.open_project(folder, recover=True), "Discard": lambda: forget(folder)},
            cancel="Later",
        )

    def settle(self, then: Callable[[], object], why: str = "") -> None:
        """Call ``then`` once nothing would be lost: the user is asked about what has not been saved.

        Args:
            why: what is about to take its place, a sentence
        """
        if self._document.is_clean:
            then()
            return
        folder = self._document.folder
        name = "what you made" if folder is None else f"the changes to {folder.name}"
        self._ask(
            f"Save {name}?",
            f"{why} {'It is' if folder is None else 'They are'} lost otherwise.".strip(),
            {"Save": lambda: self.save_project(then), "Discard": then},
        )

    def save_project(self, then: Callable[[], object] = lambda: None) -> None:
        """Save, ask where to if nobody has said so yet, and call ``then`` when it is written."""
        if self._document.folder is None:
            self.choose_save_project(then)
        else:
            self.save_in(self._document.folder, then)

    def choose_save_project(self, then: Callable[[], object] = lambda: None) -> None:
        suggested = free_name(Path(folder_of(Kind.PROJECT)), "project", "")
        name, _ = QFileDialog.getSaveFileName(self._parent, "Save the project as a folder", str(suggested))
        if name:
            self.save_in(Path(name), then)

    def save_in(self, folder: Path, then: Callable[[], object] = lambda: None) -> None:
        """Write the document as the project ``folder``."""
        self._viewports.note_cameras()
        state, place, autosave = self._document.state, self._document.place, self._session.autosave
        folder = folder.resolve()
        try:
            lock = autosave.lock(folder)
        except InputError as error:
            self._session.failed.emit(error, "")
            return

        def finished(moved: object) -> None:
            assert isinstance(moved, dict)
            autosave.move_to(folder, lock)
            self._document.saved_in(folder, place, moved)
            remember(folder)
            self._say(f"Saved {folder}")
            self.saved.emit(folder)
            then()

        def stopped() -> None:
            if lock is not None:
                lock.release()

        def failed(error: Exception, traceback: str) -> None:
            stopped()
            self._session.failed.emit(error, traceback)

        def work(progress: Progress) -> dict[Path, Run]:
            return save_project(state, folder, progress)

        info = JobInfo(f"Save {folder.name}", folder)
        self._session.jobs.submit("save", work, finished, failed, stopped, info=info)

    def choose_model(self) -> None:
        self._choose_folder("Open a model folder (NAME.npm)", Kind.MODEL, self.open_model)

    def choose_sequence(self) -> None:
        self._choose_folder("Open a folder of depth images or point clouds", Kind.SEQUENCE, self.open_path)

    def choose_recording(self) -> None:
        endings = " ".join(f"*{ending}" for ending in file_endings(registered_readers()))
        filters = f"Depth recordings ({endings})"
        name, _ = QFileDialog.getOpenFileName(self._parent, "Open a depth recording", folder_of(Kind.SEQUENCE), filters)
        if name:
            self.open_path(Path(name))

    def choose_run(self) -> None:
        self._choose_folder("Open a run folder", Kind.RUN, self.open_run)

    def choose_project(self) -> None:
        self._choose_folder("Open a project folder", Kind.PROJECT, self.open_project)

    def choose_screenshot(self) -> None:
        pictures = place_of(QStandardPaths.StandardLocation.PicturesLocation)
        suggested = str(free_name(pictures, name_of_picture(self._document)))
        name, kind = QFileDialog.getSaveFileName(
            self._parent, "Save a screenshot", suggested, f"{_AS_SHOWN};;{_CUT_OUT}"
        )
        if name:
            self.save_screenshot(Path(name).with_suffix(".png"), cut_out=kind == _CUT_OUT)

    def save_screenshot(self, path: Path, cut_out: bool = False) -> None:
        """Write the views as they are, captions included, as a PNG; or as `ViewportArea.cut_out`."""
        picture = self._viewports.cut_out() if cut_out else self._viewports.picture().toImage()
        if picture.save(str(path), "PNG"):
            self._say(f"Saved {path}")
        else:
            error = InputError(path, "cannot be written", "choose a folder that you may write to")
            self._session.failed.emit(error, "")

    @property
    def _runs_on_show(self) -> list[Run]:
        """That of Fit, or the sides of Compare that are runs: first that of Fit, where it is compared."""
        state, document = self._document.state, self._document
        folders: list[Path | None] = []
        match state.view.workspace:
            case "fit":
                folders = [state.fit.run]
            case "compare":
                folders = [side.path for side in document.comparison.on_show if side.kind == "run"]
                folders.sort(key=lambda folder: folder != state.fit.run)
        return [run for run in map(document.run_at, folders) if run is not None]

    def choose_export(self) -> None:
        names = {one.folder: one.name for one in self._document.state.runs}
        runs = [
            exportable_run(run, run_title(run, names.get(run.folder.resolve(), ""), datetime.now()))
            for run in self._runs_on_show
        ]
        on_show = runs or self._workspace().exportables()
        if on_show:
            ExportDialog(on_show, self.export, self.exports, self._parent, self._export_format).open()

    def export(self, exportable: Exportable, choice: ExportChoice) -> None:
        """Write ``exportable`` for other programs in the background; it can be cancelled, and leaves nothing then."""

        def finished(notes: object) -> str:
            assert isinstance(notes, tuple)
            return "; ".join([f"Exported {choice.out}", *notes])

        self._export_format = choice.format_name
        self._export(choice.out, lambda progress: exportable.write(choice, progress), finished)

    def choose_report(self) -> None:
        """Ask where the report of the comparison on show goes, and write it."""
        choice = report_choice(self._document)
        if choice is None:
            return
        suggested = str(self.exports / f"comparison-{choice.runs[0].name}")
        name, _ = QFileDialog.getSaveFileName(self._parent, "Write the report into a new folder", suggested)
        if name:
            self.export_report(choice, Path(name))

    def export_report(self, choice: ReportChoice, out: Path) -> None:
        """Write what `npm-studio compare` writes, in the background; it can be cancelled, and leaves nothing then."""
        self._export(out, lambda progress: write_report(choice, out, progress), lambda page: f"Wrote {page}")

    def _export(self, out: Path, work: Callable[[Progress], object], said: Callable[[object], str]) -> None:
        """Do ``work``, which writes ``out``, with progress over the window.

        Args:
            said: of its result, a line for the user
        """
        status, jobs = JobStatus(), self._session.jobs
        self.exports = out.parent
        shown = QProgressDialog(f"Exporting {out.name}…", "Cancel", 0, 0, self._parent)
        shown.setWindowTitle("Export")
        shown.setMinimumWidth(360)
        bar = QProgressBar()
        bar.setTextVisible(False)  # the bar is thin
        shown.setBar(bar)
        shown.setMinimumDuration(500)
        shown.setAutoReset(False)
        shown.canceled.connect(lambda: jobs.cancel("export"))

        def event(event: JobEvent) -> None:
            status.update(event)
            shown.setLabelText(f"Exporting {out.name}: {status.stage}" if status.stage else f"Exporting {out.name}…")
            shown.setMaximum(status.total)
            shown.setValue(status.done)

        def close() -> None:
            shown.canceled.disconnect()
            shown.close()
            shown.deleteLater()

        def finished(result: object) -> None:
            close()
            text = said(result)
            self._say(text)
            self._show_result(text, out)

        def failed(error: Exception, traceback: str) -> None:
            close()
            self._session.failed.emit(error, traceback)

        def stopped() -> None:
            close()
            self._say("Export cancelled; nothing was written.")

        again = partial(self._export, out, work, said)
        jobs.submit("export", work, finished, failed, stopped, event, JobInfo(f"Export {out.name}", out, again=again))

    def _show_result(self, text: str, out: Path) -> None:
        """Say what was written, and open it, or the folder that it is in."""
        page = out / PAGE
        answers: dict[str, Callable[[], object]] = {}
        if page.is_file():
            answers["Open report"] = partial(open_with_desktop, page, self._say)
        answers["Show in folder"] = partial(open_with_desktop, out if out.is_dir() else out.parent, self._say)
        self._ask(text, "", answers, cancel="Close")
        if self.question is not None:
            self.question.setIcon(QMessageBox.Icon.Information)
            self.question.setDefaultButton(self.question.buttons_by_answer["Close"])

    def open_demo_model(self) -> None:
        self.open_model(resources.demo_model())

    def built_in_models(self) -> list[Choice]:
        """Lines of File > Other Built-in Models."""
        others = {name: one for name, one in resources.built_in_models().items() if one != resources.demo_model()}
        return [Choice(name, partial(self.open_model, folder)) for name, folder in others.items()]

    def open_demo_sequence(self) -> None:
        self.open_sequence(resources.demo_sequence())

    def recent_choices(self) -> list[Choice]:
        """Lines of File > Open Recent."""
        return [Choice(f"{path.name}    {path.parent}", partial(self.open_path, path)) for path in recent()]

    def _ask(self, text: str, detail: str, answers: dict[str, Callable[[], object]], cancel: str = "Cancel") -> None:
        self.question = question = Question(self._parent, text, detail, answers, cancel)
        question.finished.connect(lambda _: self._forget(question))
        question.open()

    def _forget(self, question: Question) -> None:
        if self.question is question:  # its answer may have led to another one
            self.question = None

    def _choose_folder(self, title: str, kind: Kind, open_it: Callable[[Path], None]) -> None:
        name = QFileDialog.getExistingDirectory(self._parent, title, folder_of(kind))
        if name:
            open_it(Path(name))
