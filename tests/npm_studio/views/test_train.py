"""The workspace Train with a dataset of ellipsoids; a stand-in trains, which writes what a training leaves."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt6.QtGui import QFont, QFontMetrics, QGuiApplication
from pytestqt.qtbot import QtBot

from engine.core.errors import Cancelled
from engine.core.progress import Progress
from engine.dataset.verification.verify import Verification
from engine.training.state import training_folder
from npm_studio.reports.training_curves import Curve
from npm_studio.reports.training_quality import quality_in_words
from npm_studio.session.jobs.training import Begin, TrainingChoice, TrainingEnd
from npm_studio.views import training
from npm_studio.views.opening import recent
from npm_studio.views.theme import theme_of
from npm_studio.views.widgets.training_plots import TrainingPlots, title_of
from tests.npm_studio.views.studio_window import StudioWindow
from tests.support.ellipsoids import write_ellipsoids
from tests.support.present import present

SECONDS = 10_000


class StandInTraining:
    """Measures once and goes on until it is stopped."""

    def __init__(self) -> None:
        self.begun: list[tuple[TrainingChoice, Begin]] = []
        self.ends = threading.Event()
        self.is_idle = False
        """Whether it leaves nothing, and waits to be stopped."""

    def __call__(self, choice: TrainingChoice, begin: Begin, progress: Progress) -> TrainingEnd:
        self.begun.append((choice, begin))
        while self.is_idle:
            if progress.cancelled():
                raise Cancelled
        folder = training_folder(choice.out)
        (folder / "previews").mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 20), "white").save(folder / "previews" / "shape-000100.png")
        lines = [
            {"stage": "shape", "kind": kind, "step": 100, "seconds": 1.0, "sdf": value}
            for kind, value in (("train", 0.0004), ("validation", 0.004))
        ]
        (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        (folder / "shape.last.state").touch()
        progress.stage("train shape", 200)
        progress.advance(100, {"sdf": 0.0004})
        progress.preview(None)
        while not (self.ends.wait(0.01) or progress.cancelled()):
            pass
        return TrainingEnd(choice, is_finished=self.ends.is_set())


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandInTraining]:
    one = StandInTraining()
    monkeypatch.setattr(training, "train", one)
    yield one
    one.ends.set()


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_ellipsoids(tmp_path / "ellipsoids", 2)


def test_a_dataset_is_browsed_its_model_trained_watched_and_the_training_goes_on(
    qtbot: QtBot, window: StudioWindow, dataset: Path, stand_in: StandInTraining
) -> None:
    window.files.open_path(dataset / "dataset.json")
    train = window.train
    qtbot.waitUntil(lambda: train.shown is not None, timeout=SECONDS)
    shown, view = present(train.shown), window.viewports.left
    assert window.workspace is train
    assert view.mesh.is_visible
    assert np.allclose(view.mesh.vertices, shown.mesh(0, "", 0).vertices)
    assert "2 identities" in train.panel.about.text()

    entry = present(train.panel.tree.tree.topLevelItem(1))
    train.panel.tree.tree.setCurrentItem(entry.child(1))
    sequence = shown.dataset.sequences_of(1)[0]
    assert (train.now.identity, train.now.sequence) == (1, sequence)
    assert window.timeline.slider.maximum() == len(shown.frames(1, sequence)) - 1
    window.session.document.timeline.seek(2)
    assert np.allclose(view.mesh.vertices, shown.mesh(1, sequence, 2).vertices)
    train.panel.tree.search.setText("nobody has this name")
    assert entry.isHidden()

    train.verify()
    qtbot.waitUntil(lambda: "checked" in train.panel.verified.text(), timeout=SECONDS)

    window.actions_by_id["train.start"].trigger()
    qtbot.waitUntil(lambda: train.plots.stages == ("shape",), timeout=SECONDS)
    choice, begin = stand_in.begun[0]
    assert (choice.data, choice.preset, begin) == (dataset.resolve(), "own/small", "anew")
    assert choice.out == dataset.with_name("ellipsoids-small.npm").resolve()
    assert train.plots.isVisible()
    assert train.panel.picture.isVisible()
    assert "Poor: the model knows its own data by heart" in train.panel.quality.text()
    qtbot.waitUntil(lambda: train.panel.progress.text() == "Training shape, 100 of 200", timeout=SECONDS)
    (job,) = (job for job in window.session.jobs.jobs if job.lane == "train")
    assert job.info.command == (
        f"npm-studio train all --config own/small --data {choice.data} --out {choice.out} --device auto --restart"
    )
    window.actions_by_id["edit.copy_command"].trigger()
    assert present(QGuiApplication.clipboard()).text() == job.info.command.replace("--restart", "--resume")
    window.actions_by_id["edit.copy_path"].trigger()
    assert present(QGuiApplication.clipboard()).text() == str(choice.data)
    assert recent() == [choice.data]
    window.show_explore()
    assert not train.plots.isVisible()
    assert window.jobs_sheet.button.text() == "Jobs (1)"  # it goes on

    window.show_train()
    train.panel.stop_button.click()
    assert not train.panel.stop_button.isEnabled()  # once is enough
    qtbot.waitUntil(lambda: train.panel.start_button.isVisible(), timeout=SECONDS)
    assert train.panel.progress.text() == "Stopped; Train goes on from there."
    assert train.panel.model.heading.text() == "Model so far"
    train.panel.start_button.click()
    present(train.question).answer("Go on")
    qtbot.waitUntil(lambda: len(stand_in.begun) == 2, timeout=SECONDS)
    assert stand_in.begun[1] == (choice, "on")
    again = window.jobs_sheet.cards[job.number].again
    assert (again.text(), again.isEnabled()) == ("Runs again", False)
    stand_in.ends.set()
    qtbot.waitUntil(lambda: not window.session.jobs.unfinished, timeout=SECONDS)
    assert train.panel.progress.text() == "Trained." and again.isEnabled()
    assert train.panel.model.heading.text() == "Model"


def test_what_suits_the_dataset_and_the_device_is_chosen_and_what_needs_a_gpu_says_so(
    qtbot: QtBot, window: StudioWindow, dataset: Path, stand_in: StandInTraining, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_gpu = False
    monkeypatch.setattr("torch.cuda.is_available", lambda: has_gpu)
    window.files.open_path(dataset)
    train, form = window.train, window.train.panel.form
    qtbot.waitUntil(lambda: train.shown is not None, timeout=SECONDS)
    assert form.chosen_preset == "own/small" and form.warning.isHidden()
    form.preset.setCurrentIndex(form.preset.findData("own/compact"))
    form.preset.activated.emit(form.preset.currentIndex())
    assert form.warning.isVisible()
    assert form.warning.text() == "Meant for a GPU, and there is none here."

    has_gpu = True
    train.open_dataset(write_ellipsoids(dataset.with_name("others"), 2))
    qtbot.waitUntil(lambda: train.shown is not None, timeout=SECONDS)
    assert form.chosen_preset == "own/compact" and form.warning.isHidden()
    form.device.setCurrentIndex(form.device.findData("cpu"))
    form.device.activated.emit(form.device.currentIndex())
    assert form.chosen_preset == "own/small"  # nobody has chosen another one
    assert present(train.out).name == "others-small.npm"


def test_a_model_that_was_not_begun_takes_the_name_of_another_preset(
    qtbot: QtBot, window: StudioWindow, dataset: Path, stand_in: StandInTraining
) -> None:
    window.files.open_path(dataset)
    train, form = window.train, window.train.panel.form
    qtbot.waitUntil(lambda: train.shown is not None, timeout=SECONDS)

    def choose(preset: str) -> None:
        form.preset.setCurrentIndex(form.preset.findData(preset))
        form.preset.activated.emit(form.preset.currentIndex())

    choose("anny/compact")
    stand_in.is_idle = True
    train.panel.start_button.click()
    assert Path(train.now.out).name == "ellipsoids-compact.npm"
    train.panel.stop_button.click()
    qtbot.waitUntil(lambda: train.panel.start_button.isVisible(), timeout=SECONDS)
    assert train.panel.progress.text() == "Stopped before it had begun."
    choose("own/small")
    assert present(train.out).name == "ellipsoids-small.npm"
    form.out.setText(str(dataset.with_name("mine.npm")))
    form.out.editingFinished.emit()
    choose("anny/compact")
    assert present(train.out).name == "mine.npm"


def test_what_is_wrong_with_a_dataset_is_listed_with_its_cure(
    qtbot: QtBot, window: StudioWindow, dataset: Path
) -> None:
    (dataset / "faces.npy").write_bytes(b"damaged")
    window.files.open_path(dataset)
    qtbot.waitUntil(lambda: window.error is not None, timeout=SECONDS)
    assert "faces.npy" in present(window.error).sentence
    present(window.error).close()
    window.train.panel.show_verification(Verification((), (), {"identities": 2}))
    assert window.train.panel.verified.text() == "Clean (2 identities checked)."


def test_a_curve_is_called_by_as_much_as_there_is_room_for(qapp: object) -> None:
    font = QFontMetrics(QFont())
    whole = title_of("shape-encoder", "error", 1000, font)
    assert whole == "Shape encoder: error, mm"
    shorter = title_of("shape-encoder", "error", font.horizontalAdvance(whole) - 1, font)
    assert shorter == "Shape encoder, mm"
    assert title_of("shape-encoder", "error", font.horizontalAdvance(shorter) - 1, font) == "Shape encoder"
    assert title_of("coordinates", "error", 30, font).endswith("…")


def test_what_has_been_measured_once_is_a_dot(qtbot: QtBot) -> None:
    plots = TrainingPlots()
    qtbot.addWidget(plots)
    plots.resize(300, 120)
    plots.show_curves({"shape": {("train", "sdf"): Curve([100], [1.0], [0.004])}}, 0.4)
    image = plots.grab().toImage()
    colours = {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}
    assert theme_of(plots).accent in colours


def test_what_curves_say_is_in_millimetres() -> None:
    curves = {
        "shape": {("train", "sdf"): Curve([1], [1.0], [0.0004])},
        "pose": {("train", "flow"): Curve([1], [1.0], [0.02])},
    }
    assert quality_in_words(curves, 0.4) == [
        "Surfaces are off by 1 mm on average.",
        "Poses are off by 50 mm on average. Rough so far: more steps, or a larger preset.",
    ]
