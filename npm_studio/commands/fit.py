"""Fit menu."""

from npm_studio.commands.command import Command, Menu

START = Command(
    "fit.start",
    "&Fit Sequence",
    "fit.start",
    "Fit the open model to the depth sequence, in the background.",
    shortcut="Ctrl+Return",
    needs="can_fit",
    icon="fit",
)
CANCEL = Command(
    "fit.cancel",
    "&Cancel Fit",
    "fit.cancel",
    "Stop the fit and keep the best result so far.",
    shortcut="Ctrl+.",
    needs="is_fitting",
    icon="stop",
)
SHOW_FOLDER = Command(
    "fit.show_folder",
    "&Show Run Folder",
    "fit.show_folder",
    "Open the folder of the run on show in the file manager.",
    needs="has_run",
    icon="folder",
)

FIT = Menu("F&it", (START, CANCEL, None, SHOW_FOLDER))
