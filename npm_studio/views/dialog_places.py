"""Where dialogs that ask for files begin, and what they suggest."""

import re
from pathlib import Path

from PyQt6.QtCore import QStandardPaths

from npm_studio.session.document.document import Document
from npm_studio.session.document.recognise import Kind, marked_kind
from npm_studio.session.jobs.fitting import runs_folder
from npm_studio.views.opening import recent_of_ones_own


def folder_of(kind: Kind) -> str:
    """Where something of this kind was opened last, or else anything at all; the user's home before that.

    A run is looked for where fits go before any was opened.
    """
    paths = recent_of_ones_own()
    alike = [path for path in paths if (marked_kind(path) or Kind.SEQUENCE) is kind]  # a recording has no mark
    if kind is Kind.RUN and not alike and runs_folder().is_dir():
        return str(runs_folder())
    return str((alike or paths)[0].parent) if paths else str(Path.home())


def place_of(location: QStandardPaths.StandardLocation) -> Path:
    """The user's folder for documents, or pictures; the home where there is none."""
    place = Path(QStandardPaths.writableLocation(location))
    return place if place.is_absolute() and place.is_dir() else Path.home()


def name_of_picture(document: Document) -> str:
    """What a picture of the views is called, without its ending: model, recording or run, and the workspace."""
    state = document.state
    shown = (state.fit.run or state.fit.recording) if state.view.workspace == "fit" else document.model_folder
    name = "npm-studio" if shown is None else re.sub(r"[^\w.-]+", "-", shown.stem)
    return f"{name}-{state.view.workspace}"


def free_name(folder: Path, name: str, ending: str = ".png") -> Path:
    """``folder/NAME.png``, with a number behind the name where that is there already."""
    number, path = 2, folder / f"{name}{ending}"
    while path.exists():
        path, number = folder / f"{name}-{number}{ending}", number + 1
    return path
