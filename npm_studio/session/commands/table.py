"""All menus in the order of the menu bar."""

from collections.abc import Iterator, Sequence

from npm_studio.resources import document
from npm_studio.session.commands.command import Command, Menu
from npm_studio.session.commands.compare import COMPARE
from npm_studio.session.commands.display import DISPLAY
from npm_studio.session.commands.edit import EDIT
from npm_studio.session.commands.file import FILE
from npm_studio.session.commands.fit import FIT
from npm_studio.session.commands.playback import PLAYBACK
from npm_studio.session.commands.train import TRAIN
from npm_studio.session.commands.view import WorkspaceTitle, view_menu

_DOCUMENTS = (
    Command(
        "help.tutorial", "&Tutorial", "Open the tutorial, with the program of the desktop.", also="manual help guide"
    ),
    Command(
        "help.troubleshooting",
        "T&roubleshooting",
        "Open the list of problems and their cures, with the program of the desktop.",
        also="manual help problem error",
    ),
)


def _help_menu() -> Menu:
    """With the documents that there are."""
    return Menu(
        "&Help",
        (
            Command("help.palette", "&Find Command…", "Search for a command by its name, and do it.", "Ctrl+Shift+P"),
            Command(
                "help.welcome",
                "&Welcome Page",
                "What one can do here, and what was open lately.",
                checked="welcome_shown",
            ),
            Command("help.shortcuts", "&Shortcuts", "List all keyboard shortcuts.", shortcut="F1"),
            *(one for one in _DOCUMENTS if document(one.id.partition(".")[2])),
            Command("help.about", "&About NPM Studio", "Version, licence and graphics of this program."),
        ),
    )


def menus_with(workspaces: Sequence[WorkspaceTitle]) -> tuple[Menu, ...]:
    """The menus of a window with these workspaces."""
    return FILE, EDIT, view_menu(workspaces), DISPLAY, PLAYBACK, FIT, COMPARE, TRAIN, _help_menu()


def commands_in(menus: Sequence[Menu]) -> Iterator[tuple[Menu, Command]]:
    """Every command with the menu that it is in."""
    for menu in menus:
        for entry in menu.entries:
            if isinstance(entry, Command):
                yield menu, entry
