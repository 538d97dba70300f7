"""All menus in the order of the menu bar."""

from collections.abc import Iterator

from npm_studio.session.commands.command import Command, Menu
from npm_studio.session.commands.compare import COMPARE
from npm_studio.session.commands.display import DISPLAY
from npm_studio.session.commands.edit import EDIT
from npm_studio.session.commands.file import FILE
from npm_studio.session.commands.fit import FIT
from npm_studio.session.commands.playback import PLAYBACK
from npm_studio.session.commands.view import VIEW

HELP = Menu(
    "&Help",
    (
        Command("help.shortcuts", "&Shortcuts", "show_shortcuts", "List all keyboard shortcuts.", shortcut="F1"),
        Command("help.about", "&About NPM Studio", "show_about", "Version, licence and graphics of this program."),
    ),
)
MENUS: tuple[Menu, ...] = (FILE, EDIT, VIEW, DISPLAY, PLAYBACK, FIT, COMPARE, HELP)


def all_commands() -> Iterator[tuple[Menu, Command]]:
    """Every command with the menu that it is in."""
    for menu in MENUS:
        for entry in menu.entries:
            if isinstance(entry, Command):
                yield menu, entry
