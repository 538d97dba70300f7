"""Files and folders that are dropped on the window, or come in one after the other."""

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt6.QtCore import QMimeData, QTimer

from engine.core.errors import InputError
from npm_studio.session.document.recognise import recognise

Refuse = Callable[[InputError], object]


def dropped_paths(data: QMimeData | None) -> list[Path]:
    """What lies on this machine of what is dragged."""
    return [] if data is None else [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def take_drops(
    paths: Sequence[Path], take: Callable[[Path], bool], open_path: Callable[[Path], object], refuse: Refuse
) -> None:
    """Have each of ``paths`` opened, once the drop has returned to the program that it came from.

    Args:
        take: whether the workspace on show has taken a path for itself
        refuse: called once with what nobody opens of them
    """
    QTimer.singleShot(0, lambda: _take(paths, take, open_path, refuse))


def _take(
    paths: Sequence[Path], take: Callable[[Path], bool], open_path: Callable[[Path], object], refuse: Refuse
) -> None:
    errors = []
    for path in paths:
        try:
            if not take(path):
                recognise(path)
                open_path(path)
        except InputError as error:
            errors.append(error)
    if errors:
        refuse(errors[0] if len(errors) == 1 else _joint(errors))


def _joint(errors: Sequence[InputError]) -> InputError:
    """Several errors as one that names each of them."""
    problems = "; ".join(f"{Path(error.subject).name} {error.problem}" for error in errors)
    return InputError(f"{len(errors)} of what was dropped", problems, errors[0].remedy)
