"""A file of codes, for command lines that cannot name them."""

from pathlib import Path

from PyQt6.QtWidgets import QFileDialog, QWidget
from torch import Tensor

from engine.core.errors import InputError
from engine.models.named_codes import save_codes


def ask_for_codes_file(parent: QWidget, shapes: Tensor, poses: Tensor | None) -> Path | None:
    """Ask where to write codes, see `save_codes`, and write them; None where nobody wants that any more.

    Raises:
        InputError: the file cannot be written.
    """
    title = "These bodies have no names: save their codes for the command line"
    name, _ = QFileDialog.getSaveFileName(parent, title, str(Path.home() / "keyframes.npz"), "Codes (*.npz)")
    if not name:
        return None
    path = Path(name).with_suffix(".npz")
    try:
        save_codes(path, shapes, poses)
    except OSError as error:
        raise InputError(path, f"cannot be written ({error.strerror or error})", "choose another folder") from error
    return path
