"""How a model shall be trained: preset, device, what is held out, and where it goes."""

from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import QComboBox, QFileDialog, QFormLayout, QHBoxLayout, QLineEdit, QPushButton, QWidget

from npm_studio.session.document.state import Training
from npm_studio.session.training_presets import is_for_gpu, presets_by_size, what_for
from npm_studio.views.widgets.basics import note, scrolls_panel

_OWN_FILE = "File…"
_DEVICES = {"auto": "Automatic", "cpu": "Processor", "cuda": "GPU"}


class TrainingForm(QWidget):
    """The fields of a training; `changed` when a person has chosen something else."""

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.preset, self.device = QComboBox(), QComboBox()
        for name in presets_by_size():
            self.preset.addItem(name, name)
            self.preset.setItemData(self.preset.count() - 1, f"{name}: {what_for(name)}", Qt.ItemDataRole.ToolTipRole)
        self.preset.addItem(_OWN_FILE, "")
        self.preset.setToolTip("Sizes of the networks, batches and steps")
        self.warning = note("")
        self.warning.hide()
        for name, title in _DEVICES.items():
            self.device.addItem(title, name)
        self.device.setToolTip("Where it is computed; automatic takes a GPU where there is one")
        self.held_out = QComboBox()
        self.held_out.addItem("Nothing", None)
        self.held_out.addItem("Choose a dataset…", "")
        self.held_out.setToolTip(
            "A dataset of identities or sequences that training does not see: it says how good the model is on others"
        )
        self.out = QLineEdit()
        self.out.setToolTip(
            "Folder of the model, NAME.npm; states, curves and pictures go into NAME.training beside it"
        )
        browse = QPushButton("…")
        browse.setObjectName("small")
        browse.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        browse.setAccessibleName("Choose where the model goes")
        browse.clicked.connect(self._browse)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.out, 1)
        row.addWidget(browse)
        form = QFormLayout(self)
        form.setContentsMargins(0, 0, 0, 0)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        fields = (("Preset", self.preset), ("Device", self.device), ("Held out", self.held_out))
        for title, field in fields:
            field.setAccessibleName(title)
            field.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            field.setMinimumContentsLength(8)
            form.addRow(title, field)
        form.insertRow(2, self.warning)
        self.out.setAccessibleName("Model folder")
        form.addRow("Save as", row)
        self.preset.activated.connect(self._on_preset)
        self.device.activated.connect(lambda _: self.changed.emit())
        self.held_out.activated.connect(self._on_held_out)
        self.out.editingFinished.connect(self._on_out)
        scrolls_panel(self.preset, self.device, self.held_out)
        self._shown, self._shown_preset = Training(), ""

    def show_choice(self, now: Training, preset: str, suggested_out: str, has_gpu: bool) -> None:
        """Show what the document says, without telling anybody.

        Args:
            preset: that of ``now``, or the one that suits where nobody has chosen any
            has_gpu: whether a GPU computes it
        """
        self._shown, self._shown_preset = now, preset
        _choose(self.preset, preset, Path(preset).name)
        is_slow = is_for_gpu(preset) and not has_gpu
        why = "the processor is chosen" if now.device == "cpu" else "there is none here"
        self.warning.setText(f"Meant for a GPU, and {why}." if is_slow else "")
        self.warning.setVisible(is_slow)
        _choose(self.device, now.device, now.device)
        held_out = None if now.validation is None else str(now.validation)
        _choose(self.held_out, held_out, "" if now.validation is None else now.validation.name)
        if not self.out.hasFocus():
            self.out.setText(now.out)
            self.out.setPlaceholderText(suggested_out)

    @property
    def chosen_preset(self) -> str:
        return str(self.preset.currentData())

    @property
    def chosen_device(self) -> str:
        return str(self.device.currentData())

    @property
    def chosen_held_out(self) -> Path | None:
        value = self.held_out.currentData()
        return Path(value) if value else None

    def _on_preset(self) -> None:
        if self.preset.currentData() == "":
            name, _ = QFileDialog.getOpenFileName(self, "Choose a preset", "", "Presets (*.yaml *.yml)")
            _choose(self.preset, name or self._shown_preset, Path(name).name)
        self.changed.emit()

    def _on_held_out(self) -> None:
        if self.held_out.currentData() == "":
            name = QFileDialog.getExistingDirectory(self, "Choose a dataset that training does not see")
            _choose(self.held_out, name or None, Path(name).name)
        self.changed.emit()

    def _on_out(self) -> None:
        if self.out.text().strip() != self._shown.out:
            self.changed.emit()

    def _browse(self) -> None:
        start = self.out.text() or self.out.placeholderText()
        name, _ = QFileDialog.getSaveFileName(self, "Where the model goes", start, "Models (*.npm)")
        if name:
            self.out.setText(str(Path(name).with_suffix(".npm")))
            self.changed.emit()


def _choose(box: QComboBox, value: str | None, title: str) -> None:
    """Show ``value``, which is added where it is not among the choices."""
    index = box.findData(value)
    if index < 0:
        index = box.count() - 1  # before the entry that asks
        box.insertItem(index, title, value)
    box.setCurrentIndex(index)
