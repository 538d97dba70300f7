"""Everything that can be asked for, as one list to search in: commands, and the lines of submenus."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from npm_studio.session.commands.command import Command, Menu, Submenu
from npm_studio.session.commands.reasons import reason_against
from npm_studio.session.commands.registry import Commands

SELF = "help.palette"
"""The command that shows the list, which is not in it."""

_NOWHERE = 5
"""Rank of an entry in which a word does not occur."""


@dataclass(frozen=True)
class PaletteEntry:
    """One line."""

    title: str
    place: str
    """The menu that it is in."""
    run: Callable[[], object]
    shortcut: str = ""
    reason: str = ""
    """Why it cannot be done now; empty where it can."""
    also: str = ""
    """Other words by which it is found."""


def palette_entries(menus: Sequence[Menu], commands: Commands) -> list[PaletteEntry]:
    """All there is, in the order of the menus."""
    found = []
    for menu in menus:
        place = _plain(menu.title)
        for entry in menu.entries:
            if isinstance(entry, Submenu):
                inside = f"{place} › {_plain(entry.title)}"
                found += [PaletteEntry(choice.title, inside, choice.choose) for choice in commands.choices(entry.id)]
            elif entry is not None and entry.id != SELF:
                found.append(_of_command(entry, place, commands))
    return found


def matching(entries: Sequence[PaletteEntry], text: str) -> list[PaletteEntry]:
    """Those in which every word of ``text`` occurs, best first.

    That is at the beginning of the title, in it, in other words for it, in the menu.
    """
    words = text.lower().split()
    ranked = [(max((_rank(entry, word) for word in words), default=0), entry) for entry in entries]
    found = [pair for pair in ranked if pair[0] < _NOWHERE]
    return [entry for _, entry in sorted(found, key=lambda pair: (bool(pair[1].reason), pair[0]))]


def _rank(entry: PaletteEntry, word: str) -> int:
    title = entry.title.lower()
    if title.startswith(word):
        return 0
    if f" {word}" in title:
        return 1
    if word in title:
        return 2
    if any(other.startswith(word) for other in entry.also.split()):
        return 3
    return 4 if word in entry.place.lower() else _NOWHERE


def _of_command(command: Command, place: str, commands: Commands) -> PaletteEntry:
    is_enabled = commands.is_enabled(command)
    checked = commands.is_checked(command)
    title = _plain(commands.title(command))
    return PaletteEntry(
        title,
        f"{place} · on" if checked else place,
        partial(commands.run, command, not checked),
        command.shortcut,
        "" if is_enabled else reason_against(command, commands),
        command.also,
    )


def _plain(title: str) -> str:
    return title.replace("&", "")
