"""A dataset, the training of a model with it, and what the model has learned so far."""

import shlex
from dataclasses import replace
from functools import partial
from pathlib import Path

import torch
from PyQt6.QtWidgets import QFileDialog, QWidget

from engine.core.errors import InputError
from engine.core.progress import Progress
from engine.dataset.verification.verify import Verification, verify_dataset
from engine.geometry.mesh import vertex_normals
from external.datasets import open_dataset
from npm_studio.session.commands.registry import Commands
from npm_studio.session.document.dataset_on_show import DatasetOnShow, open_on_show
from npm_studio.session.document.explorer import pretty
from npm_studio.session.document.state import DocumentState, Training
from npm_studio.session.document.timeline import Playable
from npm_studio.session.jobs.job import JobInfo
from npm_studio.session.jobs.training import (
    TrainingChoice,
    can_go_on,
    has_earlier,
    make_example,
    suggested_out,
    train_command,
)
from npm_studio.session.training_presets import suited_preset
from npm_studio.views.opening import remember
from npm_studio.views.questions import Question
from npm_studio.views.session import Session
from npm_studio.views.training import Trainings, curves_of
from npm_studio.views.viewport_area import ViewportArea
from npm_studio.views.widgets.slider import BarSlider
from npm_studio.views.widgets.training_plots import TrainingPlots
from npm_studio.views.workspaces.base import Actions, Workspace
from npm_studio.views.workspaces.train_panel import TrainPanel

_INVITATION = (
    "A registered dataset: meshes of several identities in motion, with the same triangles. "
    "Drop its folder here, or make a small one to try a training with."
)


class TrainWorkspace(Workspace):
    """Shows one mesh of the dataset at a time; the timeline plays its sequence, and curves stand below."""

    has_command_line = True

    def __init__(self, session: Session, viewports: ViewportArea, actions: Actions) -> None:
        super().__init__(session, viewports, actions)
        self.shown: DatasetOnShow | None = None
        """The dataset, once it has been read."""
        self._reading: Path | None = None
        self._framed_dataset: Path | None = None
        self._grounded: tuple[DatasetOnShow, int, str] | None = None
        self.question: Question | None = None
        self.trainings = Trainings(session, self)
        self.panel = TrainPanel(actions)
        self.plots = TrainingPlots()
        self.column.addWidget(self.panel, 1)
        self.panel.tree.chosen.connect(self._on_chosen)
        self.panel.form.changed.connect(self._on_form)
        self.trainings.advanced.connect(self._on_advanced)
        self.trainings.ended.connect(self._on_ended)
        session.jobs.advanced.connect(lambda job: self._show_job() if job.lane == "train" else None)
        session.jobs.changed.connect(self._show_job)
        self._register(session.commands)
        self._show_panel()

    # ---- the document

    @property
    def now(self) -> Training:
        return self.document.state.train

    @property
    def out(self) -> Path | None:
        """The model that is, or would be, trained."""
        if self.now.out:
            return Path(self.now.out)
        return None if self.now.dataset is None else suggested_out(self.now.dataset, self.preset)

    @property
    def preset(self) -> str:
        """The one that is chosen, or else what suits the dataset and the device."""
        category = "" if self.shown is None else self.shown.dataset.category
        return self.now.preset or suited_preset(category, self._has_gpu)

    @property
    def _has_gpu(self) -> bool:
        return self.now.device != "cpu" and torch.cuda.is_available()

    def follow(self, before: DocumentState, after: DocumentState) -> None:
        if before.train == after.train:
            return
        if before.train.dataset != after.train.dataset:
            self._read()
        if replace(before.train, frame=after.train.frame) != after.train:
            self._show_panel()
        if not self.is_active:
            return
        if (before.train.identity, before.train.sequence) != (after.train.identity, after.train.sequence):
            self.clip_changed.emit()
        else:
            self.document.timeline.place(after.train.frame)
        self._draw()

    def enter(self) -> None:
        super().enter()
        self.viewports.clear()
        self.viewports.set_split(False)
        if self.now.dataset is None:
            actions = (self.actions_by_id["train.open"], self.actions_by_id["train.example"])
            self.viewports.invite("model", "Open a dataset", _INVITATION, actions)
            self.plots.hide()
            return
        if self.shown is None:
            self._read()
        self._framed_dataset = self._grounded = None
        self._draw()
        self._show_progress()

    def leave(self) -> None:
        super().leave()
        self.plots.hide()

    def playable(self) -> Playable:
        if self.shown is None or not self.now.sequence:
            return Playable()
        names = self.shown.frames(self.now.identity, self.now.sequence)
        return Playable(names, self.shown.dataset.frame_rate, min(self.now.frame, max(len(names) - 1, 0)))

    def show_frame(self, frame: int) -> None:
        if self.shown is not None and self.now.sequence:
            self._look_at(replace(self.now, frame=frame))

    def below_timeline(self, slider: BarSlider) -> QWidget | None:
        return self.plots

    # ---- commands

    def choose_dataset(self) -> None:
        name = QFileDialog.getExistingDirectory(self.window(), "Open the folder of a dataset")
        if name:
            self.open_dataset(Path(name))

    def open_dataset(self, folder: Path) -> None:
        """Put the dataset in ``folder`` on show."""
        train = Training(folder.resolve(), device=self.now.device)
        self.document.change(f"Open {folder.name}", replace(self.document.state, train=train))

    def choose_example(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self.window(), "Make a small dataset in a new folder", "bodies")
        if name:
            self.make_example(Path(name))

    def make_example(self, folder: Path) -> None:
        """Generate a few bodies in ``folder`` in the background, and open them."""
        work = partial(make_example, folder)
        self.trainings.run(f"Make {folder.name}", work, folder, lambda _: self.open_dataset(folder))

    def verify(self) -> None:
        """Look for what is wrong with the dataset, in the background."""
        folder = self.now.dataset
        if folder is None:
            return

        def work(progress: Progress) -> Verification:
            return verify_dataset(folder, open_dataset, progress)

        def finished(found: object) -> None:
            assert isinstance(found, Verification)
            if folder == self.now.dataset:
                self.panel.show_verification(found)

        self.panel.begin_verification()
        info = JobInfo(f"Verify {folder.name}", command=shlex.join(["npm-studio", "dataset", "verify", str(folder)]))
        jobs, failed = self.session.jobs, self.session.failed.emit
        stopped = partial(self.panel.show_verification, None)
        jobs.submit("measure", work, finished, failed, stopped, info=info)

    def start(self) -> None:
        """Train, and ask first where that would give up an earlier training."""
        choice = self._choice()
        if choice is None:
            return
        if not has_earlier(choice.out):
            self._begin(choice, "anew")
            return
        goes_on = {"Go on": partial(self._begin, choice, "on")} if can_go_on(choice.out) else {}
        self.question = Question(
            self,
            f"{choice.out.name} holds an earlier training.",
            "Going on needs the same dataset and preset. Beginning anew gives up what it has learned.",
            {**goes_on, "Begin anew": partial(self._begin, choice, "anew")},
        )
        self.question.finished.connect(self._forget_question)
        self.question.open()

    def stop(self) -> None:
        if self.out is not None:
            self.trainings.stop(self.out)

    def command_line(self) -> str | None:
        """That trains the model; None without a dataset."""
        data, out, form = self.now.dataset, self.out, self.panel.form
        if data is None or out is None:
            return None
        choice = TrainingChoice(data, self.preset, out, form.chosen_device, form.chosen_held_out)
        return train_command(choice, "on" if can_go_on(out) else "anew")

    def open_model(self) -> None:
        if self.out is not None and self._has_model:
            self.session.open_wanted.emit(self.out)
            self.document.show_workspace("explore")

    # ---- inside

    def _register(self, commands: Commands) -> None:
        handlers = {
            "open": self.choose_dataset,
            "example": self.choose_example,
            "verify": self.verify,
            "start": self.start,
            "stop": self.stop,
            "open_model": self.open_model,
        }
        for name, handler in handlers.items():
            commands.handle(f"train.{name}", handler)
        commands.provide("can_verify", lambda: self.is_active and self.shown is not None)
        commands.provide("can_train", lambda: self.is_active and self._can_train)
        commands.provide("is_training", lambda: self.trainings.can_stop(self.out))
        commands.provide("has_trained_model", lambda: self._has_model)

    @property
    def _can_train(self) -> bool:
        return self.shown is not None and not self.trainings.is_running(self.out)

    @property
    def _has_model(self) -> bool:
        return self.out is not None and (self.out / "model.json").is_file()

    def _choice(self) -> TrainingChoice | None:
        data, out, form = self.now.dataset, self.out, self.panel.form
        if data is None or out is None or not self._can_train:
            return None
        if out.suffix != ".npm":
            self.session.failed.emit(InputError(out, "is no name of a model", "end it with .npm"), "")
            return None
        return TrainingChoice(data, self.preset, out, form.chosen_device, form.chosen_held_out)

    def _begin(self, choice: TrainingChoice, begin: str) -> None:
        # of several, the one that is watched; and its preset, where nobody has chosen any, to go on with
        self._look_at(replace(self.now, out=str(choice.out), preset=choice.preset))
        self.trainings.start(choice, "on" if begin == "on" else "anew")
        self._show_progress()
        self.scroll_to(self.panel.progress)

    def _read(self, again: bool = False) -> None:
        """Read the dataset in the background; what is on show of it stays when it is read ``again``."""
        folder = self.now.dataset
        if not again:
            self.shown = None
            self.panel.show_dataset(None, folder)
        if folder is None or self._reading == folder:
            return
        self._reading = folder

        def finished(result: object) -> None:
            self._reading = None
            if folder == self.now.dataset:
                assert isinstance(result, DatasetOnShow)
                self.shown = result
                if not again:
                    remember(folder)
                    self.session.message.emit(f"Opened {result.dataset.root}: {result.in_words()}")
                self._on_read()

        def failed(error: Exception, traceback: str) -> None:
            self._reading = None
            self.session.failed.emit(error, traceback)

        if not again:
            self.session.message.emit(f"Reading {folder.name}…")
        self.session.jobs.submit("load", lambda _: open_on_show(folder), finished, failed)

    def _on_read(self) -> None:
        assert self.shown is not None
        self._show_panel()
        self.session.state_changed.emit()
        if self.is_active:
            self.enter()
            self.clip_changed.emit()

    def _on_chosen(self, identity: int, sequence: str) -> None:
        self._look_at(replace(self.now, identity=identity, sequence=sequence, frame=0))

    def _on_form(self) -> None:
        form, now, out = self.panel.form, self.now, self.panel.form.out.text().strip()
        preset = now.preset if form.chosen_preset == self.preset else form.chosen_preset
        if out == now.out and preset != now.preset and self._is_suggested:
            out = ""  # named after the other preset
        chosen = replace(now, preset=preset, device=form.chosen_device, validation=form.chosen_held_out, out=out)
        self._look_at(chosen)

    @property
    def _is_suggested(self) -> bool:
        """Whether nobody chose another name for the model than is made of the dataset and the preset."""
        data = self.now.dataset
        return data is not None and self.now.out == str(suggested_out(data, self.preset))

    def _look_at(self, train: Training) -> None:
        self.document.follow(replace(self.document.state, train=train))

    def _on_advanced(self, out: Path) -> None:
        if self.shown is not None and self.shown.lacks_samples:
            self._read(again=True)  # it has been prepared meanwhile
        if out == self.out:
            self._show_progress()

    def _on_ended(self, out: Path) -> None:
        self._on_advanced(out)
        if out == self.out and self._has_model:
            self.scroll_to(self.panel.model)

    def _show_panel(self) -> None:
        self.panel.show_dataset(self.shown, self.now.dataset)
        self.panel.tree.mark(self.now.identity, self.now.sequence)
        out = "" if self.out is None else str(self.out)
        self.panel.form.show_choice(self.now, self.preset, out, self._has_gpu)
        self._show_progress()
        self.session.state_changed.emit()

    def _show_job(self) -> None:
        self.panel.show_job(self.trainings.job_of(self.out), self.out is not None and can_go_on(self.out))

    def _show_progress(self) -> None:
        """What has been learned, as far as the training folder says."""
        out, shown = self.out, self.shown
        self._show_job()
        if out is None or shown is None:
            self.plots.show_curves({}, 1.0)
            self.panel.show_learned(None, {}, 1.0, False)
            return
        curves = curves_of(out) if has_earlier(out) else {}
        scale = shown.dataset.similarity.scale
        self.plots.show_curves(curves if self.is_active else {}, scale)
        self.panel.show_learned(out, curves, scale, self._has_model)

    def _draw(self) -> None:
        if not self.is_active or self.shown is None:
            return
        view, now, shown = self.viewports.left, self.now, self.shown
        try:
            mesh = shown.mesh(now.identity, now.sequence, now.frame)
        except (InputError, IndexError) as error:
            self.document.timeline.pause()
            self.session.failed.emit(error, "")
            return
        view.mesh.set_opacity(1.0)
        view.mesh.show(mesh.vertices, vertex_normals(mesh.vertices, mesh.faces), mesh.faces)
        if self._grounded != (shown, now.identity, now.sequence):
            self._grounded = (shown, now.identity, now.sequence)
            low, high = mesh.vertices.min(axis=0), mesh.vertices.max(axis=0)
            middle = float(low[0] + high[0]) / 2, float(low[2] + high[2]) / 2
            view.ground.place(shown.lowest(now.identity, now.sequence), middle)
        view.ground.cast_shadow(mesh.vertices)
        name = shown.summary.identities[now.identity].name
        count = len(shown.frames(now.identity, now.sequence))
        what = f"{pretty(now.sequence)} · frame {now.frame + 1} of {count}" if now.sequence else "Canonical mesh"
        view.caption.set_text(pretty(name), f"{what} · {len(mesh.vertices):,} vertices")
        if self._framed_dataset != shown.dataset.root:
            self._framed_dataset = shown.dataset.root
            self.viewports.frame_all()
        else:
            self.viewports.keep_in_view()
        view.redraw()
        self.quality_changed.emit("", "good", shown.dataset.name)

    def _forget_question(self) -> None:
        self.question = None
