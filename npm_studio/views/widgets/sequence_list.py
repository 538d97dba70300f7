"""The open depth sequences, and what is known of the one on show."""

from collections.abc import Sequence

from PyQt6.QtCore import pyqtSignal
from PyQt6.QtGui import QAction, QShowEvent
from PyQt6.QtWidgets import QComboBox, QWidget

from engine.sequences.reader import registered_readers
from npm_studio.session.document.observation import Observation
from npm_studio.views.widgets.basics import Section, note, scrolls_panel


class SequenceList(Section):
    """A list to choose from; what can be opened while it is empty."""

    chosen = pyqtSignal(int)
    """Place of the sequence that the user wants to see."""

    def __init__(self, open_sequence: QAction, parent: QWidget | None = None) -> None:
        super().__init__("Depth sequence", [open_sequence], parent=parent)
        self.choice, self._note = QComboBox(), note("")
        self.choice.activated.connect(self.chosen)
        scrolls_panel(self.choice)
        self.body.addWidget(self.choice)
        self.body.addWidget(self._note)

    def showEvent(self, event: QShowEvent | None) -> None:
        super().showEvent(event)
        self._say_what_can_be_opened()

    def fill(self, observations: Sequence[Observation], on_show: Observation | None) -> None:
        """List ``observations`` and describe the one on show, without telling anybody."""
        self.choice.clear()
        self.choice.addItems([observation.sequence.name for observation in observations])
        self.choice.setEnabled(bool(observations))
        if on_show is None:
            self.choice.setPlaceholderText("No sequence is open")
            self.choice.setAccessibleName("Recording")
            self.choice.setCurrentIndex(-1)
            self._note.setText("")
            if self.isVisible():
                self._say_what_can_be_opened()
            return
        self.choice.setCurrentIndex(list(observations).index(on_show))
        self._note.setText(_description(on_show))
        self.choice.setToolTip(str(on_show.sequence.root))

    def _say_what_can_be_opened(self) -> None:
        """Only to those who see it, for all readers have to be imported."""
        if self.choice.currentIndex() < 0:
            self._note.setText(what_can_be_opened())


def what_can_be_opened() -> str:
    titles = ", ".join(reader.title.replace(" ", "\N{NO-BREAK SPACE}") for reader in registered_readers())
    return f"A folder of depth images or a recording: {titles}."


def _description(observation: Observation) -> str:
    sequence = observation.sequence
    near, far = observation.depth_range
    truth = " With ground truth." if sequence.truth_folder else ""
    return (
        f"{len(sequence)} frames at {sequence.frame_rate:g} per second, {sequence.camera.width} × "
        f"{sequence.camera.height} pixels, {near:.2f} to {far:.2f} m away.{truth}"
    )
