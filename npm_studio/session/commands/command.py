"""The form of a command."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One thing that a user can ask for by menu, shortcut or button; what it does is registered, see `Commands`."""

    id: str
    """Unique, ``menu.what``."""
    title: str
    tooltip: str
    """What happens, as one sentence for the status bar and tool tips."""
    shortcut: str = ""
    """In Qt's portable notation."""
    needs: str = ""
    """Name of the condition under which it can be used; empty: always."""
    checked: str = ""
    """Name of the condition that its check mark shows; empty: not checkable."""
    icon: str = ""
    """Name of a file in ``resources`` without ending."""
    also: str = ""
    """Other words by which it is looked for, in small letters; they are not shown."""


@dataclass(frozen=True)
class Submenu:
    """A menu inside a menu, filled each time it opens."""

    id: str
    title: str


Entry = Command | Submenu | None
"""None is a line between groups."""


@dataclass(frozen=True)
class Menu:
    """One menu of the menu bar."""

    title: str
    entries: tuple[Entry, ...]
